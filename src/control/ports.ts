import type { ControlToMain } from '../messages.ts'
import type { PlanBody } from '../plan/plan.ts'
import { probeAddress } from './state-dir.ts'

const ADDRESS_TROUBLE = {
  'in-use': 'is already in use',
  'not-permitted': 'is not permitted to this user',
  'no-such-address': 'is not an address of this machine'
} as const

/** The listeners' ports: the main thread opens them, once; a running process keeps them. */
export class Ports {
  readonly #toMain: (message: ControlToMain) => void
  #bound: number[] = []
  #opened: () => void = () => {}

  constructor(toMain: (message: ControlToMain) => void) {
    this.#toMain = toMain
  }

  /** As bound, in the listeners' order; empty before they are. */
  get bound(): readonly number[] {
    return this.#bound
  }

  /** Rejects when an address can't be listened on: uWebSockets.js would share a port with another process. */
  async probe(listeners: PlanBody['listeners']): Promise<void> {
    for (const { name, host, port } of listeners) {
      const found = port === 0 ? 'free' : await probeAddress(host, port)
      if (found !== 'free') throw new Error(`listener ${name}: ${host}:${port} ${ADDRESS_TROUBLE[found]}`)
    }
  }

  /** Resolves when all are open; where one can't be, the main thread says so in another way, and this waits on. */
  open(listeners: PlanBody['listeners']): Promise<void> {
    return new Promise((resolve) => {
      this.#opened = resolve
      const asked = listeners.map(({ name, host, port, tls }) => ({ name, host, port, tls }))
      this.#toMain({ type: 'listen', listeners: asked })
    })
  }

  /** The main thread's answer. */
  opened(ports: number[]): void {
    this.#bound = ports
    this.#opened()
  }

  /** For the owner: `https://127.0.0.1:8443 http://…`. */
  urls(listeners: PlanBody['listeners']): string {
    return listeners
      .map(
        ({ host, tls }, i) => `${tls ? 'https' : 'http'}://${host.includes(':') ? `[${host}]` : host}:${this.#bound[i]}`
      )
      .join(' ')
  }
}

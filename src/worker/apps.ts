import { monotonicMs } from '../memory/clock.ts'
import type { PlanHead } from '../plan/plan.ts'
import { WorkerApp, type AppDescriptor, type AppHandlers, type NativeRequest, type NativeResponse } from './uws.ts'

/** AppHandlers (uws.ts) of all the apps in one: `listener` is the app's position in the plan. */
export interface AppsOwner extends Pick<AppHandlers, 'escaped'> {
  /** @param epoch which set of apps the connection came through */
  request(res: NativeResponse, req: NativeRequest, certificate: number, epoch: number, listener: number): void
  opened(res: NativeResponse, listener: number): boolean
  closed(res: NativeResponse | null, listener: number): void
}

/** How long connections of retired apps may live on, ms: their answers say `Connection: close` meanwhile. */
const RETIRED_FOR = 60_000
/** A set without a connection is closed sooner, so that a hundred rotations in a minute don't hold a hundred sets. */
const RETIRED_LOOK = 1_000

/**
 * A worker's apps, one per listener. They are bound to their certificates and authorities for life, because replacing a server name
 * under live connections crashes, and to nothing else: a request always meets the current plan. So a new
 * generation needs new apps only when its certificates or listeners differ.
 */
export class Apps {
  readonly #owner: AppsOwner
  #epoch = 0
  #current: AppSet | null = null
  #prepared: AppSet | null = null
  #replaced: AppSet | null = null
  readonly #retired = new Set<AppSet>()

  constructor(owner: AppsOwner) {
    this.#owner = owner
  }

  /** Makes the apps that `head` needs beside the current ones. Throws when a certificate can't be used. */
  prepare(head: PlanHead): void {
    const identity = JSON.stringify([
      // The file's name says what it holds.
      head.listeners.map(({ name, tls, clientCertificates }) => [name, tls, clientCertificates?.caFile]),
      head.certificates.map(({ hosts, fingerprint, keyFile }) => [hosts, fingerprint, keyFile])
    ])
    this.#prepared = this.#current?.identity === identity ? null : this.#make(head, identity)
  }

  /** @returns the descriptors the acceptor is to hook, or null when the current apps stay. */
  commit(): AppDescriptor[] | null {
    const prepared = this.#prepared
    if (prepared === null) return null
    this.#replaced = this.#current
    this.#current = prepared
    this.#prepared = null
    return prepared.apps.map((app) => app.descriptor)
  }

  cancel(): void {
    if (this.#prepared !== null) close(this.#prepared)
    this.#prepared = null
  }

  /** The acceptor hooked the current apps and unhooked the ones before. */
  hooked(): void {
    const set = this.#replaced
    this.#replaced = null
    if (set === null) return
    this.#retired.add(set)
    const since = monotonicMs()
    set.timer = setInterval(() => {
      if (set.connections > 0 && monotonicMs() - since < RETIRED_FOR) return
      clearInterval(set.timer ?? undefined)
      void handedOver().then(() => {
        if (this.#retired.delete(set)) close(set)
      })
    }, RETIRED_LOOK)
  }

  /** Whether connections of that set of apps are to end with their next answer. */
  retiring(epoch: number): boolean {
    return epoch !== this.#current?.epoch
  }

  /** Closes every connection. Only after the acceptor unhooked all. */
  close(): void {
    this.cancel()
    for (const set of [this.#current, this.#replaced, ...this.#retired]) if (set !== null) close(set)
    this.#current = this.#replaced = null
    this.#retired.clear()
  }

  #make(head: PlanHead, identity: string): AppSet {
    const epoch = ++this.#epoch
    const owner = this.#owner
    const apps: WorkerApp[] = []
    const set: AppSet = { epoch, identity, apps, connections: 0, timer: null }
    try {
      for (const [listener, { tls, clientCertificates }] of head.listeners.entries()) {
        apps.push(
          new WorkerApp(tls ? head.certificates : null, clientCertificates?.caFile ?? null, {
            request: (res, req, certificate) => owner.request(res, req, certificate, epoch, listener),
            opened: (res) => {
              set.connections++
              return owner.opened(res, listener)
            },
            closed: (res) => {
              set.connections--
              owner.closed(res, listener)
            },
            escaped: (error, res) => owner.escaped(error, res)
          })
        )
      }
    } catch (error) {
      for (const app of apps) app.close()
      throw error
    }
    return set
  }
}

/**
 * Resolves when every connection that the acceptor handed to an app before it was unhooked has arrived there: they
 * come in through a queue of the event loop that is emptied once a turn, and one that reached a closed app would be
 * nobody's. Two turns, because this one's may be over already.
 */
export function handedOver(): Promise<void> {
  return new Promise((resolve) => setImmediate(() => setImmediate(() => setImmediate(resolve))))
}

interface AppSet {
  readonly epoch: number
  /** What the apps are bound to; equal: the same apps serve. */
  readonly identity: string
  readonly apps: readonly WorkerApp[]
  /** Open ones, over all its apps. */
  connections: number
  timer: NodeJS.Timeout | null
}

function close(set: AppSet): void {
  if (set.timer !== null) clearInterval(set.timer)
  for (const app of set.apps) app.close()
}

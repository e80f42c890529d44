import { Socket } from 'node:net'
import { monotonicMs } from '../memory/clock.ts'
import type { Beats } from '../memory/beats.ts'

const BEAT = 250
/** This thread's own beat is this late: the whole process may have stood still (stopped, suspended), so ages say nothing. */
const STANDSTILL = 1_000

/** What the guard is told besides ages. */
export interface GuardNews {
  stateDir(): string
  /** The last plan that ran well serves, not what the configuration file says. */
  onLastGood(): boolean
  /** The other end closed. Called once. */
  guardGone(): void
}

/**
 * The control thread's end of the pipe to the guard: beats out, its own and those that main and the workers leave in
 * shared memory. When the other end closes the guard is gone, and a gateway without one must not keep the port.
 */
export class GuardPipe {
  readonly #socket: Socket
  readonly #timer: NodeJS.Timeout

  constructor(fd: number, beats: Beats, workers: number, news: GuardNews) {
    this.#socket = new Socket({ fd, readable: true, writable: true })
    const gone = (): void => {
      this.stop()
      news.guardGone()
    }
    this.#socket.on('error', gone)
    this.#socket.on('close', gone)
    this.#socket.on('end', gone)
    this.#socket.resume()
    let beaten = monotonicMs()
    const beat = (): void => {
      const now = monotonicMs()
      const stood = now - beaten > BEAT + STANDSTILL
      beaten = now
      // Infinity, before the first beat, becomes null in JSON.
      const ages = Array.from({ length: workers }, (_, index) => (stood ? 0 : beats.ageMs(index)))
      const main = stood ? 0 : beats.ageMs('main')
      const line = {
        ready: beats.isReady(),
        onLastGood: news.onLastGood(),
        stateDir: news.stateDir(),
        main,
        workers: ages
      }
      this.#socket.write(`${JSON.stringify(line)}\n`)
    }
    beat()
    this.#timer = setInterval(beat, BEAT)
  }

  /** A stop that is on purpose: the guard's end closing is no news then. */
  stop(): void {
    clearInterval(this.#timer)
    this.#socket.removeAllListeners()
    this.#socket.on('error', () => {})
  }
}

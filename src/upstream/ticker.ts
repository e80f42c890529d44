/**
 * One coarse clock for all deadlines of a transport. A deadline is a number in a field, the tick at which it passes,
 * so setting one costs a store; a timer per request would cost an object and two list operations each time it moves.
 *
 * The clock counts ticks, not time: when the event loop stalls, the answer that came meanwhile is still unread in the
 * kernel, and a wall clock would time it out before it could be read.
 */

/** Milliseconds between two looks at the deadlines: a deadline passes up to two of them late, never early. */
export const TICK = 50

/** A deadline that never passes. */
export const NEVER = Infinity

export class Ticker {
  now = 0
  readonly #onTick: (now: number) => boolean
  #timer: NodeJS.Timeout | null = null

  /** `onTick` looks at the deadlines; false: nothing is left that could pass, stop until the next `start`. */
  constructor(onTick: (now: number) => boolean) {
    this.#onTick = onTick
  }

  start(): void {
    if (this.#timer !== null) return
    this.#timer = setInterval(() => this.#tick(), TICK)
    this.#timer.unref()
  }

  /** The tick by which `ms` have surely passed. */
  after(ms: number): number {
    return this.now + Math.ceil(ms / TICK) + 1
  }

  #tick(): void {
    this.now++
    if (this.#onTick(this.now)) return
    if (this.#timer !== null) clearInterval(this.#timer)
    this.#timer = null
  }
}

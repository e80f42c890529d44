/**
 * What may be used only once within a time, whichever thread sees it: a rate limit of one, in a table of its own, so
 * that no flood of such things can push out the limits' buckets. limit-table.ts has the argument why of two threads that
 * race for one key exactly one wins. Keys are kept as 64 bits of a keyed hash: of n remembered at a time, a new one is
 * mistaken for one of them with a chance of n in 2^64, and nobody outside can aim at that.
 */
import { monotonicNs } from './clock.ts'
import { KeyHash } from './hash.ts'
import { LimitTable, newRate, newVerdict } from './limit-table.ts'
import type { Domain } from './hash.ts'
import type { Rate, Verdict } from './limit-table.ts'
import type { SharedMemory } from './shared.ts'

/** `full`: there is no room to remember it, so it can't be said to be the first. */
export type Use = 'first' | 'again' | 'full'

export class Once {
  readonly #table: LimitTable
  readonly #hash: KeyHash
  readonly #domain: Domain
  readonly #rate: Rate
  readonly #verdict: Verdict = newVerdict()
  readonly #clock: () => bigint

  /** @param what names what is remembered; `period` in ms, how long each is */
  constructor(memory: SharedMemory, what: string, period: number, clock: () => bigint = monotonicNs) {
    this.#table = new LimitTable(memory.once, memory.onceSlots, clock)
    this.#hash = new KeyHash(memory.seed)
    this.#domain = this.#hash.domain(what)
    this.#rate = newRate(1, period, 1)
    this.#clock = clock
  }

  /** Uses it. */
  use(key: string): Use {
    this.#hash.of(key, this.#domain)
    this.#table.take(this.#hash.lo, this.#hash.hi, this.#rate, this.#clock(), this.#verdict)
    if (this.#verdict.admitted) return 'first'
    return this.#verdict.full ? 'full' : 'again'
  }

  /** Whether it was used, without using it. */
  used(key: string): boolean {
    this.#hash.of(key, this.#domain)
    this.#table.peek(this.#hash.lo, this.#hash.hi, this.#rate, this.#clock(), this.#verdict)
    return !this.#verdict.admitted
  }
}

/**
 * Requests under way per key, exact over all threads. A slot of the shared table (slots.ts) holds the key's count,
 * changed by compareExchange only; beside it every worker has a column of its own with its share, so that the share
 * can be subtracted when the worker goes.
 *
 * The word's value is a count of 20 bits under a version of 42 bits that goes up with every change: the count falls
 * as well as rises, and the version is what makes each word larger than the one before, as slots.ts asks. A count of
 * 0 says no more than an absent slot does: such slots are taken over.
 *
 * Order between count and column: acquiring raises the count, then the column; releasing lowers the column, then the
 * count. A worker destroyed between the two steps leaves a count that is one too high, never one too low: the limit
 * then admits one less for that key, until the process restarts, but never one more.
 */
import { AGAIN, ATTEMPTS, FULL, SlotTable, bytesOfSlots, slotCount } from './slots.ts'

/** Results of `acquire` that are no slot: at the maximum, and no room for another key. */
export const BUSY = -1
export const NO_ROOM = -2

/** Most that a limit may admit at once. */
export const MAX_CONCURRENT = (1 << 20) - 1

const COUNT_MASK = BigInt(MAX_CONCURRENT)
const VERSION_SHIFT = 22n

export function bytesOfConcurrency(slots: number, workers: number): number {
  return bytesOfSlots(slots) + slotCount(slots) * workers * Int32Array.BYTES_PER_ELEMENT
}

export class ConcurrencyTable extends SlotTable {
  /** Requests of the key under way after the last `acquire` (this one counted when it was admitted). */
  underWay = 0
  readonly #columns: Int32Array
  readonly #workers: number

  /** @param slots,workers as given to `bytesOfConcurrency` */
  constructor(buffer: SharedArrayBuffer, slots: number, workers: number) {
    super(buffer, slots)
    this.#columns = new Int32Array(buffer, bytesOfSlots(slots), this.slots * workers)
    this.#workers = workers
  }

  /**
   * Admits one more request of a key, if fewer than `max` are under way.
   * @param lo,hi the key's hash, not both 0
   * @param max 1 to MAX_CONCURRENT
   * @returns the slot to `release` when the request ends, or BUSY or NO_ROOM
   */
  acquire(lo: number, hi: number, max: number, worker: number): number {
    for (let attempt = 0; attempt < ATTEMPTS; attempt++) {
      const slot = this.find(lo, hi)
      if (slot < 0) {
        const claimed = this.claim(lo, hi, 0n, attempt)
        if (claimed === FULL) return NO_ROOM
        if (claimed === AGAIN) continue
        if (!this.#exchange(claimed, this.claimedWord, 1n)) continue
        return this.#admitted(claimed, worker, 1)
      }
      const word = this.word(slot)
      if (!this.holds(slot, word, lo, hi)) continue
      const count = (word >> 2n) & COUNT_MASK
      if (count >= max) {
        if (!this.unchanged(slot, word, lo, hi)) continue
        this.underWay = Number(count)
        return BUSY
      }
      if (this.#exchange(slot, word, count + 1n)) return this.#admitted(slot, worker, Number(count) + 1)
    }
    return NO_ROOM
  }

  /** Requests of a key under way now. */
  underWayOf(lo: number, hi: number): number {
    const slot = this.find(lo, hi)
    if (slot < 0) return 0
    const word = this.word(slot)
    return this.holds(slot, word, lo, hi) ? Number((word >> 2n) & COUNT_MASK) : 0
  }

  /** Ends a request that `acquire` admitted on this worker. The slot is still the key's: its count kept it. */
  release(slot: number, worker: number): void {
    Atomics.sub(this.#columns, slot * this.#workers + worker, 1)
    this.#lower(slot, 1n)
  }

  /**
   * Takes back what a worker that is gone had under way. To be called after its thread has ended and before another
   * takes its index.
   */
  releaseWorker(worker: number): void {
    for (let slot = 0; slot < this.slots; slot++) {
      const share = Atomics.exchange(this.#columns, slot * this.#workers + worker, 0)
      if (share > 0) this.#lower(slot, BigInt(share))
    }
  }

  protected override idle(word: bigint): boolean {
    return ((word >> 2n) & COUNT_MASK) === 0n
  }

  #admitted(slot: number, worker: number, count: number): number {
    Atomics.add(this.#columns, slot * this.#workers + worker, 1)
    this.underWay = count
    return slot
  }

  /** While a share is out the slot is LIVE and of one key, so only the count can have changed between two tries. */
  #lower(slot: number, share: bigint): void {
    let word: bigint
    do {
      word = this.word(slot)
    } while (!this.#exchange(slot, word, ((word >> 2n) & COUNT_MASK) - share))
  }

  #exchange(slot: number, word: bigint, count: bigint): boolean {
    const next = BigInt.asIntN(64, (((word >> VERSION_SHIFT) + 1n) << VERSION_SHIFT) | (count << 2n))
    return BigInt.asIntN(64, Atomics.compareExchange(this.words, slot * 2 + 1, word, next)) === word
  }
}

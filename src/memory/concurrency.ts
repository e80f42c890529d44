/**
 * Requests under way per key, exact over all threads. A slot of the shared table (slots.ts) holds the key's count,
 * changed by compareExchange only; beside it every worker has a column of its own with its share, so that the share
 * can be subtracted when the worker goes.
 *
 * The word's value is a count of 20 bits and the number that wait in 10, under a version of 32 bits that goes up with
 * every change: counts fall as well as rise, and the version is what makes each word larger than the one before, as
 * slots.ts asks. It comes round after 4 billion changes of one slot, hours at the highest rate measured, and does harm
 * only to a thread that stood still for just that long between two instructions. With nobody under way or waiting a slot
 * says no more than an absent one does: such slots are taken over.
 *
 * Order between count and column: acquiring raises the count, then the column; releasing lowers the column, then the
 * count. A worker destroyed between the two steps leaves a count that is one too high, never one too low: the limit
 * then admits one less for that key, until the process restarts, but never one more.
 *
 * A key whose window of slots is full is counted without one (crowd.ts), and its requests do not wait. Such a request (1)
 * is counted there, (2) looks for a slot of its key, killing claims that are TENTATIVE, and goes there if it meets a LIVE
 * one, (3) is judged. A claim that is TENTATIVE looks whether the key has anybody there, and if so is given up. So a key
 * never has requests in both places: a claim that (2) did not meet came after it, and found who had been counted by (1).
 *
 * Waiting. A request that may wait raises the number that wait, draws a ticket and stands in its worker's own queue of
 * the key; the worker publishes the ticket of its first. Whoever has the smallest published ticket of a key goes next,
 * so the queue is first come, first served over all workers, but for two that come within the same microsecond. While
 * anyone waits, newcomers stand behind.
 *
 * No wake-up is lost. A release lowers the count, which holds the number that wait, and if that is not 0 rings the bell
 * of every worker that has published a ticket. A waiter publishes its ticket and then tries: either its try comes after
 * the release and finds the place, or the release comes after the publication and rings. A worker listens by loading
 * its bell, trying for all its first waiters, and then waiting for the bell to differ from what it loaded: a ring after
 * the load ends the wait at once. Who is granted a place or leaves the queue rings, too, while places are free: a ring
 * that came for it is passed on.
 */
import { bytesOfCrowd, Crowd } from './crowd.ts'
import { AGAIN, ATTEMPTS, FULL, SlotTable, bytesOfSlots, slotCount } from './slots.ts'

/** Results of `acquire` that are no slot: at the maximum, no room for another key, and `waitingSlot` says where to wait. */
export const BUSY = -1
export const NO_ROOM = -2
export const WAITS = -3
const AGAIN_WITHOUT = -4

/** Most that a limit may admit at once. */
export const MAX_CONCURRENT = (1 << 20) - 1

/** Most that may wait for one key. */
export const MAX_QUEUE = (1 << 10) - 1

const COUNT_BITS = 20n
const COUNT_MASK = BigInt(MAX_CONCURRENT)
const QUEUE_MASK = BigInt(MAX_QUEUE)
const VERSION_SHIFT = 32n
/** Of each worker in each slot: requests under way, requests that wait, and the ticket of the first of those. */
const UNDER_WAY = 0
const WAITING = 1
const FIRST = 2
const COLUMNS = 3
/** A bell that rings is heard at once; this is for one that a fault of the platform's swallowed. */
const LISTEN = 1_000

export function bytesOfConcurrency(slots: number, workers: number): number {
  const words = slotCount(slots) * (workers * COLUMNS + 1) + workers
  return bytesOfSlots(slots) + words * Int32Array.BYTES_PER_ELEMENT + bytesOfCrowd(slotCount(slots), workers)
}

export class ConcurrencyTable extends SlotTable {
  /** Requests of the key under way after the last `acquire` (this one counted when it was admitted). */
  underWay = 0
  /** Where a request that WAITS waits. */
  waitingSlot = 0
  /** Whether the last `acquire` found no slot, and was counted without one. */
  crowded = false
  readonly #crowd: Crowd
  readonly #columns: Int32Array
  readonly #tickets: Int32Array
  readonly #bells: Int32Array
  readonly #workers: number

  /** @param slots,workers as given to `bytesOfConcurrency` */
  constructor(buffer: SharedArrayBuffer, slots: number, workers: number) {
    super(buffer, slots)
    const columns = this.slots * workers * COLUMNS
    this.#columns = new Int32Array(buffer, bytesOfSlots(slots), columns)
    this.#tickets = new Int32Array(buffer, bytesOfSlots(slots) + columns * 4, this.slots)
    this.#bells = new Int32Array(buffer, bytesOfSlots(slots) + (columns + this.slots) * 4, workers)
    this.#workers = workers
    const words = columns + this.slots + workers
    this.#crowd = new Crowd(buffer, bytesOfSlots(slots) + words * 4, this.slots, workers)
  }

  /**
   * Admits one more request of a key, if fewer than `max` are under way.
   * @param lo,hi the key's hash, not both 0
   * @param max 1 to MAX_CONCURRENT
   * @param queue how many may wait for one to end, 0 to MAX_QUEUE
   * @param slotOnly whether a key that finds no slot is NO_ROOM, instead of counted without one
   * @returns what to `release` when the request ends, or BUSY or NO_ROOM; WAITS: `enter` the queue of `waitingSlot`
   */
  acquire(lo: number, hi: number, max: number, worker: number, queue = 0, slotOnly = false): number {
    this.crowded = false
    for (let attempt = 0; attempt < ATTEMPTS; attempt++) {
      const slot = this.find(lo, hi)
      if (slot < 0) {
        const claimed = this.claim(lo, hi, 0n, attempt)
        if (claimed === AGAIN) continue
        if (claimed === FULL && slotOnly) return NO_ROOM
        if (claimed === FULL || (this.#crowd.any && this.#crowd.count(this.#crowd.keyOf(lo, hi)) > 0)) {
          if (claimed >= 0) this.giveUp(claimed)
          const held = this.#acquireWithoutSlot(lo, hi, max, worker)
          if (held === AGAIN_WITHOUT) continue
          return held
        }
        if (!this.#exchange(claimed, this.claimedWord, 1n, 0n)) continue
        return this.#admitted(claimed, worker, 1)
      }
      const word = this.word(slot)
      if (!this.holds(slot, word, lo, hi)) continue
      const count = countIn(word)
      const waiting = waitingIn(word)
      if (count < max && waiting === 0n) {
        if (this.#exchange(slot, word, count + 1n, 0n)) return this.#admitted(slot, worker, Number(count) + 1)
      } else if (waiting < queue) {
        if (!this.#exchange(slot, word, count, waiting + 1n)) continue
        Atomics.add(this.#columns, this.#at(slot, worker) + WAITING, 1)
        this.waitingSlot = slot
        return WAITS
      } else if (this.unchanged(slot, word, lo, hi)) {
        this.underWay = Number(count)
        return BUSY
      }
    }
    return NO_ROOM
  }

  /** Draws the ticket of a request that waits: not 0, and later than all drawn for the slot before. */
  draw(slot: number): number {
    const ticket = (Atomics.add(this.#tickets, slot, 1) + 1) | 0
    return ticket === 0 ? this.draw(slot) : ticket
  }

  /** Publishes the ticket of the first that waits on this worker; 0: none does. */
  publish(slot: number, worker: number, ticket: number): void {
    Atomics.store(this.#columns, this.#at(slot, worker) + FIRST, ticket)
  }

  /** Gives a place to the first of this worker's queue, whose ticket is published, if it is its turn and one is free. */
  grant(slot: number, worker: number, max: number): boolean {
    const own = Atomics.load(this.#columns, this.#at(slot, worker) + FIRST)
    if (own === 0) return false
    for (let other = 0; other < this.#workers; other++) {
      const ticket = Atomics.load(this.#columns, this.#at(slot, other) + FIRST)
      // Tickets come round; of two that are out at a time the difference says which is earlier.
      if (ticket !== 0 && ((ticket - own) | 0) < 0) return false
    }
    for (;;) {
      const word = this.word(slot)
      const count = countIn(word)
      if (count >= max) return false
      if (!this.#exchange(slot, word, count + 1n, waitingIn(word) - 1n)) continue
      Atomics.sub(this.#columns, this.#at(slot, worker) + WAITING, 1)
      Atomics.add(this.#columns, this.#at(slot, worker) + UNDER_WAY, 1)
      return true
    }
  }

  /** A request that waited on this worker waits no longer, and got no place. */
  leave(slot: number, worker: number): void {
    Atomics.sub(this.#columns, this.#at(slot, worker) + WAITING, 1)
    this.#lower(slot, 0n, 1n)
  }

  /** Wakes every worker on which somebody waits for this slot. */
  ring(slot: number): void {
    for (let worker = 0; worker < this.#workers; worker++) {
      if (Atomics.load(this.#columns, this.#at(slot, worker) + FIRST) === 0) continue
      Atomics.add(this.#bells, worker, 1)
      Atomics.notify(this.#bells, worker)
    }
  }

  /** What `rung` is to be asked with. */
  bell(worker: number): number {
    return Atomics.load(this.#bells, worker)
  }

  /** Resolves once the worker's bell differs from `heard`; null: it does already. */
  rung(worker: number, heard: number): Promise<unknown> | null {
    const listening = Atomics.waitAsync(this.#bells, worker, heard, LISTEN)
    return listening.async ? listening.value : null
  }

  /** Requests of a key under way now. */
  underWayOf(lo: number, hi: number): number {
    const slot = this.find(lo, hi)
    if (slot < 0) return this.#crowd.any ? this.#crowd.count(this.#crowd.keyOf(lo, hi)) : 0
    const word = this.word(slot)
    return this.holds(slot, word, lo, hi) ? Number(countIn(word)) : 0
  }

  /** Ends a request that `acquire` admitted on this worker. The slot is still the key's: its count kept it. */
  release(slot: number, worker: number): void {
    if (slot >= this.slots) return this.#crowd.leave(slot - this.slots, worker)
    Atomics.sub(this.#columns, this.#at(slot, worker) + UNDER_WAY, 1)
    if (this.#lower(slot, 1n, 0n)) this.ring(slot)
  }

  /**
   * Takes back what a worker that is gone had under way. To be called after its thread has ended and before another
   * takes its index.
   */
  releaseWorker(worker: number): void {
    this.#crowd.releaseWorker(worker)
    for (let slot = 0; slot < this.slots; slot++) {
      const at = this.#at(slot, worker)
      Atomics.store(this.#columns, at + FIRST, 0)
      const share = Atomics.exchange(this.#columns, at + UNDER_WAY, 0)
      const waited = Atomics.exchange(this.#columns, at + WAITING, 0)
      if (share <= 0 && waited <= 0) continue
      if (this.#lower(slot, BigInt(Math.max(0, share)), BigInt(Math.max(0, waited)))) this.ring(slot)
    }
  }

  protected override idle(word: bigint): boolean {
    return countIn(word) === 0n && waitingIn(word) === 0n
  }

  /** Numbers from `slots` on stand for keys without one. */
  #acquireWithoutSlot(lo: number, hi: number, max: number, worker: number): number {
    const key = this.#crowd.keyOf(lo, hi)
    this.#crowd.enter(key, worker)
    if (this.overtaken(lo, hi)) {
      this.#crowd.leave(key, worker)
      return AGAIN_WITHOUT
    }
    const count = this.#crowd.count(key)
    this.crowded = true
    this.underWay = Math.min(count, max)
    if (count <= max) return this.slots + key
    this.#crowd.leave(key, worker)
    return BUSY
  }

  #at(slot: number, worker: number): number {
    return (slot * this.#workers + worker) * COLUMNS
  }

  #admitted(slot: number, worker: number, count: number): number {
    Atomics.add(this.#columns, this.#at(slot, worker) + UNDER_WAY, 1)
    this.underWay = count
    return slot
  }

  /**
   * While a share is out the slot is LIVE and of one key, so only the counts can have changed between two tries.
   * @returns whether somebody waits
   */
  #lower(slot: number, share: bigint, waited: bigint): boolean {
    for (;;) {
      const word = this.word(slot)
      const waiting = waitingIn(word) - waited
      if (this.#exchange(slot, word, countIn(word) - share, waiting)) return waiting > 0n
    }
  }

  #exchange(slot: number, word: bigint, count: bigint, waiting: bigint): boolean {
    const value = (waiting << (COUNT_BITS + 2n)) | (count << 2n)
    const next = BigInt.asIntN(64, (((word >> VERSION_SHIFT) + 1n) << VERSION_SHIFT) | value)
    return BigInt.asIntN(64, Atomics.compareExchange(this.words, slot * 2 + 1, word, next)) === word
  }
}

function countIn(word: bigint): bigint {
  return (word >> 2n) & COUNT_MASK
}

function waitingIn(word: bigint): bigint {
  return (word >> (COUNT_BITS + 2n)) & QUEUE_MASK
}

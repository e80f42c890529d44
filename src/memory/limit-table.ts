/**
 * Rate limits, exact over all threads: the generic cell rate algorithm (GCRA; ITU-T I.371) in one shared table. A
 * bucket is one number, its theoretical arrival time (TAT): the moment at which it will be full again. A request
 * moves it `interval` further, and is refused if that would put it more than `burst × interval` ahead of now. A TAT
 * that has passed says the same as no TAT at all, so such slots are given to other keys without loss; slots.ts has
 * the argument why that stays exact while threads race.
 *
 * Times are ns of the host's monotonic clock, in the upper 61 bits of the slot's word: room for 73 years. The interval
 * is rounded up to whole ns, so a limit never admits more than it says; it admits less by at most 1 ns a request
 * (0.1 % at 1,000,000/s, nothing where the period divides evenly). Rates over 1,000,000,000/s count as that one:
 * closer than 1 ns apart, no host can tell. The burst is exact at any rate.
 *
 * A full window (64 live buckets): the new key is refused and `full` set. Letting it pass would let whoever fills the
 * table go unlimited; taking the slot that expires soonest would hand a spent bucket back to its owner, full. Keys
 * that have a slot are not touched by it. The wait told is until the first slot of the window comes free. With random
 * keys the first refusal comes at about three quarters of a table in live use.
 */
import { monotonicNs } from './clock.ts'
import { AGAIN, ATTEMPTS, FULL, SlotTable, WINDOW, bytesOfSlots } from './slots.ts'

/** Longest that a bucket may take to refill, burst × interval: 2^60 ns, 36 years. */
export const MAX_REFILL_NS = 1n << 60n

/** A rate and its burst as the table counts them. */
export interface Rate {
  /** ns that one unit takes to be refilled, at least 1. */
  readonly unit: bigint
  /** ns that one request takes: its cost × unit. */
  readonly interval: bigint
  /** ns that the whole bucket takes: burst × unit. */
  readonly capacity: bigint
  /** The same three as numbers, for what is told to clients. */
  readonly unitNs: number
  readonly intervalNs: number
  readonly capacityNs: number
}

/** What a decision says. Written anew by every call. */
export interface Verdict {
  admitted: boolean
  /** Units left right after this one: requests, where each costs one. */
  remaining: number
  /** ns until all of the limit is there again. */
  resetNs: number
  /** ns until one more such request would be admitted; 0 when it would be now. */
  retryNs: number
  /** Refused only because the table has no room for a new key. */
  full: boolean
}

export function newVerdict(): Verdict {
  return { admitted: false, remaining: 0, resetNs: 0, retryNs: 0, full: false }
}

export function bytesOfLimitTable(slots: number): number {
  return bytesOfSlots(slots)
}

/**
 * @param count units per `periodMs`, both whole and at least 1
 * @param burst most units at once, whole and at least 1
 * @param cost units of one request, 1 to `burst`
 * @throws RangeError when the bucket would take more than 36 years to refill
 */
export function newRate(count: number, periodMs: number, burst: number, cost = 1): Rate {
  const unit = (BigInt(periodMs) * 1_000_000n + BigInt(count) - 1n) / BigInt(count)
  const interval = BigInt(cost) * unit
  const capacity = BigInt(burst) * unit
  if (capacity > MAX_REFILL_NS) {
    throw new RangeError(
      `a burst of ${burst} takes more than 36 years to refill at ${count} in ${periodMs} ms: lower it`
    )
  }
  const numbers = { unitNs: Number(unit), intervalNs: Number(interval), capacityNs: Number(capacity) }
  return { unit, interval, capacity, ...numbers }
}

export class LimitTable extends SlotTable {
  readonly #clock: () => bigint
  /** To turn a bigint of at most 63 bits into a number: through two views of 8 bytes, a third of what Number() costs. */
  readonly #whole = new BigInt64Array(1)
  readonly #lanes = new Int32Array(this.#whole.buffer)

  /**
   * @param slots as given to `bytesOfLimitTable`
   * @param clock for tests; must never step back and must be the clock of every `now`
   */
  constructor(buffer: SharedArrayBuffer, slots: number, clock: () => bigint = monotonicNs) {
    super(buffer, slots)
    this.#clock = clock
  }

  /**
   * Decides on one request and, if it is admitted, charges it. After ATTEMPTS lost races it refuses.
   * @param lo,hi the key's hash, not both 0
   * @param now monotonicNs(), not from the future
   */
  take(lo: number, hi: number, rate: Rate, now: bigint, into: Verdict): void {
    for (let attempt = 0; attempt < ATTEMPTS; attempt++) {
      const slot = this.find(lo, hi)
      if (slot < 0) {
        const claimed = this.claim(lo, hi, now, attempt)
        if (claimed === FULL) return this.#refuseForRoom(lo, hi, now, into)
        if (claimed === AGAIN || !this.#fillFirst(claimed, rate, now, into)) continue
        return
      }
      const word = this.word(slot)
      if (!this.holds(slot, word, lo, hi)) continue
      const arrival = BigInt.asIntN(64, word >> 2n)
      const next = BigInt.asIntN(64, (arrival > now ? arrival : now) + rate.interval)
      if (BigInt.asIntN(64, next - now) > rate.capacity) {
        if (!this.unchanged(slot, word, lo, hi)) continue
        return this.#refuse(BigInt.asIntN(64, arrival - now), rate, into)
      }
      const seen = Atomics.compareExchange(this.words, slot * 2 + 1, word, BigInt.asIntN(64, next << 2n))
      if (BigInt.asIntN(64, seen) === word) return this.#admit(BigInt.asIntN(64, next - now), rate, into)
    }
    this.#refuse(rate.capacity, rate, into)
  }

  /**
   * Charges units that nobody can refuse any more, because what they pay for has been done: the bucket may be overdrawn
   * and then admits nothing until that is refilled. A key that has no slot and finds none is not charged.
   * @param units whole, 0 or more
   * @param into what is left
   */
  charge(lo: number, hi: number, rate: Rate, units: number, now: bigint, into: Verdict): void {
    const more = BigInt(units) * rate.unit
    for (let attempt = 0; attempt < ATTEMPTS; attempt++) {
      let slot = this.find(lo, hi)
      let word = 0n
      let arrival = 0n
      let at = now
      if (slot < 0) {
        if (units === 0) return this.#admit(0n, rate, into)
        slot = this.claim(lo, hi, now, attempt)
        if (slot === FULL) return this.#refuseForRoom(lo, hi, now, into)
        if (slot === AGAIN) continue
        word = this.claimedWord
        // As in #fillFirst.
        const read = this.#clock()
        if (read > at) at = read
      } else {
        word = this.word(slot)
        if (!this.holds(slot, word, lo, hi)) continue
        arrival = word >> 2n
      }
      // No debt past what a bucket may hold, or charges without end could leave the range of the word.
      let next = (arrival > at ? arrival : at) + more
      if (next > at + MAX_REFILL_NS) next = at + MAX_REFILL_NS
      if (next < arrival) next = arrival
      if (BigInt.asIntN(64, Atomics.compareExchange(this.words, slot * 2 + 1, word, next << 2n)) !== word) continue
      if (next - at > rate.capacity) this.#refuse(next - at, rate, into)
      else this.#admit(next - at, rate, into)
      return
    }
  }

  /**
   * What `take` would say, without charging, so that `remaining` counts the request asked for. A key without a slot is
   * a full bucket, even if the table has no room for it.
   */
  peek(lo: number, hi: number, rate: Rate, now: bigint, into: Verdict): void {
    for (let attempt = 0; attempt < ATTEMPTS; attempt++) {
      const slot = this.find(lo, hi)
      if (slot < 0) return this.#admit(0n, rate, into)
      const word = this.word(slot)
      if (!this.holds(slot, word, lo, hi) || !this.unchanged(slot, word, lo, hi)) continue
      const ahead = word >> 2n > now ? (word >> 2n) - now : 0n
      return ahead + rate.interval > rate.capacity ? this.#refuse(ahead, rate, into) : this.#admit(ahead, rate, into)
    }
    this.#refuse(rate.capacity, rate, into)
  }

  protected override idle(word: bigint, now: bigint): boolean {
    return word >> 2n < now
  }

  /**
   * Step 4 of a claim: the first request of a bucket, which is always admitted. The clock is read here, after the look
   * for rivals: if another thread found this key's earlier bucket expired and took its slot, it is expired by this
   * reading too, though perhaps not by the older `now`.
   */
  #fillFirst(slot: number, rate: Rate, now: bigint, into: Verdict): boolean {
    const read = this.#clock()
    const next = (read > now ? read : now) + rate.interval
    if (Atomics.compareExchange(this.words, slot * 2 + 1, this.claimedWord, next << 2n) !== this.claimedWord)
      return false
    this.#admit(rate.interval, rate, into)
    return true
  }

  #admit(ahead: bigint, rate: Rate, into: Verdict): void {
    const aheadNs = this.#number(ahead)
    into.admitted = true
    // Exact up to 52 days of bucket; past those, one more or less tells a client nothing.
    into.remaining = Math.floor((rate.capacityNs - aheadNs) / rate.unitNs)
    into.resetNs = aheadNs
    into.retryNs = Math.max(0, aheadNs + rate.intervalNs - rate.capacityNs)
    into.full = false
  }

  #refuse(ahead: bigint, rate: Rate, into: Verdict): void {
    const aheadNs = this.#number(ahead)
    into.admitted = false
    // With a cost above one there may be some left, though not enough; after a charge beyond the bucket, less than none.
    into.remaining = Math.max(0, Math.floor((rate.capacityNs - aheadNs) / rate.unitNs))
    into.resetNs = aheadNs
    into.retryNs = aheadNs + rate.intervalNs - rate.capacityNs
    into.full = false
  }

  #refuseForRoom(lo: number, hi: number, now: bigint, into: Verdict): void {
    let soonest = MAX_REFILL_NS
    for (let place = 0; place < WINDOW; place++) {
      const wait = (this.word(this.slotAt(lo, hi, place)) >> 2n) - now
      if (wait < soonest) soonest = wait
    }
    into.admitted = false
    into.remaining = 0
    into.retryNs = soonest > 0n ? Number(soonest) : 0
    into.resetNs = into.retryNs
    into.full = true
  }

  #number(value: bigint): number {
    this.#whole[0] = BigInt.asIntN(64, value)
    return (this.#lanes[1] as number) * 0x1_0000_0000 + ((this.#lanes[0] as number) >>> 0)
  }
}

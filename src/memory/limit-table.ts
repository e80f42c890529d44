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
 * A full window (64 live buckets): with random keys the first comes at about three quarters of a table in live use. A
 * new key then has no slot, and what it owes is kept in a sketch (debt-sketch.ts), which never says less: the key gets no
 * more than its limit, though perhaps less. A key that owes more than the least of its window takes that one's slot,
 * whose debt is noted in the sketch before: so it is the keys in heavy use that have slots, and are counted exactly,
 * while a million keys that come once each push out only each other. Buckets of another scale are never displaced. The
 * sketch has the argument why no debt is lost on the way.
 *
 * Long because a charge, its refusal and its way into the sketch are one argument.
 */
import { monotonicNs } from './clock.ts'
import { bytesOfDebtSketch, DebtSketch, sameScale } from './debt-sketch.ts'
import { AGAIN, ATTEMPTS, FULL, SlotTable, WINDOW, bytesOfSlots, slotCount } from './slots.ts'

/** Longest that a bucket may take to refill, burst × interval: 2^60 ns, 36 years. */
const MAX_REFILL_NS = 1n << 60n

/** How long a thread may be put aside in the midst of a charge to the sketch without having to begin anew, ns. */
const STALL_NS = 1_000_000_000n

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
  return bytesOfSlots(slots) + bytesOfDebtSketch(slotCount(slots))
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
  readonly #sketch: DebtSketch
  // What `#findLeast` found.
  #leastPlace = 0
  #leastWord = 0n
  /** The time by which `#chargeSketch` charged. */
  #chargedAt = 0n
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
    this.#sketch = new DebtSketch(buffer, bytesOfSlots(slots), this.slots)
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
        let claimed = this.claim(lo, hi, now, attempt)
        if (claimed === FULL) {
          if (!this.#displaces(lo, hi, rate, now)) {
            if (this.#takeWithoutSlot(lo, hi, rate, now, into)) return
            continue
          }
          claimed = this.displace(lo, hi, this.#leastPlace, this.#leastWord, attempt)
        }
        if (claimed === AGAIN || !this.#fillFirst(claimed, lo, hi, rate, now, into)) continue
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
        if (slot === FULL) {
          const owed = this.#sketch.owed(lo, hi)
          at = this.#read(now)
          const ahead = owed > at ? owed - at : 0n
          let added = more
          if (ahead + more > MAX_REFILL_NS) added = ahead < MAX_REFILL_NS ? MAX_REFILL_NS - ahead : 1n
          const due = this.#chargeSketch(lo, hi, owed, at, added)
          if (due < 0n) continue
          return this.#say(due - this.#chargedAt, rate, into)
        }
        if (slot === AGAIN) continue
        word = this.claimedWord
        // As in #fillFirst.
        at = this.#read(now)
        if (this.#sketch.any(at)) {
          arrival = this.#sketch.owed(lo, hi)
          if (!this.#sketch.charge(lo, hi, arrival, (arrival > at ? arrival : at) + more)) continue
        }
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
      return this.#say(next - at, rate, into)
    }
  }

  /**
   * What `take` would say, without charging, so that `remaining` counts the request asked for. A key without a slot is
   * a full bucket, even if the table has no room for it.
   */
  peek(lo: number, hi: number, rate: Rate, now: bigint, into: Verdict): void {
    for (let attempt = 0; attempt < ATTEMPTS; attempt++) {
      const slot = this.find(lo, hi)
      if (slot < 0) return this.#peekWithoutSlot(lo, hi, rate, now, into)
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
   * A slot that was displaced and whose claim was then killed is DEAD with the time of the key before it, which may be
   * ahead. A bucket with less in it would bring back a word that a thread put aside still has in mind for that key, and
   * its charge would go to the bucket: the key had one more than its limit by that.
   */
  protected override passed(word: bigint, now: bigint): boolean {
    return word >> 2n < now
  }

  /** The clock, not before `now`. */
  #read(now: bigint): bigint {
    const read = this.#clock()
    return read > now ? read : now
  }

  /**
   * Step 4 of a claim: the first request of a bucket, admitted unless the sketch has a debt of this key. The clock is
   * read here, after the look for rivals: if another thread found this key's earlier bucket expired and took its slot, it
   * is expired by this reading too, though perhaps not by the older `now`.
   */
  #fillFirst(slot: number, lo: number, hi: number, rate: Rate, now: bigint, into: Verdict): boolean {
    const read = this.#read(now)
    let owed = read
    let noted = -1n
    if (this.#sketch.any(read)) {
      noted = this.#sketch.owed(lo, hi)
      if (noted > read) owed = noted
    }
    const next = owed + rate.interval
    const fits = next - read <= rate.capacity
    // Noted in any case, so that whoever charges the sketch for this key meanwhile must look again.
    if (noted >= 0n && !this.#sketch.charge(lo, hi, noted, fits ? next : owed + 1n)) return false
    // A slot is worth having for a debt alone: it is why this key got one.
    let due = fits ? next : owed
    // Of a displaced slot: if what others owe has raised the debt since #displaces, to less than the slot said before.
    if (due <= this.claimedWord >> 2n) due = (this.claimedWord >> 2n) + 1n
    const word = due << 2n
    if (Atomics.compareExchange(this.words, slot * 2 + 1, this.claimedWord, word) !== this.claimedWord) return false
    if (fits) this.#admit(next - read, rate, into)
    else this.#refuse(owed - read, rate, into)
    return true
  }

  /**
   * Whether a key in a full window may have the slot of the one that owes least, which is noted in the sketch then. Of
   * its own scale, and only if it would owe more: who takes a slot is further from its next request than who loses it,
   * and the slot's word becomes larger. A DEAD slot is had like a LIVE one, but has nothing to be noted.
   */
  #displaces(lo: number, hi: number, rate: Rate, now: bigint): boolean {
    if (!this.#findLeast(lo, hi)) return false
    const word = this.#leastWord
    const noted = this.#sketch.any(now) ? this.#sketch.owed(lo, hi) : now
    const owed = noted > now ? noted : now
    const next = owed + rate.interval
    // What `publish` makes of the word has this time: one more than before, if the slot is DEAD.
    if ((next - now > rate.capacity ? owed : next) <= (word + 3n) >> 2n) return false
    if ((word & 3n) !== 0n) return true
    const slot = this.slotAt(lo, hi, this.#leastPlace)
    const victimLo = this.keyLo(slot)
    const victimHi = this.keyHi(slot)
    if (!this.unchanged(slot, word, victimLo, victimHi)) return false
    this.#sketch.note(victimLo, victimHi, word >> 2n)
    return true
  }

  /** The slot of the key's window, LIVE and of its scale or DEAD, whose time comes soonest. */
  #findLeast(lo: number, hi: number): boolean {
    let found = false
    for (let place = 0; place < WINDOW; place++) {
      const slot = this.slotAt(lo, hi, place)
      const word = this.word(slot)
      if (found && word >= this.#leastWord) continue
      const live = (word & 3n) === 0n
      if (live ? !sameScale(this.keyHi(slot), hi) : (word & 3n) !== 3n) continue
      found = true
      this.#leastPlace = place
      this.#leastWord = word
    }
    return found
  }

  /** Judges by the sketch. False: to be judged again. */
  #takeWithoutSlot(lo: number, hi: number, rate: Rate, now: bigint, into: Verdict): boolean {
    const owed = this.#sketch.owed(lo, hi)
    const read = this.#read(now)
    const ahead = owed > read ? owed - read : 0n
    if (ahead + rate.interval > rate.capacity) {
      this.#refuse(ahead, rate, into)
      into.full = true
      return true
    }
    const due = this.#chargeSketch(lo, hi, owed, read, rate.interval)
    if (due < 0n) return false
    this.#admit(due - this.#chargedAt, rate, into)
    return true
  }

  /**
   * Charges a key without a slot, of which the sketch has just said `owed`, at `read`. The clock is read once more after
   * the look for its slot, as in #fillFirst: a slot of this key that another thread found idle, and took before it was
   * looked for, is idle by this reading. What fitted at `read` fits then, too.
   * @returns the time until which it owes now; -1: somebody was in between, the key has a slot by now, or this thread was
   *   put aside for so long that claimants may have stopped to look
   */
  #chargeSketch(lo: number, hi: number, owed: bigint, read: bigint, more: bigint): bigint {
    const until = (owed > read ? owed : read) + more + STALL_NS
    this.#sketch.announce(until)
    if (this.overtaken(lo, hi)) return -1n
    const at = this.#read(read)
    const due = (owed > at ? owed : at) + more
    if (due > until || !this.#sketch.charge(lo, hi, owed, due)) return -1n
    this.#chargedAt = at
    return due
  }

  #peekWithoutSlot(lo: number, hi: number, rate: Rate, now: bigint, into: Verdict): void {
    const owed = this.#sketch.any(now) ? this.#sketch.owed(lo, hi) : now
    const ahead = owed > now ? owed - now : 0n
    if (ahead + rate.interval <= rate.capacity) return this.#admit(ahead, rate, into)
    this.#refuse(ahead, rate, into)
    into.full = true
  }

  /** Of a bucket that is so far ahead, or overdrawn. */
  #say(ahead: bigint, rate: Rate, into: Verdict): void {
    if (ahead > rate.capacity) this.#refuse(ahead, rate, into)
    else this.#admit(ahead, rate, into)
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

  #number(value: bigint): number {
    this.#whole[0] = BigInt.asIntN(64, value)
    return (this.#lanes[1] as number) * 0x1_0000_0000 + ((this.#lanes[0] as number) >>> 0)
  }
}

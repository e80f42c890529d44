/**
 * Sliding windows, exact over all threads. Time is cut into windows of the limit's period, and a key has the units
 * charged in the present window and in the one before it. A request is admitted if
 *
 *     ceil(before × share of the present window still to come) + present + cost ≤ count
 *
 * which is the usual sliding window counter: it takes what the window before held as spread evenly over it, so that
 * the edge of a window is no moment at which a client may have twice its count. Windows are whole seconds long, on the
 * host's monotonic clock.
 *
 * A slot's word (slots.ts) is when its window's units end to count, two windows after it began, in whole seconds in the
 * upper half, and in the lower half the units of the window before over the state. Beside it lies a second word, the
 * tally: the same second in the upper half, the units of the present window and a seal in the lower. The second grows
 * over all windows and all owners of a slot, whatever their periods are, so neither word ever comes back.
 *
 * The two words change in an order that any thread may carry on, so that none waits for another:
 *
 *     tally (s, n)  ──seal──▶  (s, n sealed)  ──word: (s, m) → (s', n or 0)──▶  tally (s', 0)
 *
 * A charge is one compareExchange on an unsealed tally whose second is the word's. While that holds the word can't have
 * moved to another window, since only a sealed tally allows that, so what the decision read of both belongs together.
 * A thread that finds them apart makes the next step itself and looks again; each step is a compareExchange from a
 * value that never returns, so of two that make it one succeeds and the other has nothing left to do.
 *
 * Take-over. A slot is idle once its second has passed: both windows are over. The claimant sets its tally before its
 * word becomes LIVE, by a compareExchange from what it read while its claim stood. A thread with an older clock may still charge the tally of the owner before, between the two; that
 * charge was admitted in a window that can't count for anyone any more, and is overwritten with the rest of it. It can't
 * meet the tally of the new owner, whose second is later.
 *
 * A key whose window of slots is full is held to a bucket that is never more than its window (spare-bucket.ts), kept in a
 * sketch (debt-sketch.ts, which has the argument for the way of a key from there into a slot). What the sketch holds is
 * the bucket's arrival time and up to two periods, so that it remembers a key for as long as its units count. A key that comes
 * to a slot starts with all that may still count, in its present window. No slot is taken from a key that holds something.
 *
 * Long because the two words' order, the take-over and the sketch are one argument.
 */
import { monotonicNs } from './clock.ts'
import { bytesOfDebtSketch, DebtSketch, scaleOf, withScale, type SketchSize } from './debt-sketch.ts'
import { AGAIN, ATTEMPTS, FULL, SlotTable, bytesOfSlots, slotCount } from './slots.ts'
import { dueAfter, spareBucketOf, unitsOf, type SpareBucket } from './spare-bucket.ts'
import type { Verdict } from './limit-table.ts'

/** Most units a window can hold; charges beyond it change nothing. */
export const MAX_WINDOW_COUNT = (1 << 30) - 1
/** Longest window in seconds: ten years. */
export const MAX_WINDOW_SECONDS = 3660 * 86_400

const NS_PER_SECOND = 1e9
/** As in limit-table.ts: how long a thread may be put aside without having to begin anew, ns. */
const STALL_NS = 1_000_000_000n
/** Windows are often minutes and hours long, so more cells than for rates, whose debts pass sooner. */
const SKETCH: SketchSize = { slotsPerCell: 1, scales: 4 }
const SEALED = 1

/** A limit as the table counts it. */
export interface Window {
  /** Units, 1 to MAX_WINDOW_COUNT. */
  readonly count: number
  /** Length of the window, whole, 1 to MAX_WINDOW_SECONDS. */
  readonly seconds: number
  /** Units of one request, 1 to `count`. */
  readonly cost: number
}

export function bytesOfSlidingTable(slots: number): number {
  const tallies = slotCount(slots) * BigInt64Array.BYTES_PER_ELEMENT
  return bytesOfSlots(slots) + tallies + bytesOfDebtSketch(slotCount(slots), SKETCH)
}

export class SlidingTable extends SlotTable {
  readonly #tallies: BigInt64Array
  readonly #sketch: DebtSketch
  readonly #clock: () => bigint
  /** To take 64 bits apart and put them together without an operation on a bigint. */
  readonly #whole = new BigInt64Array(1)
  readonly #lanes = new Int32Array(this.#whole.buffer)

  // Of the slot that `#look` saw last.
  #word = 0n
  #tally = 0n
  #second = 0
  #before = 0
  #tallySecond = 0
  #present = 0
  #sealed = false

  /**
   * @param slots as given to `bytesOfSlidingTable`
   * @param clock for tests; must never step back and must be the clock of every `now`
   */
  constructor(buffer: SharedArrayBuffer, slots: number, clock: () => bigint = monotonicNs) {
    super(buffer, slots)
    this.#tallies = new BigInt64Array(buffer, bytesOfSlots(slots), this.slots)
    const sketch = bytesOfSlots(slots) + this.slots * BigInt64Array.BYTES_PER_ELEMENT
    this.#sketch = new DebtSketch(buffer, sketch, this.slots, SKETCH)
    this.#clock = clock
  }

  /**
   * Decides on one request and, if it is admitted, charges it. After ATTEMPTS lost races it refuses.
   * @param lo,hi the key's hash, not both 0
   * @param now monotonicNs(), not from the future
   */
  take(lo: number, hi: number, window: Window, now: bigint, into: Verdict): void {
    this.#take(lo, hi, window, window.cost, false, now, into)
  }

  /** Charges units that nobody can refuse any more, as LimitTable.charge does. */
  charge(lo: number, hi: number, window: Window, units: number, now: bigint, into: Verdict): void {
    this.#take(lo, hi, window, units, true, now, into)
  }

  /** What `take` would say, without charging. */
  peek(lo: number, hi: number, window: Window, now: bigint, into: Verdict): void {
    const at = this.#ns(now)
    const own = secondOf(at, window)
    for (let attempt = 0; attempt < ATTEMPTS; attempt++) {
      const slot = this.find(lo, hi)
      if (slot < 0) {
        const noted = this.#sketch.any(now) ? this.#sketch.owed(lo, sketchKey(hi, window)) : 0n
        if (noted <= now) return decide(window, 0, 0, elapsedIn(own, at, window), window.cost, into)
        const spare = spareBucketOf(window)
        return sayOf(
          spare,
          noted - spare.memory,
          now,
          window,
          dueAfter(spare, noted - spare.memory, window.cost, now),
          into
        )
      }
      if (!this.#look(slot, lo, hi)) continue
      if (this.#second !== this.#tallySecond) continue
      const behind = (own - this.#second) / window.seconds
      const present = behind <= 0 ? this.#present : 0
      const before = behind <= 0 ? this.#before : behind === 1 ? this.#present : 0
      return decide(window, before, present, behind < 0 ? 0 : elapsedIn(own, at, window), window.cost, into)
    }
    refuseUnknown(window, into)
  }

  protected override idle(word: bigint, nowSecond: bigint): boolean {
    return word >> 32n <= nowSecond
  }

  /** Share of slots in use. */
  override fill(now: bigint): number {
    return super.fill(now / 1_000_000_000n)
  }

  #take(lo: number, hi: number, window: Window, units: number, always: boolean, now: bigint, into: Verdict): void {
    const at = this.#ns(now)
    const own = secondOf(at, window)
    for (let attempt = 0; attempt < ATTEMPTS; attempt++) {
      const slot = this.find(lo, hi)
      if (slot < 0) {
        const claimed = this.claim(lo, hi, BigInt(Math.floor(at / NS_PER_SECOND)), attempt)
        if (claimed === FULL) {
          if (this.#takeWithoutSlot(lo, hi, window, units, always, now, into)) return
          continue
        }
        if (claimed === AGAIN || !this.#fillFirst(claimed, lo, hi, window, units, always, now, into)) continue
        return
      }
      if (!this.#look(slot, lo, hi)) continue
      if (this.#second !== this.#tallySecond || this.#sealed || this.#second < own) {
        this.#turn(slot, own, window)
        continue
      }
      // A thread with an older clock than the slot's window judges as if the window had just begun.
      const elapsed = this.#second === own ? elapsedIn(own, at, window) : 0
      const present = this.#present
      const before = this.#before
      const weight = weightOf(before, elapsed, window.seconds * NS_PER_SECOND)
      if (!always && weight + present + units > window.count) {
        settle(window, before, present, elapsed, weight, into)
        into.admitted = false
        return
      }
      const charged = Math.min(present + units, MAX_WINDOW_COUNT)
      if (!this.#exchange(slot, this.#pack(this.#second, charged << 1))) continue
      settle(window, before, charged, elapsed, weight, into)
      return
    }
    refuseUnknown(window, into)
  }

  /** False: the slot was not, or did not stay, this key's while it was read. */
  #look(slot: number, lo: number, hi: number): boolean {
    const word = this.word(slot)
    if (!this.holds(slot, word, lo, hi)) return false
    const tally = BigInt.asIntN(64, Atomics.load(this.#tallies, slot))
    // The word again: between two equal ones nobody wrote the key, so it is the key of this word and of this tally.
    if (this.word(slot) !== word) return false
    const lanes = this.#lanes
    this.#whole[0] = word
    this.#word = word
    this.#second = lanes[1] as number
    this.#before = (lanes[0] as number) >>> 2
    this.#whole[0] = tally
    this.#tally = tally
    this.#tallySecond = lanes[1] as number
    this.#present = (lanes[0] as number) >>> 1
    this.#sealed = ((lanes[0] as number) & SEALED) !== 0
    return true
  }

  /** The next step of a slot's way into another window. */
  #turn(slot: number, own: number, window: Window): void {
    const second = this.#second
    if (this.#tallySecond < second) {
      this.#exchange(slot, this.#pack(second, 0))
    } else if (this.#tallySecond > second) {
      // The word was read before it followed: nothing to do but to look again.
    } else if (!this.#sealed) {
      this.#exchange(slot, this.#pack(second, (this.#present << 1) | SEALED))
    } else {
      const following = second + window.seconds
      const next = Math.max(own, following)
      const word = this.#pack(next, (next === following ? this.#present : 0) << 2)
      Atomics.compareExchange(this.words, slot * 2 + 1, this.#word, word)
    }
  }

  /**
   * Step 4 of a claim. The clock is read here for the reason that limit-table.ts gives: whoever found this key's
   * earlier slot idle had a clock no later than this reading, so nothing of it counts in the window found here.
   */
  #fillFirst(
    slot: number,
    lo: number,
    hi: number,
    window: Window,
    units: number,
    always: boolean,
    now: bigint,
    into: Verdict
  ): boolean {
    const clock = this.#read(now)
    const key = sketchKey(hi, window)
    let carried = 0
    let fits = true
    if (this.#sketch.any(clock)) {
      const noted = this.#sketch.owed(lo, key)
      const spare = spareBucketOf(window)
      const due = noted - spare.memory
      if (noted > clock) carried = unitsOf(spare, due, clock)
      fits = always || carried + units <= window.count
      // Noted in any case, so that whoever charges the sketch for this key meanwhile must look again.
      const next = fits ? dueAfter(spare, due, units, clock) + spare.memory : noted
      if (!this.#sketch.charge(lo, key, noted, next > noted ? next : noted + 1n)) return false
    }
    const at = this.#ns(clock)
    const second = secondOf(at, window)
    const present = Math.min(carried + (fits ? units : 0), MAX_WINDOW_COUNT)
    if (!this.#storeTally(slot, this.#pack(second, present << 1))) return false
    const word = this.#pack(second, 0)
    if (Atomics.compareExchange(this.words, slot * 2 + 1, this.claimedWord, word) !== this.claimedWord) return false
    settle(window, 0, present, elapsedIn(second, at, window), 0, into)
    into.admitted = fits
    return true
  }

  /**
   * The tally of a slot that is claimed. Not a plain store: a claim may have been killed, and its slot be another key's by
   * now, whose tally differs from the one that was read while the claim still stood. False: it has been killed.
   */
  #storeTally(slot: number, tally: bigint): boolean {
    for (;;) {
      const before = BigInt.asIntN(64, Atomics.load(this.#tallies, slot))
      if (this.word(slot) !== this.claimedWord) return false
      const found = BigInt.asIntN(64, Atomics.compareExchange(this.#tallies, slot, before, tally))
      if (found === before) return true
    }
  }

  /** Judges by the sketch. False: to be judged again. */
  #takeWithoutSlot(
    lo: number,
    hi: number,
    window: Window,
    units: number,
    always: boolean,
    now: bigint,
    into: Verdict
  ): boolean {
    const key = sketchKey(hi, window)
    const spare = spareBucketOf(window)
    const noted = this.#sketch.owed(lo, key)
    const clock = this.#read(now)
    const due = noted - spare.memory
    const asked = dueAfter(spare, due, units, clock)
    if (!always && asked - clock > spare.capacity) {
      sayOf(spare, due, clock, window, asked, into)
      return true
    }
    const until = asked + spare.memory + STALL_NS
    this.#sketch.announce(until)
    if (this.overtaken(lo, hi)) return false
    // Once more: a slot of this key that another thread found idle, and took before the look, is idle by this reading.
    const later = this.#read(clock)
    const next = dueAfter(spare, due, units, later)
    if (next + spare.memory > until || !this.#sketch.charge(lo, key, noted, next + spare.memory)) return false
    sayOf(spare, next, later, window, dueAfter(spare, next, window.cost, later), into)
    into.admitted = true
    into.full = false
    return true
  }

  /** The clock, not before `now`. */
  #read(now: bigint): bigint {
    const read = this.#clock()
    return read > now ? read : now
  }

  #exchange(slot: number, next: bigint): boolean {
    return BigInt.asIntN(64, Atomics.compareExchange(this.#tallies, slot, this.#tally, next)) === this.#tally
  }

  #pack(upper: number, lower: number): bigint {
    this.#lanes[0] = lower
    this.#lanes[1] = upper
    return BigInt.asIntN(64, this.#whole[0] as bigint)
  }

  #ns(now: bigint): number {
    this.#whole[0] = BigInt.asIntN(64, now)
    return (this.#lanes[1] as number) * 0x1_0000_0000 + ((this.#lanes[0] as number) >>> 0)
  }
}

/** Buckets that are forgotten after as long have cells of their own. */
function sketchKey(hi: number, { seconds }: Window): number {
  return withScale(hi, scaleOf(2 * seconds * NS_PER_SECOND))
}

/** What a key is told that owes until `due`. @param asked until when it would owe after one more request */
function sayOf(
  { unit, capacity }: SpareBucket,
  due: bigint,
  now: bigint,
  { cost }: Window,
  asked: bigint,
  into: Verdict
): void {
  const ahead = due > now ? due - now : 0n
  into.admitted = asked - now <= capacity
  into.full = !into.admitted
  into.remaining = ahead < capacity ? Number((capacity - ahead) / unit) : 0
  into.resetNs = Number(ahead)
  into.retryNs = into.admitted ? 0 : Number(ahead + BigInt(cost) * unit - capacity)
}

/** When what is charged at `at` ends to count: the end of the window after its own. Seconds. */
function secondOf(at: number, { seconds }: Window): number {
  return (Math.floor(at / (seconds * NS_PER_SECOND)) + 2) * seconds
}

/** ns since the window began that ends to count at `second`. */
function elapsedIn(second: number, at: number, { seconds }: Window): number {
  return Math.max(0, at - (second - 2 * seconds) * NS_PER_SECOND)
}

/** Units of the window before that still count. */
function weightOf(before: number, elapsed: number, length: number): number {
  return before === 0 ? 0 : Math.ceil((before * (length - elapsed)) / length)
}

/** What a request of `units` is told, before it is charged. */
function decide(window: Window, before: number, present: number, elapsed: number, units: number, into: Verdict): void {
  const weight = weightOf(before, elapsed, window.seconds * NS_PER_SECOND)
  settle(window, before, present, elapsed, weight, into)
  into.admitted = weight + present + units <= window.count
}

/** What is left of a window in this state, and for how long. `weight`: `weightOf` the window before. */
export function settle(
  window: Window,
  before: number,
  present: number,
  elapsed: number,
  weight: number,
  into: Verdict
): void {
  const length = window.seconds * NS_PER_SECOND
  const free = window.count - weight - present
  into.admitted = true
  into.full = false
  into.remaining = Math.max(0, free)
  into.resetNs = present > 0 ? 2 * length - elapsed : before > 0 ? length - elapsed : 0
  into.retryNs = free >= window.cost ? 0 : waitFor(window, before, present, elapsed)
}

/** ns until one more request of the window's cost would be admitted, if nobody else comes. */
function waitFor({ count, cost, seconds }: Window, before: number, present: number, elapsed: number): number {
  const length = seconds * NS_PER_SECOND
  const room = count - cost
  if (present <= room) return Math.max(1, length * (1 - (room - present) / before) - elapsed)
  return length - elapsed + length * (1 - room / present)
}

/** More lost races than any number of threads has been seen to lose. */
function refuseUnknown(window: Window, into: Verdict): void {
  into.admitted = false
  into.full = false
  into.remaining = 0
  into.resetNs = into.retryNs = window.seconds * NS_PER_SECOND
}

/**
 * Quotas per calendar day or month, exact over all threads. A slot's word (slots.ts) is the day on which its period
 * ends, in 20 bits, over the units charged, in 42. Units only grow within a period and a later period has a larger end,
 * so a word never comes back; one compareExchange is a charge. A slot whose period is over is idle.
 *
 * Quotas run by the wall clock, which can be set. Set back into an earlier period, the period that had begun goes on
 * until it ends, as for a thread whose clock reading is a little old: nobody gets a quota twice. Set far ahead and
 * back again, the keys seen meanwhile would be held to a period far away: `put` leaves such out after a restart.
 *
 * A key whose window of slots is full is held to a sketch (debt-sketch.ts): its cells hold the same words, so it says the
 * end and the units of whichever key has most in them, never less than what the key used in its period. No slot is taken
 * from a key whose period runs: what a caller has used of a month is not given up for anybody. The sketch's order holds
 * with words for times: they grow as times do, and a word of a period that is over says nothing, by the clock as read
 * after the look for the key's slot. Days and months have cells of their own.
 *
 * The keys of this table are hashed with a seed that outlives the process (control/quota-keeper.ts), so that what is
 * kept is hashes and counts, and nobody's name. Slots and sketch are both kept: a key in the sketch gets its quota anew by
 * a restart no more than one with a slot.
 *
 * Long because a charge, its way into the sketch and what is kept of both are one argument.
 */
import { dayOf, endOf, untilDay, type CalendarPeriod } from './calendar.ts'
import { wallMs } from './clock.ts'
import { bytesOfDebtSketch, DebtSketch, withScale, type SketchSize } from './debt-sketch.ts'
import type { Verdict } from './limit-table.ts'
import { SketchPages, type SketchPage } from './sketch-pages.ts'
import { AGAIN, ATTEMPTS, FULL, SlotTable, bytesOfSlots, slotCount } from './slots.ts'

/** Most units a quota may have, a thousandth of what a word holds: room for charges that nobody could refuse. */
export const MAX_QUOTA = 1e9

// The word in halves: the end and the count's upper 12 bits over the count's lower 30 and the state.
const UPPER_BITS = 12
const UPPER_MASK = (1 << UPPER_BITS) - 1
const LOWER = 2 ** 30
const END_SHIFT = 44n
const LONGEST_PERIOD_DAYS = 31
const NS_PER_MS = 1e6
/** One unit, in a word. */
const UNIT = 4n
/** Which cells of the sketch. */
const DAYS = 0
const MONTHS = 1
/** What is counted stays for up to a month, so more cells than for rates, whose debts pass. */
const SKETCH: SketchSize = { slotsPerCell: 1, scales: 2 }

/** A quota as the table counts it. */
export interface Quota {
  /** Units, 1 to MAX_QUOTA. */
  readonly count: number
  readonly per: CalendarPeriod
  /** Units of one request, 1 to `count`. */
  readonly cost: number
}

/** What a slot holds. */
export interface QuotaCount {
  readonly lo: number
  readonly hi: number
  /** First day that is not in its period any more. */
  readonly end: number
  readonly count: number
}

export function bytesOfQuotaTable(slots: number): number {
  return bytesOfSlots(slots) + bytesOfDebtSketch(slotCount(slots), SKETCH)
}

export class QuotaTable extends SlotTable {
  readonly #wall: () => number
  readonly #sketch: DebtSketch
  readonly #pages: SketchPages
  /** To take 64 bits apart and put them together without an operation on a bigint. */
  readonly #whole = new BigInt64Array(1)
  readonly #lanes = new Int32Array(this.#whole.buffer)
  // What `endOf` said last: a month's end costs a Date.
  #today = -1
  #endOfMonth = 0

  /**
   * @param slots as given to `bytesOfQuotaTable`
   * @param wall ms since the epoch; for tests
   */
  constructor(buffer: SharedArrayBuffer, slots: number, wall: () => number = wallMs) {
    super(buffer, slots)
    this.#wall = wall
    this.#sketch = new DebtSketch(buffer, bytesOfSlots(slots), this.slots, SKETCH)
    this.#pages = new SketchPages(this.#sketch)
  }

  /** Decides on one request and, if it is admitted, charges it. After ATTEMPTS lost races it refuses. */
  take(lo: number, hi: number, quota: Quota, into: Verdict): void {
    this.#take(lo, hi, quota, quota.cost, false, into)
  }

  /** Charges units that nobody can refuse any more: the quota may be overdrawn. */
  charge(lo: number, hi: number, quota: Quota, units: number, into: Verdict): void {
    this.#take(lo, hi, quota, units, true, into)
  }

  /** What `take` would say, without charging. */
  peek(lo: number, hi: number, quota: Quota, into: Verdict): void {
    const wall = this.#wall()
    const end = this.#endOf(quota.per, wall)
    for (let attempt = 0; attempt < ATTEMPTS; attempt++) {
      const slot = this.find(lo, hi)
      if (slot < 0) return this.#peekWithoutSlot(lo, hi, quota, end, wall, into)
      const word = this.word(slot)
      if (!this.holds(slot, word, lo, hi) || !this.unchanged(slot, word, lo, hi)) continue
      const held = this.#endIn(word)
      return say(quota, held < end ? 0 : this.#countIn(word), quota.cost, Math.max(held, end), wall, into)
    }
    say(quota, quota.count, quota.cost, end, wall, into)
  }

  /**
   * Brings back what was counted before this process began; for the one thread that does so before any other counts.
   * @returns where it is now: nowhere for a period that is over or can't be under way, and for a key that is there already
   */
  put({ lo, hi, end, count }: QuotaCount): 'slot' | 'sketch' | 'nowhere' {
    const today = dayOf(this.#wall())
    if (!canBeUnderWay(end, today) || this.find(lo, hi) >= 0) return 'nowhere'
    const slot = this.claim(lo, hi, BigInt(today), 0)
    const word = this.#pack(end, count)
    if (slot < 0) {
      this.#putWithoutSlot(lo, hi, end, word, today)
      return 'sketch'
    }
    Atomics.store(this.words, slot * 2 + 1, word)
    return 'slot'
  }

  /** The table was larger before. What ends on the first of a month may be a day's as well, but only if that is tomorrow. */
  #putWithoutSlot(lo: number, hi: number, end: number, word: bigint, today: number): void {
    const month = endOf('month', end - 1) === end
    if (month) this.#sketch.note(lo, withScale(hi, MONTHS), word)
    if (!month || end === today + 1) this.#sketch.note(lo, withScale(hi, DAYS), word)
  }

  /**
   * The same for a page of the sketch, also of a table of another size.
   * @returns false for what can't be such a page
   */
  putSketch(page: SketchPage): boolean {
    const today = dayOf(this.#wall())
    return this.#pages.put(page, (word) => canBeUnderWay(this.#endIn(word), today))
  }

  /**
   * Tells what changed since the last call with the same `seen`.
   * @param seen one word a slot; zeros at first
   */
  changes(seen: BigInt64Array, visit: (count: QuotaCount) => void): void {
    const halves = new Int32Array(this.words.buffer, 0, this.slots * 4)
    for (let slot = 0; slot < this.slots; slot++) {
      const word = this.word(slot)
      if (word === seen[slot]) continue
      const lo = Atomics.load(halves, slot * 4)
      const hi = Atomics.load(halves, slot * 4 + 1)
      // Neither a slot that is being taken over nor a key that isn't this word's; both are seen the next time.
      if (!this.holds(slot, word, lo, hi) || !this.unchanged(slot, word, lo, hi)) continue
      seen[slot] = word
      visit({ lo, hi, end: this.#endIn(word), count: this.#countIn(word) })
    }
  }

  /** Tells the pages of the sketch that changed since the last call, and the first day on which none of their counts holds. */
  sketchChanges(visit: (page: SketchPage, end: number) => void): void {
    this.#pages.changes((page) => {
      let end = 0
      for (const word of page.words) end = Math.max(end, this.#endIn(word))
      visit(page, end)
    })
  }

  protected override idle(word: bigint, today: bigint): boolean {
    return word >> END_SHIFT <= today
  }

  /** Share of slots in use. */
  override fill(): number {
    return super.fill(BigInt(dayOf(this.#wall())))
  }

  #take(lo: number, hi: number, quota: Quota, units: number, always: boolean, into: Verdict): void {
    for (let attempt = 0; attempt < ATTEMPTS; attempt++) {
      const wall = this.#wall()
      const end = this.#endOf(quota.per, wall)
      const slot = this.find(lo, hi)
      if (slot < 0) {
        const claimed = this.claim(lo, hi, BigInt(dayOf(wall)), attempt)
        if (claimed === FULL) {
          if (this.#takeWithoutSlot(lo, hi, quota, units, always, into)) return
          continue
        }
        if (claimed === AGAIN || !this.#fillFirst(claimed, lo, hi, quota, units, always, into)) continue
        return
      }
      const word = this.word(slot)
      if (!this.holds(slot, word, lo, hi)) continue
      const held = this.#endIn(word)
      const before = held < end ? 0 : this.#countIn(word)
      const until = Math.max(held, end)
      if (!always && before + units > quota.count) {
        if (!this.unchanged(slot, word, lo, hi)) continue
        return say(quota, before, units, until, wall, into)
      }
      const next = this.#pack(until, before + units)
      if (BigInt.asIntN(64, Atomics.compareExchange(this.words, slot * 2 + 1, word, next)) !== word) continue
      say(quota, before + units, quota.cost, until, wall, into)
      into.admitted = true
      return
    }
    const wall = this.#wall()
    say(quota, quota.count, quota.cost, this.#endOf(quota.per, wall), wall, into)
  }

  /**
   * Step 4 of a claim: a key's first request of its period, unless the sketch knows of others. The clock again, as in
   * limit-table.ts: who found this key's slot idle had a reading no later than this one.
   */
  #fillFirst(
    slot: number,
    lo: number,
    hi: number,
    quota: Quota,
    units: number,
    always: boolean,
    into: Verdict
  ): boolean {
    const wall = this.#wall()
    const end = this.#endOf(quota.per, wall)
    let until = end
    let before = 0
    let noted = -1n
    if (this.#sketch.any(lastWordOf(dayOf(wall)))) {
      noted = this.#sketch.owed(lo, this.#sketchKey(hi, quota))
      const held = this.#endIn(noted)
      until = Math.max(held, end)
      before = held < end ? 0 : this.#countIn(noted)
    }
    const fits = always || before + units <= quota.count
    const word = this.#pack(until, fits ? before + units : before)
    // Noted in any case, so that whoever charges the sketch for this key meanwhile must look again.
    const note = noted < word ? word : noted + UNIT
    if (noted >= 0n && !this.#sketch.charge(lo, this.#sketchKey(hi, quota), noted, note)) return false
    if (Atomics.compareExchange(this.words, slot * 2 + 1, this.claimedWord, word) !== this.claimedWord) return false
    say(quota, fits ? before + units : before, fits ? quota.cost : units, until, wall, into)
    into.admitted = fits
    return true
  }

  /** Judges by the sketch. False: to be judged again. */
  #takeWithoutSlot(lo: number, hi: number, quota: Quota, units: number, always: boolean, into: Verdict): boolean {
    const key = this.#sketchKey(hi, quota)
    const noted = this.#sketch.owed(lo, key)
    const wall = this.#wall()
    const end = this.#endOf(quota.per, wall)
    const held = this.#endIn(noted)
    const before = held < end ? 0 : this.#countIn(noted)
    const until = Math.max(held, end)
    if (!always && before + units > quota.count) {
      say(quota, before, units, until, wall, into)
      into.full = true
      return true
    }
    const word = this.#pack(until, before + units)
    this.#sketch.announce(word)
    if (this.overtaken(lo, hi)) return false
    // A slot of this key that another thread took over before the look was of a period that is over by this reading.
    if (this.#endOf(quota.per, this.#wall()) > end) return false
    if (units > 0 && !this.#sketch.charge(lo, key, noted, word)) return false
    say(quota, before + units, quota.cost, until, wall, into)
    into.admitted = true
    return true
  }

  #peekWithoutSlot(lo: number, hi: number, quota: Quota, end: number, wall: number, into: Verdict): void {
    const noted = this.#sketch.any(lastWordOf(dayOf(wall))) ? this.#sketch.owed(lo, this.#sketchKey(hi, quota)) : 0n
    const held = this.#endIn(noted)
    say(quota, held < end ? 0 : this.#countIn(noted), quota.cost, Math.max(held, end), wall, into)
    into.full = !into.admitted
  }

  #sketchKey(hi: number, { per }: Quota): number {
    return withScale(hi, per === 'day' ? DAYS : MONTHS)
  }

  #endIn(word: bigint): number {
    this.#whole[0] = word
    return (this.#lanes[1] as number) >>> UPPER_BITS
  }

  #countIn(word: bigint): number {
    this.#whole[0] = word
    return ((this.#lanes[1] as number) & UPPER_MASK) * LOWER + ((this.#lanes[0] as number) >>> 2)
  }

  #pack(end: number, count: number): bigint {
    this.#lanes[0] = (count % LOWER) << 2
    this.#lanes[1] = (end << UPPER_BITS) | Math.floor(count / LOWER)
    return BigInt.asIntN(64, this.#whole[0] as bigint)
  }

  #endOf(period: CalendarPeriod, wall: number): number {
    const today = dayOf(wall)
    if (period === 'day') return today + 1
    if (today !== this.#today) {
      this.#today = today
      this.#endOfMonth = endOf('month', today)
    }
    return this.#endOfMonth
  }
}

/** Also where the clock was set back over the end of a month, whose successor then ends up to two months from now. */
function canBeUnderWay(end: number, today: number): boolean {
  if (end <= today) return false
  return end <= today + LONGEST_PERIOD_DAYS || end === endOf('month', endOf('month', today))
}

/** The largest word of a period that is over on `today`. */
function lastWordOf(today: number): bigint {
  return (BigInt(today + 1) << END_SHIFT) - 1n
}

/** The state of a quota with `used` units charged, and whether `units` more would fit. */
function say(quota: Quota, used: number, units: number, end: number, wall: number, into: Verdict): void {
  const left = untilDay(end, wall) * NS_PER_MS
  into.admitted = used + units <= quota.count
  into.full = false
  into.remaining = Math.max(0, quota.count - used)
  into.resetNs = used === 0 ? 0 : left
  into.retryNs = used + quota.cost <= quota.count ? 0 : left
}

/**
 * What keys without a slot owe: a count-min sketch (Cormode and Muthukrishnan) with conservative updates, whose counts
 * are arrival times. A key has one cell in each of four rows, and owes at most the least of them; a cell holds the
 * latest time that any of its keys owes. So the sketch never says less than what a key really owes: who has no slot is
 * never admitted more than its limit says. It may say more, for keys whose four cells all are shared with others that
 * owe much: with n keys of one unit each and c cells a row, on the order of n/c units. It ages by itself: a time that
 * has passed says nothing.
 *
 * Quotas (quota-table.ts) keep their words here, which grow over all periods as times do.
 *
 * A bucket that takes hours to refill would fill the cells of those that take a second, so buckets of different scale
 * have cells of their own. The scale is in the two upper bits of the key's hash (`withScale`), where whoever meets a key
 * in a slot finds it again.
 *
 * Order. Cells only grow, each by a compareExchange. A charge first raises every cell but the least to the new time,
 * then exchanges the least for it. If that succeeds the least had not changed since it was read, so what was judged was
 * no less than what the key owed; and from then on no cell of the key holds less than what it owes now. Of two threads
 * that charge a key at once one exchange fails, and its thread judges again by what the other left.
 *
 * A key goes from here into a slot and back. Whoever charges a key here (1) reads what it owes, (2) announces a time no
 * earlier than what it will owe, (3) looks for a slot of the key, killing claims that are TENTATIVE and leaving for a LIVE
 * one, (4) charges. Whoever claims a slot for a key, once that is TENTATIVE, looks whether anything is announced and, if
 * so, reads what the key owes and charges the claim's own request here, too, before the slot becomes LIVE. Whoever
 * displaces a slot notes its debt here before the slot stops to be LIVE. Suppose a slot of the key is LIVE, at the moment
 * of (4), with a debt that (1) did not see. The claim's charge came before (1), or the exchange of (4) would have failed
 * by it; unless there was none, because the claim looked before (2). Either way the slot was TENTATIVE before (3), which
 * then killed it or found it LIVE. Had it been displaced before (3) came to it, its debt was noted before: by (1), or
 * after, and then (4) fails unless what was read was as much. Had it been taken over as idle before (3) came to it, it
 * owed nothing by the clock as read after (3), which is what (4) charges by.
 */

/** Of a bucket's time to refill, ns: to 2 s, to 2 min, to 2 h, and more. */
const SCALES = [2e9, 120e9, 7200e9] as const
const ROWS = 4
const SCALE_SHIFT = 30
const HASH_MASK = (1 << SCALE_SHIFT) - 1
const LATEST_WORDS = 8
const LEAST_CELLS = 1024

/**
 * Stands for which cells a key has, and for what a cell says: to be changed with `#cell`, with ROWS, or with the words of
 * quotas. Cells that were kept by another layout say nothing about any key of this one.
 */
export const SKETCH_LAYOUT = 1

/** How large a sketch is. */
export interface SketchSize {
  /** Slots of the table to one cell of a row of a scale. */
  readonly slotsPerCell: number
  /** In use, from 0 on. */
  readonly scales: number
}

/** For debts that pass within seconds to hours. */
const OF_RATES: SketchSize = { slotsPerCell: 4, scales: SCALES.length + 1 }

/** @param capacityNs that the whole bucket takes to refill @returns 0 to 3 */
export function scaleOf(capacityNs: number): number {
  return SCALES.filter((most) => capacityNs > most).length
}

/** The upper half of a key's hash, with the scale of its bucket in it. */
export function withScale(hi: number, scale: number): number {
  return (hi & HASH_MASK) | (scale << SCALE_SHIFT)
}

/** Whether two keys have buckets of one scale. */
export function sameScale(hi: number, other: number): boolean {
  return hi >>> SCALE_SHIFT === other >>> SCALE_SHIFT
}

function cellsFor(slots: number, { slotsPerCell }: SketchSize): number {
  return Math.max(LEAST_CELLS, slots / slotsPerCell)
}

/** @param slots of the table, a power of two */
export function bytesOfDebtSketch(slots: number, size = OF_RATES): number {
  return (LATEST_WORDS + size.scales * ROWS * cellsFor(slots, size)) * BigInt64Array.BYTES_PER_ELEMENT
}

export class DebtSketch {
  /** All cells, row after row of each scale: for whoever keeps them. */
  readonly cells: BigInt64Array
  /** Cells of one row, a power of two. */
  readonly columns: number
  readonly #words: BigInt64Array
  /** The cell that `owed` found to be the least. */
  #least = 0

  /** @param offset in bytes, a multiple of 8 @param slots,size as given to `bytesOfDebtSketch` */
  constructor(buffer: SharedArrayBuffer, offset: number, slots: number, size = OF_RATES) {
    this.#words = new BigInt64Array(buffer, offset, bytesOfDebtSketch(slots, size) / BigInt64Array.BYTES_PER_ELEMENT)
    this.columns = cellsFor(slots, size)
    this.cells = this.#words.subarray(LATEST_WORDS)
  }

  /** Whether anything was ever noted. */
  get used(): boolean {
    return BigInt.asIntN(64, Atomics.load(this.#words, 0)) !== 0n
  }

  /** Brings back what a cell said. */
  raise(index: number, time: bigint): void {
    this.#raise(0, time)
    this.#raise(LATEST_WORDS + index, time)
  }

  /** (2): from now on claimants look here, until `time`. */
  announce(time: bigint): void {
    this.#raise(0, time)
  }

  /** Whether anything may be owed after `now`. */
  any(now: bigint): boolean {
    return BigInt.asIntN(64, Atomics.load(this.#words, 0)) > now
  }

  /** The time until which a key may owe; 0 for one that was never noted. */
  owed(lo: number, hi: number): bigint {
    let least = -1n
    for (let row = 0; row < ROWS; row++) {
      const cell = this.#cell(lo, hi, row)
      const time = BigInt.asIntN(64, Atomics.load(this.#words, cell))
      if (least >= 0n && time >= least) continue
      least = time
      this.#least = cell
    }
    return least
  }

  /** Notes what a key owes, no less than `time`. */
  note(lo: number, hi: number, time: bigint): void {
    this.#raise(0, time)
    for (let row = 0; row < ROWS; row++) this.#raise(this.#cell(lo, hi, row), time)
  }

  /**
   * (4): charges a key, of which `owed` has just said `before`, after `announce` of no earlier a `time`.
   * @returns false: somebody was in between; ask `owed` again
   */
  charge(lo: number, hi: number, before: bigint, time: bigint): boolean {
    const least = this.#least
    for (let row = 0; row < ROWS; row++) {
      const cell = this.#cell(lo, hi, row)
      if (cell !== least) this.#raise(cell, time)
    }
    return Atomics.compareExchange(this.#words, least, before, time) === before
  }

  #raise(cell: number, time: bigint): void {
    for (let seen = Atomics.load(this.#words, cell); seen < time;) {
      const found = Atomics.compareExchange(this.#words, cell, seen, time)
      if (found === seen) return
      seen = found
    }
  }

  /** Each row by bits of its own: the two halves of the hash, mixed by an odd factor. */
  #cell(lo: number, hi: number, row: number): number {
    const mixed = Math.imul(lo ^ Math.imul(hi, 0x9e3779b1 + 2 * row), 0x85ebca6b + 8 * row)
    const column = (mixed ^ (mixed >>> 15)) & (this.columns - 1)
    return LATEST_WORDS + ((hi >>> SCALE_SHIFT) * ROWS + row) * this.columns + column
  }
}

/**
 * A sketch (debt-sketch.ts) in pages, so that it can be kept: those that changed are told, and put back after a restart,
 * also into a sketch of another size. A key's column is the lower bits of its hash, as many as the columns need. So in a
 * sketch half as wide it shares one with the keys of two former columns, which says the later of their times; in one
 * twice as wide either of two columns may be its own, and both say what the one said. Neither says less than before.
 */
import { DebtSketch } from './debt-sketch.ts'

/** Cells of a page: what fits into one page of the database, beside the row's other columns. */
export const PAGE_CELLS = 480

export interface SketchPage {
  /** Cells of a row of the sketch it is of, a power of two. */
  readonly columns: number
  /** Which page, from 0. */
  readonly page: number
  /** PAGE_CELLS words; fewer on the last page. */
  readonly words: BigInt64Array
}

export class SketchPages {
  readonly #sketch: DebtSketch
  /** As told last, or put. Nothing is held for a sketch that nobody needs. */
  #told: BigInt64Array | null = null

  constructor(sketch: DebtSketch) {
    this.#sketch = sketch
  }

  /** Tells the pages that changed since the last call. */
  changes(visit: (page: SketchPage) => void): void {
    if (!this.#sketch.used) return
    const { cells, columns } = this.#sketch
    const told = (this.#told ??= new BigInt64Array(cells.length))
    // A look through all of it is a comparison of memory, page by page: 0.4 ms for the default size. Other threads go on
    // writing meanwhile. What a look missed the next one finds, for a cell never says again what it said before.
    const [before, now] = [bytesOf(told), bytesOf(cells)]
    for (let page = 0, from = 0; from < cells.length; page++, from += PAGE_CELLS) {
      const to = Math.min(from + PAGE_CELLS, cells.length)
      if (before.subarray(from * 8, to * 8).equals(now.subarray(from * 8, to * 8))) continue
      // Each word whole, as only an atomic load promises.
      for (let cell = from; cell < to; cell++) told[cell] = Atomics.load(cells, cell)
      visit({ columns, page, words: told.slice(from, to) })
    }
  }

  /**
   * Brings back a page that was told before this process began; for the one thread that does so before any other counts.
   * @param holds whether a word still says something
   * @returns false, and nothing is put, for what can't be a page
   */
  put({ columns, page, words }: SketchPage, holds: (word: bigint) => boolean): boolean {
    const rows = this.#sketch.cells.length / this.#sketch.columns
    const from = page * PAGE_CELLS
    if (!isPowerOfTwo(columns) || !Number.isSafeInteger(page) || page < 0) return false
    if (words.length > PAGE_CELLS || from + words.length > rows * columns) return false
    words.forEach((word, i) => {
      if (holds(word)) this.#put(columns, Math.floor((from + i) / columns), (from + i) % columns, word)
    })
    return true
  }

  #put(before: number, row: number, column: number, word: bigint): void {
    const { columns } = this.#sketch
    for (let at = column % columns; at < columns; at += before) this.#sketch.raise(row * columns + at, word)
  }
}

function bytesOf({ buffer, byteOffset, byteLength }: BigInt64Array): Buffer {
  return Buffer.from(buffer, byteOffset, byteLength)
}

function isPowerOfTwo(n: number): boolean {
  return Number.isInteger(n) && n > 0 && 2 ** Math.round(Math.log2(n)) === n
}

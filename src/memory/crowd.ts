/**
 * Requests under way of keys that have no slot (concurrency.ts): a count-min sketch (Cormode and Muthukrishnan) that
 * counts down as well as up. A key adds one to a cell in each of four rows for every request under way; it has at most
 * as many as the least of its cells says, which counts those of other keys that share all four, too.
 *
 * Order. Who asks adds to all its cells, and only then looks at them. Of any requests of one key that are under way at
 * once, the one whose last addition came last looks after all the others have added everywhere: no row shows it less
 * than how many there are, so no more than the maximum pass. Two that ask at once for one place may both be refused.
 *
 * Beside the cells every worker has its own share of each, for when it is gone: raised after the cell and lowered before
 * it, so that a worker destroyed in between leaves a count too high and never one too low.
 */

const ROWS = 4
const LEAST_CELLS = 1024
/** Bits of the number that stands for a key. */
const KEY_BITS = 28
/** Before the rows: how many are under way in all. */
const ALL = 0

function cellsFor(slots: number): number {
  return Math.max(LEAST_CELLS, slots)
}

function wordsFor(slots: number): number {
  return 1 + ROWS * cellsFor(slots)
}

/** @param slots of the table, a power of two */
export function bytesOfCrowd(slots: number, workers: number): number {
  return wordsFor(slots) * (1 + workers) * Int32Array.BYTES_PER_ELEMENT
}

export class Crowd {
  readonly #counts: Int32Array
  readonly #words: number
  readonly #cells: number

  /** @param offset in bytes, a multiple of 4 @param slots,workers as given to `bytesOfCrowd` */
  constructor(buffer: SharedArrayBuffer, offset: number, slots: number, workers: number) {
    this.#words = wordsFor(slots)
    this.#cells = cellsFor(slots)
    this.#counts = new Int32Array(buffer, offset, this.#words * (1 + workers))
  }

  /** What stands for a key here, 0 to 2^28-1. */
  keyOf(lo: number, hi: number): number {
    return (lo ^ Math.imul(hi, 0x9e3779b1)) >>> (32 - KEY_BITS)
  }

  /** Whether anybody is here. */
  get any(): boolean {
    return Atomics.load(this.#counts, ALL) > 0
  }

  /** Requests under way of a key, or more. */
  count(key: number): number {
    let least = Infinity
    for (let row = 0; row < ROWS; row++) least = Math.min(least, Atomics.load(this.#counts, this.#cell(key, row)))
    return least
  }

  enter(key: number, worker: number): void {
    this.#raise(ALL, worker)
    for (let row = 0; row < ROWS; row++) this.#raise(this.#cell(key, row), worker)
  }

  leave(key: number, worker: number): void {
    for (let row = 0; row < ROWS; row++) this.#lower(this.#cell(key, row), worker)
    this.#lower(ALL, worker)
  }

  /** Takes back all a worker had here, after its thread has ended. */
  releaseWorker(worker: number): void {
    const own = this.#words * (1 + worker)
    for (let cell = 0; cell < this.#words; cell++) {
      const share = Atomics.exchange(this.#counts, own + cell, 0)
      if (share > 0) Atomics.sub(this.#counts, cell, share)
    }
  }

  #raise(cell: number, worker: number): void {
    Atomics.add(this.#counts, cell, 1)
    Atomics.add(this.#counts, this.#words * (1 + worker) + cell, 1)
  }

  #lower(cell: number, worker: number): void {
    Atomics.sub(this.#counts, this.#words * (1 + worker) + cell, 1)
    Atomics.sub(this.#counts, cell, 1)
  }

  #cell(key: number, row: number): number {
    const mixed = Math.imul(key + 1, 0x85ebca6b + 8 * row)
    return 1 + row * this.#cells + ((Math.imul(mixed ^ (mixed >>> 15), 0x2c1b3c6d) >>> 9) & (this.#cells - 1))
  }
}

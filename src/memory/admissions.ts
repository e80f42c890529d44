/**
 * What a worker admitted on limits over several hosts, on its way to the control thread: a ring of fixed records with one
 * writer and one reader, ordered as in ring.ts. The writer fills a record with plain stores and then moves `head`; the
 * reader loads `head` before it reads records, and stores `tail` when it is done with them; the writer loads `tail`
 * before it writes over any. Positions count records for ever, modulo 2^32.
 *
 * A full ring loses records, which the writer counts: a host then tells the others less than it admitted. It is as large
 * as 300,000 admissions a second of one worker need at the default interval.
 */

/** Records; a power of two. */
const CAPACITY = 1 << 15
const INTS = 4
/** `head` and `tail` on cache lines of their own. */
const HEAD = 0
const TAIL = 16
const PREFIX = 32

export const BYTES_OF_ADMISSIONS = (PREFIX + CAPACITY * INTS) * Int32Array.BYTES_PER_ELEMENT

/** @param place the limit's reference, as `Limit.shared` has it; @param units may be 0 */
export type Admission = (lo: number, hi: number, place: number, identified: boolean, units: number) => void

export class AdmissionWriter {
  readonly #words: Int32Array
  #head: number

  constructor(buffer: SharedArrayBuffer) {
    this.#words = new Int32Array(buffer)
    this.#head = Atomics.load(this.#words, HEAD)
  }

  /** False: there was no room. @param place 1 to 2^30-1 @param units 0 to 2^31-1 */
  write(lo: number, hi: number, place: number, identified: boolean, units: number): boolean {
    const words = this.#words
    const head = this.#head
    if ((head - Atomics.load(words, TAIL)) >>> 0 >= CAPACITY) return false
    const at = PREFIX + (head & (CAPACITY - 1)) * INTS
    words[at] = lo
    words[at + 1] = hi
    words[at + 2] = place * 2 + (identified ? 1 : 0)
    words[at + 3] = units
    this.#head = (head + 1) | 0
    Atomics.store(words, HEAD, this.#head)
    return true
  }
}

export class AdmissionReader {
  readonly #words: Int32Array

  constructor(buffer: SharedArrayBuffer) {
    this.#words = new Int32Array(buffer)
  }

  /** Visits all there is, oldest first. */
  drain(visit: Admission): void {
    const words = this.#words
    const head = Atomics.load(words, HEAD)
    let tail = Atomics.load(words, TAIL)
    for (; tail !== head; tail = (tail + 1) | 0) {
      const at = PREFIX + (tail & (CAPACITY - 1)) * INTS
      const place = words[at + 2] ?? 0
      visit(words[at] ?? 0, words[at + 1] ?? 0, place >> 1, (place & 1) === 1, words[at + 3] ?? 0)
    }
    Atomics.store(words, TAIL, tail)
  }
}

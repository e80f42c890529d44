import { type Cidr, parseCidr } from './ip.ts'

/** First address and last address of a block of addresses, as 32-bit words. */
type Range = { first: number[]; last: number[] }

/**
 * A set of CIDR blocks. Blocks are sorted, and those inside others dropped, so that what is left is disjoint and a
 * look-up is one binary search over plain words: 14 steps for 10,000 blocks, nothing allocated.
 */
export class IpSet {
  readonly #v4: RangeTable
  readonly #v6: RangeTable

  /** @param blocks CIDR text, checked when the configuration was loaded; throws on one that can't be read */
  constructor(blocks: readonly string[]) {
    const v4: Range[] = []
    const v6: Range[] = []
    for (const text of blocks) {
      const cidr = parseCidr(text)
      if (cidr === null) throw new Error(`"${text}" is no IP address or CIDR block`)
      const list = cidr.bytes.length === 4 ? v4 : v6
      list.push(rangeOf(cidr))
    }
    this.#v4 = new RangeTable(v4, 1)
    this.#v6 = new RangeTable(v6, 4)
  }

  get empty(): boolean {
    return this.#v4.count === 0 && this.#v6.count === 0
  }

  /** @param bytes 4 or 16, IPv4-mapped counting as IPv4; of any other length they are in no set */
  has(bytes: Uint8Array): boolean {
    if (bytes.length === 4) return this.#v4.count > 0 && this.#v4.has(word(bytes, 0), 0, 0, 0)
    if (bytes.length !== 16) return false
    const a = word(bytes, 0)
    const b = word(bytes, 4)
    const c = word(bytes, 8)
    const d = word(bytes, 12)
    if (a === 0 && b === 0 && c === 0xffff) return this.#v4.count > 0 && this.#v4.has(d, 0, 0, 0)
    return this.#v6.count > 0 && this.#v6.has(a, b, c, d)
  }
}

/** Disjoint ranges of addresses `width` words wide, in ascending order. */
class RangeTable {
  readonly count: number
  readonly #width: number
  readonly #first: Uint32Array
  readonly #last: Uint32Array

  constructor(ranges: Range[], width: number) {
    // Of two blocks with one start the larger comes first, so that it swallows the other.
    ranges.sort((x, y) => compare(x.first, y.first) || compare(y.last, x.last))
    const kept: Range[] = []
    for (const range of ranges) {
      const before = kept.at(-1)
      // CIDR blocks nest or are apart: one that starts inside another ends inside it.
      if (before === undefined || compare(range.first, before.last) > 0) kept.push(range)
    }
    this.count = kept.length
    this.#width = width
    this.#first = new Uint32Array(kept.length * width)
    this.#last = new Uint32Array(kept.length * width)
    for (const [i, range] of kept.entries()) {
      this.#first.set(range.first, i * width)
      this.#last.set(range.last, i * width)
    }
  }

  /** Whether the address of words a, b, c, d is in one of the ranges; a table of width 1 reads only a. */
  has(a: number, b: number, c: number, d: number): boolean {
    let low = 0
    let high = this.count
    while (low < high) {
      const middle = (low + high) >>> 1
      if (this.#order(this.#first, middle, a, b, c, d) <= 0) low = middle + 1
      else high = middle
    }
    return low > 0 && this.#order(this.#last, low - 1, a, b, c, d) >= 0
  }

  /** Below 0, 0 or above 0, as entry `i` comes before, at or after the address. */
  #order(words: Uint32Array, i: number, a: number, b: number, c: number, d: number): number {
    const at = i * this.#width
    const first = (words[at] ?? 0) - a
    if (first !== 0 || this.#width === 1) return first
    return (words[at + 1] ?? 0) - b || (words[at + 2] ?? 0) - c || (words[at + 3] ?? 0) - d
  }
}

function rangeOf({ bytes, bits }: Cidr): Range {
  const first: number[] = []
  const last: number[] = []
  for (let at = 0; at < bytes.length; at += 4) {
    const value = word(bytes, at)
    const fixed = Math.min(32, Math.max(0, bits - 8 * at))
    first.push(value)
    last.push(fixed === 32 ? value : (value | (0xffffffff >>> fixed)) >>> 0)
  }
  return { first, last }
}

function word(bytes: Uint8Array, at: number): number {
  return (
    (((bytes[at] ?? 0) << 24) | ((bytes[at + 1] ?? 0) << 16) | ((bytes[at + 2] ?? 0) << 8) | (bytes[at + 3] ?? 0)) >>> 0
  )
}

function compare(x: readonly number[], y: readonly number[]): number {
  for (let i = 0; i < x.length; i++) {
    const difference = (x[i] ?? 0) - (y[i] ?? 0)
    if (difference !== 0) return difference
  }
  return 0
}

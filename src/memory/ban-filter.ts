/**
 * What stands before the ban table (ban-table.ts): nearly every address in nearly every request is in no banned block,
 * and then this says so at a sixth of what hash and slots cost (measured; bench/scenarios/decisions).
 *
 * What a look-up costs is the cache lines it waits for, and the branches that a processor guesses wrong. So the /8s and
 * /16s of IPv4 have a counter each, 64 KiB that stay near the core, and a block of any other length is counted at three
 * cells of one line of 64: a blocked Bloom filter that counts (Putze, Sanders and Singler). A /24 shares a line with all
 * its addresses, and so does a /48 of IPv6 with what is in it: an address waits for one line, whatever lengths are in use, and is judged without a branch. With
 * 100,000 bans in a table for 262,144, one address in twenty takes the longer way for nothing.
 *
 * The hash is weak and keyed; who could aim at it would only have some look-ups take the longer way. A counter that
 * comes to 255 stays there, so none ever says 0 of a block that is counted.
 *
 * Order: ban-table.ts has it. Counters change by compareExchange only, and are raised before the block's key is written;
 * a reader's plain load of one comes after its Atomics.load of the levels, which synchronises with the ban.
 */

/** Counters to each slot of the table. */
const CELLS_PER_SLOT = 4
const LINE_BITS = 6
const LINE = 1 << LINE_BITS
const LAST = LINE - 1
const MOST = 255
const SPACES = 2
/** Bytes of the IPv6 prefix that shares a line. */
const NETWORK = 6
/** Of levels, those that share it. */
const WITHIN = -1 << NETWORK
/** Of each space: for the prefixes of one byte, and of two. */
const EIGHTS = 1 << 8
const SHORTS = EIGHTS + (1 << 16)
/** Shifts of a hash for the three cells in its line: its upper bits are the good ones. */
const FIRST = 32 - LINE_BITS
const SECOND = 32 - 2 * LINE_BITS
const THIRD = 32 - 3 * LINE_BITS

/** Where a block is counted, for a slot to keep: what `lower` is to be given. */
export interface Mark {
  /** The line's first cell, or a short prefix's own. */
  at: number
  /** Its cells in the line, in the upper 18 bits; 0: it has a counter of its own. */
  within: number
}

function cellsFor(slots: number): number {
  return Math.max(LINE, slots * CELLS_PER_SLOT)
}

/** @param slots of the table, a power of two */
export function bytesOfBanFilter(slots: number): number {
  return cellsFor(slots) + SPACES * SHORTS
}

export class BanFilter {
  /** The lines, and after them the short prefixes. */
  readonly #cells: Uint8Array
  readonly #lines: number
  readonly #m0: number
  readonly #m1: number
  readonly #m2: number
  readonly #m3: number

  /**
   * @param offset in bytes @param slots as given to `bytesOfBanFilter`
   * @param mix draws multipliers, 32 bits each, the same in all threads that share the filter
   */
  constructor(buffer: SharedArrayBuffer, offset: number, slots: number, mix: (i: number) => number) {
    this.#cells = new Uint8Array(buffer, offset, bytesOfBanFilter(slots))
    this.#lines = cellsFor(slots)
    this.#m0 = mix(0) | 1
    this.#m1 = mix(1) | 1
    this.#m2 = mix(2) | 1
    this.#m3 = mix(3) | 1
  }

  /**
   * Of the lengths in `levels` (bit n: prefixes of n bytes) those at which an IPv4 address may lie in a counted block.
   * What most look-ups come to, and so written out: calls and branches doubled it (measured).
   * @param address as one word
   */
  levelsOf(space: number, address: number, levels: number): number {
    const cells = this.#cells
    const short = this.#lines + space * SHORTS
    const own = cells[short + (address >>> 24)] as number
    const two = cells[short + EIGHTS + (address >>> 16)] as number
    const n = Math.imul((address >>> 8) + (space << 28), this.#m0)
    const network = Math.imul(n ^ (n >>> 15), this.#m1)
    const line = ((network ^ (network >>> 16)) << LINE_BITS) & (this.#lines - 1)
    const three = Math.imul(network, this.#m3)
    const host = (network + Math.imul((address & 255) + 1, this.#m2)) | 0
    const four = Math.imul(host ^ (host >>> 15), this.#m3)
    const a = cells[line + (three >>> FIRST)] as number
    const b = cells[line + ((three >>> SECOND) & LAST)] as number
    const c = cells[line + ((three >>> THIRD) & LAST)] as number
    const d = cells[line + (four >>> FIRST)] as number
    const e = cells[line + ((four >>> SECOND) & LAST)] as number
    const f = cells[line + ((four >>> THIRD) & LAST)] as number
    const may =
      (own === 0 ? 0 : 1 << 1) | (two === 0 ? 0 : 1 << 2) | (noneZero(a, b, c) << 3) | (noneZero(d, e, f) << 4)
    return levels & may
  }

  /** The same for an IPv6 address. @param a,b,c,d its words */
  levelsOfWords(space: number, a: number, b: number, c: number, d: number, levels: number): number {
    const cells = this.#cells
    let may = 0
    // What lies within the address's /48 has one line, found once.
    const network = levels < 1 << NETWORK ? 0 : this.#network(space, a, b, NETWORK)
    const line = this.#line(network)
    for (let left = levels & WITHIN; left !== 0;) {
      const level = 31 - Math.clz32(left)
      left ^= 1 << level
      const within =
        level <= 8
          ? this.#within(network, level === 7 ? b & ~0xff : b, 0, 0, level)
          : this.#within(network, b, c & maskOf(level, 2), d & maskOf(level, 3), level)
      const x = cells[line + first(within)] as number
      const y = cells[line + second(within)] as number
      const z = cells[line + third(within)] as number
      may |= noneZero(x, y, z) << level
    }
    for (let left = levels & ~WITHIN; left !== 0;) {
      const level = 31 - Math.clz32(left)
      left ^= 1 << level
      const wide = this.#network(space, a & maskOf(level, 0), b & maskOf(level, 1), level)
      const at = this.#line(wide)
      const within = this.#within(wide, 0, 0, 0, level)
      const x = cells[at + first(within)] as number
      const y = cells[at + second(within)] as number
      const z = cells[at + third(within)] as number
      may |= noneZero(x, y, z) << level
    }
    return may
  }

  /** Where a block of an IPv4 address is counted. @param address cut to the prefix */
  mark(space: number, address: number, level: number, into: Mark): void {
    if (level <= 2) {
      into.at = this.#lines + space * SHORTS + (level === 1 ? address >>> 24 : EIGHTS + (address >>> 16))
      into.within = 0
      return
    }
    const n = Math.imul((address >>> 8) + (space << 28), this.#m0)
    const network = Math.imul(n ^ (n >>> 15), this.#m1)
    const host = (network + Math.imul((address & 255) + 1, this.#m2)) | 0
    into.at = this.#line(network)
    into.within = Math.imul(level === 3 ? network : host ^ (host >>> 15), this.#m3)
  }

  /** The same for IPv6. @param a,b,c,d its words, cut to the prefix */
  markWords(space: number, a: number, b: number, c: number, d: number, level: number, into: Mark): void {
    const network = this.#network(space, a, b, level)
    into.at = this.#line(network)
    into.within = this.#within(network, b, c, d, level)
  }

  /** Counts a block. */
  raise({ at, within }: Mark): void {
    this.#change(at, within, 1)
  }

  /** Counts it no longer. */
  lower({ at, within }: Mark): void {
    this.#change(at, within, -1)
  }

  #change(at: number, within: number, by: number): void {
    this.#add(at + first(within), by)
    if (at >= this.#lines) return
    this.#add(at + second(within), by)
    this.#add(at + third(within), by)
  }

  #add(cell: number, by: number): void {
    for (;;) {
      const n = Atomics.load(this.#cells, cell)
      if (n === MOST || Atomics.compareExchange(this.#cells, cell, n, n + by) === n) return
    }
  }

  /** A hash of a block's /48, or of one that is larger. */
  #network(space: number, a: number, b: number, level: number): number {
    const h = Math.imul(a + (space << 5) + Math.min(level, NETWORK), this.#m0)
    const n = Math.imul((b >>> 16) ^ h ^ (h >>> 15), this.#m1)
    return Math.imul(n ^ (n >>> 15), this.#m2)
  }

  #line(network: number): number {
    return ((network ^ (network >>> 16)) << LINE_BITS) & (this.#lines - 1)
  }

  /** What is beyond the /48. */
  #within(network: number, b: number, c: number, d: number, level: number): number {
    if (level <= NETWORK) return Math.imul(network, this.#m3)
    let h = Math.imul((network + (b & 0xffff) + (level << 16)) | 0, this.#m0)
    if (level > 8) {
      h = Math.imul(c ^ h ^ (h >>> 15), this.#m1)
      h = Math.imul(d ^ h ^ (h >>> 15), this.#m2)
    }
    return Math.imul(h ^ (h >>> 15), this.#m3)
  }
}

/** The bits that a prefix of `level` bytes keeps of an address's word `i`. */
export function maskOf(level: number, i: number): number {
  const bytes = level - i * 4
  return bytes >= 4 ? -1 : bytes <= 0 ? 0 : -1 << (32 - bytes * 8)
}

/** 1, or 0 if any of three counters is. */
function noneZero(a: number, b: number, c: number): number {
  return ~((a - 1) | (b - 1) | (c - 1)) >>> 31
}

function first(within: number): number {
  return within >>> FIRST
}

function second(within: number): number {
  return (within >>> SECOND) & LAST
}

function third(within: number): number {
  return (within >>> THIRD) & LAST
}

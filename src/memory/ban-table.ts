/**
 * Who is banned, for all threads at once: a fixed table of 64-bit keys in shared memory, read by every request that
 * any thread takes, written seldom. Nobody waits for anybody. Long, because its order is argued in one place.
 *
 * A slot is eight 32-bit words: the two halves of a keyed hash, `until` (whole seconds since the epoch; wall clock,
 * because bans outlive boots), `info` with the rest of `until`, and where the filter counts it. A key may lie in two groups of four slots.
 * Networks are kept by prefix length: an address is looked up once for each length in use, the lengths being whole bytes
 * (`blocksOf` splits a /20 into sixteen /24s). Before the slots stands a filter (ban-filter.ts), which ends nearly every
 * look-up.
 *
 * Order. A writer takes a slot by exchanging `until` for OWNED, takes its former key out of the filter and adds the
 * new one's, writes key and info, stores `until`, and then sets the
 * length's bit in `levels` with Atomics.or, whether or not it is set. A reader begins with Atomics.load of `levels`.
 * JavaScript puts all these into one total order, so a reader whose load comes after the writer's `or` has
 * synchronised with it, and its plain loads of keys see the ban: it holds for every request that begins after `put`
 * returned, on any thread. A plain load that matches is a hint and is made sure with Atomics: `until`, both halves,
 * `info`, and `until` again. A slot whose owner changed in between shows another `until`, unless it was removed and
 * given to another key until the very same second within these five loads: then one request may get the answer of a
 * moment before. Two threads that ban one key at once may take two slots: any of them bans, and `remove` empties all.
 *
 * Full groups. The ban that ends first makes room, never one that an owner made (PINNED): a million addresses of an
 * attacker shorten each other's bans. A thread that is destroyed while it OWNs a slot leaves that slot unusable.
 */
import type { SharedMemory } from './shared.ts'
import { BanFilter, bytesOfBanFilter, maskOf, type Mark } from './ban-filter.ts'
import { KeyHash, type Domain } from './hash.ts'

/** Bans that refuse, and those in shadow mode, which are only told of: two tables in one memory. */
export type Space = 0 | 1
export const ENFORCED: Space = 0
export const SHADOW: Space = 1

/** In `info`, above the 16 bits of a tag and the 8 bits of how often: made by the owner; limited instead of refused. */
export const PINNED = 1 << 24
export const LIMITED = 1 << 25

/** What a look-up found. Reused by its caller. */
export interface BanFound {
  /** Seconds since the epoch, with a fraction. */
  until: number
  info: number
}

/** Bits 0 to 15 of `info`: which scenario's ban it is. */
export function tagOf(info: number): number {
  return info & 0xffff
}

/** Bits 16 to 23: how many bans this key had before this one, at most 255. */
export function offencesOf(info: number): number {
  return (info >>> 16) & 0xff
}

/** Bits 26 to 31 of a slot's `info`: the rest of `until`, in 64ths of a second, rounded up: a ban never ends early. */
const REST_AT = 26
const REST = 64

const GROUP = 4
const SLOT_WORDS = 8
const UNTIL = 2
const INFO = 3
/** Its mark in the filter, and whether it is counted there: keys that are no addresses are not. */
const MARK_AT = 4
const MARK_WITHIN = 5
const COUNTED = 6
const OWNED = -1
const ATTEMPTS = 64
/** Before the slots: three words of levels for each space (IPv4, IPv6, other keys), the number of bans evicted; a line. */
const HEAD_WORDS = 16
const V4 = 0
const V6 = 1
const KEYS = 2
const SPACES = 2
const EVICTED = 6

/** The power of two that holds `wanted` bans, and two groups at least. */
export function banSlotCount(wanted: number): number {
  return 2 ** Math.ceil(Math.log2(Math.max(wanted, 2 * GROUP)))
}

/** @param wanted bans to hold; rounded up to a power of two */
export function bytesOfBanTable(wanted: number): number {
  const slots = banSlotCount(wanted)
  return (HEAD_WORDS + slots * SLOT_WORDS) * Int32Array.BYTES_PER_ELEMENT + bytesOfBanFilter(slots)
}

export class BanTable {
  readonly slots: number
  readonly #head: Int32Array
  readonly #words: Int32Array
  readonly #filter: BanFilter
  /** Of the block aimed at; and whether it is one. */
  readonly #mark: Mark = { at: 0, within: 0 }
  #counted = false
  /** Of the block that a slot held before. */
  readonly #former: Mark = { at: 0, within: 0 }
  readonly #groupMask: number
  readonly #hash: KeyHash
  /** By space: of each prefix length in bytes, and of keys that are no addresses. */
  readonly #v4: readonly (readonly Domain[])[]
  readonly #v6: readonly (readonly Domain[])[]
  readonly #keys: readonly Domain[]

  constructor({ bans, banSlots, seed }: Pick<SharedMemory, 'bans' | 'banSlots' | 'seed'>) {
    this.slots = banSlotCount(banSlots)
    this.#head = new Int32Array(bans, 0, HEAD_WORDS)
    this.#words = new Int32Array(bans, HEAD_WORDS * 4, this.slots * SLOT_WORDS)
    this.#groupMask = this.slots / GROUP - 1
    this.#hash = new KeyHash(seed)
    const mix = (i: number): number => this.#hashed(`ban filter ${i}`).lo
    this.#filter = new BanFilter(bans, (HEAD_WORDS + this.slots * SLOT_WORDS) * 4, this.slots, mix)
    const domains = (family: string, levels: number): Domain[][] =>
      Array.from({ length: SPACES }, (_, space) =>
        Array.from({ length: levels + 1 }, (__, level) => this.#hash.domain(`ban ${space} ${family} ${level}`))
      )
    this.#v4 = domains('v4', 4)
    this.#v6 = domains('v6', 16)
    this.#keys = Array.from({ length: SPACES }, (_, space) => this.#hash.domain(`ban ${space} key`))
  }

  /**
   * Whether an address, or a network it is in, is banned.
   * @param bytes 4 or 16; of any other length it is banned by nothing
   * @param now seconds since the epoch, with a fraction
   */
  find(space: Space, bytes: Uint8Array, now: number, into: BanFound): boolean {
    const levels = Atomics.load(this.#head, space * 3 + (bytes.length === 4 ? V4 : V6))
    if (levels === 0) return false
    if (bytes.length === 4) {
      const may = this.#filter.levelsOf(space, word(bytes, 0), levels)
      return may !== 0 && this.#findAt(space, bytes, may, now, into)
    }
    if (bytes.length !== 16) return false
    const may = this.#levelsOf(space, bytes, levels)
    return may !== 0 && this.#findAt(space, bytes, may, now, into)
  }

  /** Whether any key that is no address may be banned: where not, nobody needs to make the key's text. */
  holdsKeys(space: Space): boolean {
    return Atomics.load(this.#head, space * 3 + KEYS) !== 0
  }

  /** The same as `find` for a key of `by`'s words. */
  findKey(space: Space, key: string, now: number, into: BanFound): boolean {
    if (!this.holdsKeys(space)) return false
    this.#hash.of(key, this.#keys[space] as Domain)
    return this.#probe(this.#hash.lo, this.#hash.hi, now, into)
  }

  /**
   * What is still known of exactly this block, banned or not: a ban that has ended stays until its slot is needed, and
   * says how often its key was banned. False: nothing.
   * @param bits a multiple of 8, as `blocksOf` makes them
   */
  recall(space: Space, bytes: Uint8Array, bits: number, into: BanFound): boolean {
    this.#aimAtBlock(space, bytes, bits)
    return this.#recall(into)
  }

  recallKey(space: Space, key: string, into: BanFound): boolean {
    this.#hash.of(key, this.#keys[space] as Domain)
    return this.#recall(into)
  }

  /**
   * Bans a block. What is banned longer already stays so, unless `info` is PINNED: an owner's word replaces.
   * @param bits a multiple of 8
   * @param until seconds since the epoch, with a fraction; `now`, too
   * @returns false when there was no room for it: its groups are full of owners' bans
   */
  put(space: Space, bytes: Uint8Array, bits: number, until: number, info: number, now: number): boolean {
    this.#aimAtBlock(space, bytes, bits)
    this.#aimMark(space, bytes, bits >> 3)
    this.#counted = true
    if (!this.#put(until, info, now)) return false
    Atomics.or(this.#head, space * 3 + (bytes.length === 4 ? V4 : V6), 1 << (bits >> 3))
    return true
  }

  putKey(space: Space, key: string, until: number, info: number, now: number): boolean {
    this.#hash.of(key, this.#keys[space] as Domain)
    this.#counted = false
    if (!this.#put(until, info, now)) return false
    Atomics.or(this.#head, space * 3 + KEYS, 1)
    return true
  }

  /** Ends a block's ban; that it was banned is forgotten too. */
  remove(space: Space, bytes: Uint8Array, bits: number): void {
    this.#aimAtBlock(space, bytes, bits)
    this.#remove()
  }

  removeKey(space: Space, key: string): void {
    this.#hash.of(key, this.#keys[space] as Domain)
    this.#remove()
  }

  /** Bans that had to make room for others before their time, since the start. */
  get evicted(): number {
    return Atomics.load(this.#head, EVICTED)
  }

  /** Share of the slots in use at `now`, 0 to 1, from a sample. */
  fill(now: number): number {
    const sample = Math.min(1024, this.slots)
    const step = this.slots / sample
    let used = 0
    for (let i = 0; i < sample; i++) {
      // Not always the first of a group, which is taken first.
      if (this.#untilOf(((i * step + (step > 1 ? i % GROUP : 0)) % this.slots) * SLOT_WORDS) > now) used++
    }
    return used / sample
  }

  #hashed(text: string): KeyHash {
    this.#hash.of(text, this.#hash.domain('ban table'))
    return this.#hash
  }

  /** The longest prefix first. @param levels to look at, bit n for prefixes of n bytes */
  #findAt(space: Space, bytes: Uint8Array, levels: number, now: number, into: BanFound): boolean {
    for (let left = levels; left !== 0;) {
      const level = 31 - Math.clz32(left)
      left ^= 1 << level
      this.#aimAtBlock(space, bytes, level << 3)
      if (this.#probe(this.#hash.lo, this.#hash.hi, now, into)) return true
    }
    return false
  }

  /** What the filter says of an IPv6 address. */
  #levelsOf(space: Space, bytes: Uint8Array, levels: number): number {
    const a = word(bytes, 0)
    return this.#filter.levelsOfWords(space, a, word(bytes, 4), word(bytes, 8), word(bytes, 12), levels)
  }

  #aimMark(space: Space, bytes: Uint8Array, level: number): void {
    const a = word(bytes, 0) & maskOf(level, 0)
    if (bytes.length === 4) return this.#filter.mark(space, a, level, this.#mark)
    const b = word(bytes, 4) & maskOf(level, 1)
    const c = word(bytes, 8) & maskOf(level, 2)
    const d = word(bytes, 12) & maskOf(level, 3)
    this.#filter.markWords(space, a, b, c, d, level, this.#mark)
  }

  #aimAtBlock(space: Space, bytes: Uint8Array, bits: number): void {
    const level = bits >> 3
    const hash = this.#hash
    const a = word(bytes, 0) & maskOf(level, 0)
    if (bytes.length === 4) return hash.ofWords(a, 0, 0, 0, this.#v4[space]?.[level] as Domain)
    const b = word(bytes, 4) & maskOf(level, 1)
    const c = word(bytes, 8) & maskOf(level, 2)
    const d = word(bytes, 12) & maskOf(level, 3)
    hash.ofWords(a, b, c, d, this.#v6[space]?.[level] as Domain)
  }

  /** First word of the group at `turn` 0 or 1 of a key. */
  #groupAt(lo: number, hi: number, turn: number): number {
    const first = lo & this.#groupMask
    if (turn === 0) return first * GROUP * SLOT_WORDS
    const second = hi & this.#groupMask
    return (second === first ? second ^ 1 : second) * GROUP * SLOT_WORDS
  }

  #probe(lo: number, hi: number, now: number, into: BanFound): boolean {
    const words = this.#words
    for (let turn = 0; turn < 2; turn++) {
      const start = this.#groupAt(lo, hi, turn)
      for (let at = start; at < start + GROUP * SLOT_WORDS; at += SLOT_WORDS) {
        if (words[at] === lo && words[at + 1] === hi && this.#read(at, lo, hi, into) && into.until > now) return true
      }
    }
    return false
  }

  /** A slot's until and info, if it is sure to be of this key. */
  #read(at: number, lo: number, hi: number, into: BanFound): boolean {
    const words = this.#words
    for (let attempt = 0; attempt < ATTEMPTS; attempt++) {
      const until = Atomics.load(words, at + UNTIL)
      if (Atomics.load(words, at) !== lo || Atomics.load(words, at + 1) !== hi) return false
      // Its own ban is being changed: over in a few instructions, and not banned only if that thread was put aside.
      if (until === OWNED) continue
      const info = Atomics.load(words, at + INFO)
      if (Atomics.load(words, at + UNTIL) !== until) continue
      into.until = whole(until, info)
      into.info = info & (2 ** REST_AT - 1)
      return until !== 0
    }
    return false
  }

  #recall(into: BanFound): boolean {
    const { lo, hi } = this.#hash
    for (let turn = 0; turn < 2; turn++) {
      const start = this.#groupAt(lo, hi, turn)
      for (let at = start; at < start + GROUP * SLOT_WORDS; at += SLOT_WORDS) {
        if (this.#read(at, lo, hi, into)) return true
      }
    }
    return false
  }

  #put(until: number, info: number, now: number): boolean {
    const words = this.#words
    const { lo, hi } = this.#hash
    const rounded = Math.ceil(until * REST)
    const seconds = Math.floor(rounded / REST)
    for (let attempt = 0; attempt < ATTEMPTS; attempt++) {
      const at = this.#slotFor(lo, hi, now)
      if (at < 0) return false
      const before = Atomics.load(words, at + UNTIL)
      if (before === OWNED) continue
      const own = Atomics.load(words, at) === lo && Atomics.load(words, at + 1) === hi
      const ends = whole(before, Atomics.load(words, at + INFO))
      const live = ends > now
      if (own && ends >= rounded / REST && (info & PINNED) === 0) return true
      if (Atomics.compareExchange(words, at + UNTIL, before, OWNED) !== before) continue
      if (live && !own) Atomics.add(this.#head, EVICTED, 1)
      if (Atomics.load(words, at + COUNTED) === 1) {
        this.#former.at = Atomics.load(words, at + MARK_AT)
        this.#former.within = Atomics.load(words, at + MARK_WITHIN)
        this.#filter.lower(this.#former)
      }
      if (this.#counted) this.#filter.raise(this.#mark)
      Atomics.store(words, at + MARK_AT, this.#mark.at)
      Atomics.store(words, at + MARK_WITHIN, this.#mark.within)
      Atomics.store(words, at + COUNTED, this.#counted ? 1 : 0)
      Atomics.store(words, at, lo)
      Atomics.store(words, at + 1, hi)
      Atomics.store(words, at + INFO, info | ((rounded - seconds * REST) << REST_AT))
      Atomics.store(words, at + UNTIL, seconds | 0)
      return true
    }
    return false
  }

  /** Its own slot; else a free one, in the emptier group; else the one whose ban ends or ended first. -1: none may go. */
  #slotFor(lo: number, hi: number, now: number): number {
    const words = this.#words
    let best = -1
    let bestUntil = Infinity
    let bestLive = GROUP + 1
    for (let turn = 0; turn < 2; turn++) {
      const start = this.#groupAt(lo, hi, turn)
      const live = this.#liveIn(start, now)
      for (let at = start; at < start + GROUP * SLOT_WORDS; at += SLOT_WORDS) {
        if (words[at] === lo && words[at + 1] === hi && Atomics.load(words, at + UNTIL) !== 0) return at
        const until = this.#untilOf(at)
        if (until > now && (Atomics.load(words, at + INFO) & PINNED) !== 0) continue
        const better = until > now ? until < bestUntil : live < bestLive || (live === bestLive && until < bestUntil)
        if (!better) continue
        best = at
        bestUntil = until
        bestLive = until > now ? GROUP : live
      }
    }
    return best
  }

  #liveIn(start: number, now: number): number {
    let live = 0
    for (let at = start; at < start + GROUP * SLOT_WORDS; at += SLOT_WORDS) if (this.#untilOf(at) > now) live++
    return live
  }

  /** OWNED counts as banned for ever: another thread's. */
  #untilOf(at: number): number {
    return whole(Atomics.load(this.#words, at + UNTIL), Atomics.load(this.#words, at + INFO))
  }

  #remove(): void {
    const words = this.#words
    const { lo, hi } = this.#hash
    for (let turn = 0; turn < 2; turn++) {
      const start = this.#groupAt(lo, hi, turn)
      for (let at = start; at < start + GROUP * SLOT_WORDS; at += SLOT_WORDS) {
        for (let attempt = 0; attempt < ATTEMPTS; attempt++) {
          const until = Atomics.load(words, at + UNTIL)
          if (Atomics.load(words, at) !== lo || Atomics.load(words, at + 1) !== hi) break
          if (until !== OWNED && Atomics.compareExchange(words, at + UNTIL, until, 0) === until) break
        }
      }
    }
  }
}

/** Seconds since the epoch, of a slot's two words. */
function whole(until: number, info: number): number {
  return (until >>> 0) + (info >>> REST_AT) / REST
}

/**
 * A network as blocks whose prefixes are whole bytes: itself, or up to 128 of the next longer such length.
 * @param bits 1 to 32 or 128; a prefix of 0 would ban everybody, and none is made of it
 */
export function blocksOf(bytes: Uint8Array, bits: number): { bytes: Uint8Array; bits: number }[] {
  if (bits === 0) return []
  const whole = (bits + 7) & ~7
  const at = (whole >> 3) - 1
  const blocks: { bytes: Uint8Array; bits: number }[] = []
  for (let i = 0; i < 1 << (whole - bits); i++) {
    const block = bytes.slice()
    block[at] = (block[at] ?? 0) | i
    blocks.push({ bytes: block, bits: whole })
  }
  return blocks
}

function word(bytes: Uint8Array, at: number): number {
  return (
    ((bytes[at] as number) << 24) |
    ((bytes[at + 1] as number) << 16) |
    ((bytes[at + 2] as number) << 8) |
    (bytes[at + 3] as number)
  )
}

/**
 * Route trees as numbers, in a few arrays. Where 10,000 routes are all in use, a look-up finds next to nothing in the
 * processor's caches if each node, its text, its list and each route in that are objects of their own: some twenty cache
 * lines a request. Packed they are 1 MB together, and a look-up reads five lines. Measured, with 32 KB of other memory
 * touched between two look-ups: 1.0 µs, where objects took 2.5 to 4.8; of 10 routes 0.35, where they took 0.4 to 0.5.
 *
 * Hash tables of literal segments grow with the configuration alone, and so does the longest chain of equal hashes: no
 * client can lengthen one.
 */
import type { RouteMatch } from './match.ts'
import type { Candidate, Node } from './node.ts'

// Words of a node. 0 is no node and no place: the first words of both arrays are nobody's.
/** Node of the `{x}` below. */
const PARAM = 0
/** Place of the routes whose path ends here, and of those whose path ends here with `/*`. */
const EXACT = 1
const BELOW = 2
/** Where its literal children's slots begin, and how many less one; -1: it has none. */
const SLOTS = 3
const MASK = 4
/** Its segment: where the text lies, how long it is, its hash. */
const TEXT = 5
const LENGTH = 6
const HASH = 7
const NODE_WORDS = 8

// Words of a candidate. A place is where its first candidate is; the others follow.
const METHODS = 0
const ROUTE = 1
const FLAGS = 2
const CANDIDATE_WORDS = 3

/** It asks for headers or serves on some listeners only: `candidates` has which. */
const ASKS = 1
const OTHERS_FOLLOW = 2

export class PackedTree {
  readonly #nodes: Int32Array
  readonly #slots: Int32Array
  readonly #text: Uint16Array
  readonly #words: Int32Array
  /** By their position in #words. */
  readonly #candidates: readonly Candidate[]

  constructor(packer: Packer) {
    this.#nodes = new Int32Array(packer.nodes)
    this.#slots = new Int32Array(packer.slots)
    this.#text = new Uint16Array(packer.text)
    this.#words = new Int32Array(packer.words)
    this.#candidates = packer.candidates
  }

  /**
   * The most specific place at or below `node`, or 0. Depth first in the order of precedence, so the first complete match
   * is the best one; recursion is as deep as the longest pattern (pattern.ts bounds it).
   *
   * @param at where the next segment starts; past `into.end` when there is none
   */
  walk(node: number, at: number, into: RouteMatch): number {
    into.steps++
    const nodes = this.#nodes
    const below = nodes[node + BELOW] as number
    if (at >= into.end) {
      const exact = nodes[node + EXACT] as number
      if (exact !== 0 && this.#anyServes(exact, into.listener)) return exact
      if (below === 0 || !this.#anyServes(below, into.listener)) return 0
      into.restAt = into.path.length
      return below
    }
    let end = into.path.indexOf('/', at)
    if (end < 0) end = into.end

    const child = this.#literal(node, into.path, at, end)
    if (child !== 0) {
      const place = this.walk(child, end + 1, into)
      if (place !== 0) return place
    }
    const param = nodes[node + PARAM] as number
    if (param !== 0) {
      const i = 2 * into.params++
      into.bounds[i] = at
      into.bounds[i + 1] = end
      const place = this.walk(param, end + 1, into)
      if (place !== 0) return place
      into.params--
    }
    if (below === 0 || !this.#anyServes(below, into.listener)) return 0
    into.restAt = at
    return below
  }

  /** The place behind one at the same host and path, less preferred; 0: there is none. */
  next(place: number): number {
    return (this.#words[place + FLAGS] as number) & OTHERS_FOLLOW ? place + CANDIDATE_WORDS : 0
  }

  methods(place: number): number {
    return this.#words[place + METHODS] as number
  }

  route(place: number): number {
    return this.#words[place + ROUTE] as number
  }

  /** Whether anything but the method matters. */
  asks(place: number): boolean {
    return ((this.#words[place + FLAGS] as number) & ASKS) !== 0
  }

  candidate(place: number): Candidate | null {
    return this.#candidates[place / CANDIDATE_WORDS - 1] ?? null
  }

  #anyServes(first: number, listener: string): boolean {
    for (let place = first; place !== 0; place = this.next(place)) {
      const listeners = this.asks(place) ? (this.candidate(place)?.listeners ?? null) : null
      if (listeners === null || listeners.has(listener)) return true
    }
    return false
  }

  /** The child for the segment that `path` has from `start` to `end`: a Map would need it as a string of its own. */
  #literal(node: number, path: string, start: number, end: number): number {
    const nodes = this.#nodes
    const mask = nodes[node + MASK] as number
    if (mask < 0) return 0
    const slots = nodes[node + SLOTS] as number
    const wanted = hash(path, start, end)
    for (let i = wanted & mask; ; i = (i + 1) & mask) {
      // At most half of the slots are taken, so a free one ends every chain.
      const child = this.#slots[slots + i] as number
      if (child === 0) return 0
      if (nodes[child + HASH] !== wanted || nodes[child + LENGTH] !== end - start) continue
      if (this.#isAt(nodes[child + TEXT] as number, path, start, end)) return child
    }
  }

  #isAt(text: number, path: string, start: number, end: number): boolean {
    for (let i = start; i < end; i++) if (this.#text[text + i - start] !== path.charCodeAt(i)) return false
    return true
  }
}

/** Packs trees one after the other. */
export class Packer {
  readonly nodes: number[] = Array.from({ length: NODE_WORDS }, () => 0)
  readonly slots: number[] = []
  readonly text: number[] = []
  readonly words: number[] = Array.from({ length: CANDIDATE_WORDS }, () => 0)
  readonly candidates: Candidate[] = []
  /** Where each segment's text lies: routes of one shape share most of theirs. */
  readonly #segments = new Map<string, number>()

  #place(candidates: readonly Candidate[] | null): number {
    if (candidates === null) return 0
    const at = this.words.length
    candidates.forEach((candidate, i) => {
      const { methods, route, headers, listeners } = candidate
      const asks = headers.length > 0 || listeners !== null ? ASKS : 0
      this.words.push(methods, route, asks | (i + 1 < candidates.length ? OTHERS_FOLLOW : 0))
      this.candidates.push(candidate)
    })
    return at
  }

  #textOf(segment: string): number {
    let at = this.#segments.get(segment)
    if (at !== undefined) return at
    at = this.text.length
    for (let i = 0; i < segment.length; i++) this.text.push(segment.charCodeAt(i))
    this.#segments.set(segment, at)
    return at
  }

  /** Packs a node with all below it, and yields after each. @returns where it is */
  *add(node: Node, segment = ''): Generator<void, number> {
    const at = this.nodes.length
    const { length } = segment
    this.nodes.push(0, this.#place(node.exact), this.#place(node.below), 0, -1)
    this.nodes.push(this.#textOf(segment), length, hash(segment, 0, length))
    // Right behind it: a leaf `{x}` lies in its parent's cache line, or the next.
    if (node.param !== null) this.nodes[at + PARAM] = yield* this.add(node.param)
    const count = node.literals.size
    if (count > 0) {
      const mask = (2 << (32 - Math.clz32(count - 1))) - 1
      const slots = this.slots.length
      for (let i = 0; i <= mask; i++) this.slots.push(0)
      this.nodes[at + SLOTS] = slots
      this.nodes[at + MASK] = mask
      for (const [text, child] of node.literals) {
        let i = hash(text, 0, text.length) & mask
        while (this.slots[slots + i] !== 0) i = (i + 1) & mask
        this.slots[slots + i] = yield* this.add(child, text)
      }
    }
    yield
    return at
  }
}

/** FNV-1a over UTF-16 units. Spreads, protects nothing: the keys are the configuration's. */
function hash(text: string, start: number, end: number): number {
  let h = 0x811c9dc5
  for (let i = start; i < end; i++) h = Math.imul(h ^ text.charCodeAt(i), 0x01000193)
  return h ^ (h >>> 15)
}

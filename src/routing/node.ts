/** One route at one place (host and path) of the table. */
export interface Candidate {
  /** Position in Plan.routes. */
  readonly route: number
  /** Method bits (method.ts). */
  readonly methods: number
  /** All must equal; names lower-case. */
  readonly headers: readonly { readonly name: string; readonly value: string }[]
  /** Listener names, null for all. */
  readonly listeners: ReadonlySet<string> | null
  /** Names of the path's `{x}`, from left to right. */
  readonly pathNames: readonly string[]
  /** Name of the host's first label, or null. */
  readonly hostName: string | null
}

/** More literal children than this are found by hash; up to it a scan is faster. */
const SCAN = 8
const NO_CHILDREN: Node[] = []

/**
 * One path segment of the route tree. Literal children are looked up by a stretch of the path in place: a Map would
 * need the segment as a string of its own per step. Its table grows with the configuration alone, and so does the
 * longest chain of equal hashes: no client can lengthen one.
 */
export class Node {
  /** The segment; '' for the root, for `{x}` and in no other node. */
  readonly text: string
  readonly #hash: number
  /** The `{x}` below. */
  param: Node | null = null
  /** Routes whose path ends here, more headers first, then in the plan's order. */
  exact: Candidate[] | null = null
  /** Routes whose path ends here with `/*`, in the same order. */
  below: Candidate[] | null = null
  #literals = NO_CHILDREN
  /** Open addressing with linear probing; index into #literals plus one, 0 for free. Null while a scan does. */
  #slots: Int32Array | null = null

  constructor(text: string) {
    this.text = text
    this.#hash = hash(text, 0, text.length)
  }

  /** The child for the segment that `path` has from `start` to `end`, or null. */
  literal(path: string, start: number, end: number): Node | null {
    const literals = this.#literals
    const length = end - start
    if (this.#slots === null) {
      for (const child of literals) if (child.text.length === length && path.startsWith(child.text, start)) return child
      return null
    }
    const wanted = hash(path, start, end)
    const mask = this.#slots.length - 1
    for (let i = wanted & mask; ; i = (i + 1) & mask) {
      // At most half of the slots are taken, so a free one ends every chain.
      const child = literals[(this.#slots[i] ?? 0) - 1]
      if (child === undefined) return null
      if (child.#hash === wanted && child.text.length === length && path.startsWith(child.text, start)) return child
    }
  }

  /** The child for `segment`, made if there is none. */
  grow(segment: string): Node {
    const known = this.literal(segment, 0, segment.length)
    if (known !== null) return known
    const child = new Node(segment)
    if (this.#literals === NO_CHILDREN) this.#literals = []
    const count = this.#literals.push(child)
    if (this.#slots !== null && count * 2 <= this.#slots.length) this.#place(this.#slots, count)
    else if (count > SCAN) {
      this.#slots = new Int32Array(4 << (32 - Math.clz32(count)))
      for (let n = 1; n <= count; n++) this.#place(this.#slots, n)
    }
    return child
  }

  growParam(): Node {
    this.param ??= new Node('')
    return this.param
  }

  #place(slots: Int32Array, number: number): void {
    const mask = slots.length - 1
    const child = this.#literals[number - 1]
    let i = (child === undefined ? 0 : child.#hash) & mask
    while (slots[i] !== 0) i = (i + 1) & mask
    slots[i] = number
  }
}

/** Adds to a place's list, keeping it in the order in which candidates are asked. */
export function addCandidate(list: Candidate[] | null, added: Candidate): Candidate[] {
  if (list === null) return [added]
  let at = list.length
  while (at > 0 && comesBefore(added, list[at - 1])) at--
  // A route that names one place twice (`/a` and `/a/`) stands there once.
  if (list[at - 1]?.route !== added.route) list.splice(at, 0, added)
  return list
}

function comesBefore(a: Candidate, b: Candidate | undefined): boolean {
  if (b === undefined) return false
  const more = a.headers.length - b.headers.length
  return more > 0 || (more === 0 && a.route < b.route)
}

/** FNV-1a over UTF-16 units. Spreads, protects nothing: the keys are the configuration's. */
function hash(text: string, start: number, end: number): number {
  let h = 0x811c9dc5
  for (let i = start; i < end; i++) h = Math.imul(h ^ text.charCodeAt(i), 0x01000193)
  return h ^ (h >>> 15)
}

/**
 * Entries by the end of their token, for tokens that come and go.
 *
 * Not a Map: V8 gives one a new table for every few dozen entries that come and go, and the table before keeps what it
 * held and points to the one after. One such table that has grown old keeps all that follow from being collected
 * young, with every token, claim and promise in them: 2.2 KB of each new token outlived the scavenges that way,
 * and the threads that help with those took some 20 µs a token.
 */

/** What is filed; in one table at a time. */
export interface Filed<E> {
  /** `tailOf` its token. */
  readonly tail: number
  /** The table's. */
  next: E | null
}

const LEAST = 64
/** The end of a token is signature, as good as random. Its last character holds two to six bits of it. */
const TAIL = 6

/** 30 bits, a small integer to V8. `token` may be anything whose end is as good as random: a digest. */
export function tailOf(token: string): number {
  let tail = 0
  for (let i = Math.max(0, token.length - TAIL); i < token.length; i++) {
    tail = (Math.imul(tail, 67) + token.charCodeAt(i)) & 0x3fffffff
  }
  return tail
}

export class TokenTable<E extends Filed<E>> {
  /** Chains; a power of two. */
  #slots: (E | null)[] = emptySlots(LEAST)
  /** Odd, and nobody's to know: whoever chooses tails should not choose slots. */
  readonly #seed = (Math.random() * 2 ** 32) | 1
  #size = 0

  get size(): number {
    return this.#size
  }

  /** Whose tail it is, which may be another token that ends alike: compare the text. */
  find(tail: number): E | null {
    let at = this.#slots[this.#slot(tail)] ?? null
    while (at !== null && at.tail !== tail) at = at.next
    return at
  }

  /** No other of this tail may be in it. */
  add(entry: E): void {
    if (this.#size >= this.#slots.length) this.#grow()
    this.#size++
    this.#file(entry)
  }

  /** Of one that is in it. */
  remove(entry: E): void {
    const slot = this.#slot(entry.tail)
    let before: E | null = null
    let at = this.#slots[slot] ?? null
    while (at !== null && at !== entry) {
      before = at
      at = at.next
    }
    if (at === null) return
    if (before === null) this.#slots[slot] = entry.next
    else before.next = entry.next
    // One that has grown old would keep those after it from being collected young.
    entry.next = null
    this.#size--
  }

  /** All of them, in no order; stays usable while others come and go, and may then give one twice. */
  *values(): Generator<E, undefined> {
    // When the table grows, what is in slot i stays there or goes on to a later one.
    for (let slot = 0; slot < this.#slots.length; slot++) {
      const chain: E[] = []
      for (let at = this.#slots[slot] ?? null; at !== null; at = at.next) chain.push(at)
      yield* chain
    }
  }

  #slot(tail: number): number {
    // The upper bits of the product: each depends on all of the tail.
    return (Math.imul(tail, this.#seed) >>> 8) & (this.#slots.length - 1)
  }

  #file(entry: E): void {
    const slot = this.#slot(entry.tail)
    entry.next = this.#slots[slot] ?? null
    this.#slots[slot] = entry
  }

  #grow(): void {
    const before = this.#slots
    this.#slots = emptySlots(before.length * 2)
    for (const first of before) {
      for (let at = first; at !== null;) {
        const { next } = at
        this.#file(at)
        at = next
      }
    }
  }
}

function emptySlots<E>(count: number): (E | null)[] {
  return Array.from({ length: count }, () => null)
}

import { KeyHash } from '../memory/hash.ts'

/** A power of two. Clients that share a cell share what is free. */
const CELLS = 4096
/** Bytes of answers without a body that a client gets without further ado, and the time in which they come back, ms. */
const FREE = 512 * 1024
const BACK_IN = 3_600_000

/**
 * Whose connections are to end with an answer that has no body. That such an answer waits behind others which its client
 * doesn't read, uWS tells nobody, and keeps it: over one connection they would pile up without end. So beyond what is free
 * each ends its connection by chance, once in FREE bytes: a client that reads opens another after thousands of answers, and
 * one that doesn't has no more kept for it. By chance, and what is free not given again at an end, because who knew
 * when the next end is due would have it on another connection of his.
 */
export class UnreadAnswers {
  readonly #hash: KeyHash
  readonly #domain: ReturnType<KeyHash['domain']>
  /** By client, until when what it got is not free again, ms (monotonic). */
  readonly #until = new Float64Array(CELLS)
  readonly #random: () => number

  /** @param seed SharedMemory.seed @param random as Math.random */
  constructor(seed: ConstructorParameters<typeof KeyHash>[0], random: () => number = Math.random) {
    this.#hash = new KeyHash(seed)
    this.#domain = this.#hash.domain('answers without a body')
    this.#random = random
  }

  /** An answer of so many bytes goes to `client`. @param now ms (monotonic) @returns whether its connection is to end with it */
  ends(client: string, bytes: number, now: number): boolean {
    this.#hash.of(client, this.#domain)
    const cell = this.#hash.lo & (CELLS - 1)
    const until = Math.max(now, this.#until[cell] ?? 0) + (bytes * BACK_IN) / FREE
    const most = now + BACK_IN
    this.#until[cell] = Math.min(until, most)
    return until > most && this.#random() * FREE < bytes
  }
}

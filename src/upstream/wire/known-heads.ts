/**
 * Heads seen before, recognised by their bytes. An upstream under load repeats itself: all its answers of one kind and
 * length within one second of its Date have the same head. Then finding the end, one comparison and the same objects
 * again take a quarter of the time of parsing, and whoever gets the same list of fields again can know its own work
 * on it done. Equal bytes mean equal heads, so nothing is believed here that the parser did not read.
 */

/** What a head says; see HeadParser. */
export interface Head {
  readonly status: number
  /** Frozen where it is handed out more than once. */
  readonly headers: readonly string[]
  readonly contentLength: number
  readonly chunked: boolean
  readonly keepAlive: boolean
  readonly keepAliveSeconds: number
}

export interface KnownHead extends Head {
  /** Bytes. */
  readonly length: number
}

/** Longer heads are rarely the same twice. */
const MAX_KNOWN = 512
const SLOTS = 256
const END = Buffer.from('\r\n\r\n')
const LF = 0x0a
/** After so many heads in a row that were new, only every sixteenth is looked up. */
const HOPELESS = 256

export class KnownHeads {
  readonly #bytes = Buffer.allocUnsafeSlow(SLOTS * MAX_KNOWN)
  readonly #heads: (KnownHead | null)[] = Array.from({ length: SLOTS }, () => null)
  /** Signatures of heads that were seen once: the second time is soon enough to keep one. */
  readonly #seen = new Int32Array(SLOTS)
  #new = 0
  #slot = 0
  /** Slot of the head that came last. */
  #last = 0
  #signature = 0

  /** The head at `bytes[start, end)`, if it is known. */
  find(bytes: Buffer, start: number, end: number): KnownHead | null {
    this.#signature = 0
    const last = this.#heads[this.#last] ?? null
    if (last !== null && this.#isAt(bytes, start, end, this.#last, last.length)) {
      this.#new = 0
      return last
    }
    if (this.#new > HOPELESS && (++this.#new & 15) !== 0) return null
    const at = bytes.indexOf(END, start)
    const length = at + END.length - start
    if (at < 0 || at + END.length > end || length > MAX_KNOWN) return null
    // What tells answers of one kind apart is a length, an ETag or an id: one of a few characters in a row.
    let signature = length
    for (let i = start + 9; i < at; i += 5) signature = (Math.imul(signature, 31) + (bytes[i] ?? 0)) | 0
    this.#signature = signature === 0 ? 1 : signature
    this.#slot = (signature ^ (signature >>> 11)) & (SLOTS - 1)
    const head = this.#heads[this.#slot] ?? null
    if (head?.length === length && this.#isAt(bytes, start, end, this.#slot, length)) {
      this.#new = 0
      this.#last = this.#slot
      return head
    }
    this.#new++
    return null
  }

  /** Whether the bytes are those of a slot's head, which is `length` long. */
  #isAt(bytes: Buffer, start: number, end: number, slot: number, length: number): boolean {
    const stop = start + length
    // Where heads differ, their lengths mostly do: a look at the last byte spares the call.
    if (stop > end || bytes[stop - 1] !== LF) return false
    const from = slot * MAX_KNOWN
    return bytes.compare(this.#bytes, from, from + length, start, stop) === 0
  }

  /** Keeps the head that `find` did not know, whose `length` bytes are at `start`, if it came before. */
  keep(bytes: Buffer, start: number, length: number, head: Head): void {
    const signature = this.#signature
    if (signature === 0) return
    const slot = this.#slot
    if (this.#seen[slot] !== signature) {
      this.#seen[slot] = signature
      return
    }
    bytes.copy(this.#bytes, slot * MAX_KNOWN, start, start + length)
    const { status, contentLength, chunked, keepAlive, keepAliveSeconds } = head
    const headers = Object.freeze(head.headers)
    this.#heads[slot] = { length, status, headers, contentLength, chunked, keepAlive, keepAliveSeconds }
  }
}

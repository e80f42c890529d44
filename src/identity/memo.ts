import type { RepeatedFields } from '../repeated-fields.ts'

/** Results that one caller's rules came to, by compiled rule: they live and die with the verified credential. */
export class CallerMemo {
  readonly #rules: object[] = []
  readonly #results: unknown[] = []
  /** The address that this identity last came from, and until when that needs no second word, ms since the epoch. */
  seenFrom = ''
  seenUntil = 0
  /** What services are told of this caller; null: none was told yet. */
  told: RepeatedFields | null = null

  /** What `set` stored for this very rule object, or undefined. */
  get(rule: object): unknown {
    const i = this.#rules.indexOf(rule)
    return i < 0 ? undefined : this.#results[i]
  }

  clear(): void {
    this.#rules.length = 0
    this.#results.length = 0
  }

  /**
   * Remembers; silently doesn't once it is full. A caller meets few rules, and every cached token has a memo: without
   * a bound, tokens times rules would outgrow the cache's bytes.
   */
  set(rule: object, result: unknown): void {
    const i = this.#rules.indexOf(rule)
    if (i >= 0) this.#results[i] = result
    else if (this.#rules.length < MAX_MEMO) {
      this.#rules.push(rule)
      this.#results.push(result)
    }
  }
}

/** Rules of one generation that one caller meets. A new generation's rules are new objects, and its memos are new. */
const MAX_MEMO = 32

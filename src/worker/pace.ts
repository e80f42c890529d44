import type { Exchange } from '../pipeline/exchange.ts'
import { chargeBytes } from '../pipeline/limits.ts'

/**
 * Keeps one direction of an exchange to its limits of bandwidth: each chunk is charged when it has passed, and what that
 * overdraws is waited for before the next. All exchanges of a key share what it has, so over time their sum is what the
 * limit gives, and at most one chunk of each more.
 */
export class Pace {
  readonly #x: Exchange
  readonly #resume: () => void
  #timer: NodeJS.Timeout | null = null

  /** @param resume called in a later turn, when what was held back may go on */
  constructor(x: Exchange, resume: () => void) {
    this.#x = x
    this.#resume = resume
  }

  get holds(): boolean {
    return this.#timer !== null
  }

  /** @returns ms for which the next chunk is held back; 0: not at all */
  passed(bytes: number): number {
    const wait = chargeBytes(this.#x, bytes)
    if (wait > 0 && this.#timer === null) {
      this.#timer = setTimeout(() => {
        this.#timer = null
        this.#resume()
      }, Math.ceil(wait))
    }
    return wait
  }

  stop(): void {
    if (this.#timer !== null) clearTimeout(this.#timer)
    this.#timer = null
  }
}

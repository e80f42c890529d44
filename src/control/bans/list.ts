import type { BanReport } from '../../ban.ts'
import { ADDED } from '../../threats/tag.ts'

/** Bans by id, in the order in which they were made. */
export class BanList {
  readonly #bans = new Map<string, BanReport>()
  /** Those that make room for others, in the same order: not an owner's. */
  readonly #yielding = new Set<string>()
  /**
   * Goes on where it was: a walk that begins anew passes what was taken out since V8 made the table, of a hundred thousand
   * as many.
   */
  #oldest = this.#yielding.values()

  get size(): number {
    return this.#bans.size
  }

  get(id: string): BanReport | undefined {
    return this.#bans.get(id)
  }

  [Symbol.iterator](): Iterator<[id: string, ban: BanReport]> {
    return this.#bans.entries()
  }

  /** Stands at the end then, wherever it stood. */
  add(id: string, ban: BanReport): void {
    this.delete(id)
    this.#bans.set(id, ban)
    if (ban.scenario !== ADDED) this.#yielding.add(id)
  }

  /** In the place of one of the same scenario. */
  replace(id: string, ban: BanReport): void {
    this.#bans.set(id, ban)
  }

  delete(id: string): void {
    this.#bans.delete(id)
    this.#yielding.delete(id)
  }

  /** Takes out the oldest that is not its owner's. @returns its id; null: there is none */
  deleteOldest(): string | null {
    let next = this.#oldest.next()
    if (next.done === true) {
      this.#oldest = this.#yielding.values()
      next = this.#oldest.next()
    }
    if (next.done === true) return null
    this.delete(next.value)
    return next.value
  }
}

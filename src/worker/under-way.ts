import type { Serving } from './serving.ts'

/**
 * The exchanges of one worker that are not over.
 *
 * An array in which each knows its place, and not a Set: V8 gives a Set in which things come and go a new table every
 * hundred or so of them, and the table before keeps what it held and points to the one after. One such table that has
 * grown old keeps all that follow from being collected young, with every exchange in them: of the 8.1 KB that a
 * request allocates 3.3 KB outlived the scavenges, which took 12 % of the worker's time; of an array, nothing does.
 */
export class UnderWay {
  readonly #list: Serving[] = []

  get size(): number {
    return this.#list.length
  }

  add(serving: Serving): void {
    serving.place = this.#list.length
    this.#list.push(serving)
  }

  /** Once for each that was added. */
  remove(serving: Serving): void {
    const last = this.#list.pop()
    if (last === undefined || last === serving) return
    last.place = serving.place
    this.#list[serving.place] = last
  }

  /** Calls `visit` for each; exchanges may end meanwhile. One that takes another's place in that moment may be passed over. */
  forEach(visit: (serving: Serving) => void): void {
    // From the end: what fills a gap has been visited.
    for (let i = this.#list.length - 1; i >= 0; i--) {
      const serving = this.#list[i]
      if (serving !== undefined) visit(serving)
    }
  }

  /** All that are under way now. */
  all(): Serving[] {
    return [...this.#list]
  }
}

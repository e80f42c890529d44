/**
 * What each client wants of one worker, and how much it may get when not all can have what they want.
 *
 * Wanted in an interval is what came of a client in it, and what of its was under way when it began: whoever holds many
 * requests open wants much, although none comes. Kept for the interval that is on and the one before, in count-min
 * sketches (Cormode and Muthukrishnan): a fixed size however many clients there are, and where some share all their cells
 * each is taken for all of them. The hash is keyed, so nobody can choose with whom he shares.
 *
 * Who may get how much is max-min fairness: the level is where cutting every client down to it cuts as large a share of
 * all as is to be cut. Below it nobody loses anything; above it each gets as much as the others above it.
 *
 * One thread's own, and nothing here is exact: it decides who of many is turned away, not whether somebody is over a limit.
 */
import type { Domain, KeyHash } from '../memory/hash.ts'

const ROWS = 4
/** A power of two. Of a thousand clients half are told apart by one row already. */
const CELLS = 2048
/** Turns in the search for the level, each over all cells; three or four do mostly. */
const MOST_STEPS = 16

export class Demand {
  readonly #hash: KeyHash
  readonly #domain: Domain
  #now = new Uint32Array(ROWS * CELLS)
  #before = new Uint32Array(ROWS * CELLS)
  /** By cells of the first row: what is left over of the shares of requests before, so that each is kept to evenly. */
  readonly #over = new Float32Array(CELLS)
  #overAll = 0
  #share = 0
  /** What a client may have in an interval; NaN: nothing is known of the last one. */
  #level = Infinity
  readonly #cells = new Int32Array(ROWS)

  constructor(hash: KeyHash, domain: Domain) {
    this.#hash = hash
    this.#domain = domain
  }

  /**
   * One more request that the client has come with, or has under way as the interval begins.
   * @param weight as how many it counts, a whole number from 1: of two who want the same, who is granted less of it is to
   *   be cut first
   */
  add(client: string, weight: number): void {
    this.#hash.of(client, this.#domain)
    const { lo, hi } = this.#hash
    for (let row = 0; row < ROWS; row++) {
      const cell = row * CELLS + ((lo + Math.imul(row, hi | 1)) & (CELLS - 1))
      this.#cells[row] = cell
      this.#now[cell] = (this.#now[cell] ?? 0) + weight
    }
  }

  /** Adds a request that comes. @param weight as for `add` @returns whether it is one of those that are turned away */
  turnsAway(client: string, weight: number): boolean {
    this.add(client, weight)
    if (this.#share === 0) return false
    if (Number.isNaN(this.#level)) {
      const over = this.#overAll + this.#share
      this.#overAll = over >= 1 ? over - 1 : over
      return over >= 1
    }
    const wanted = this.#wanted()
    if (wanted <= this.#level) return false
    const cell = this.#cells[0] ?? 0
    const over = (this.#over[cell] ?? 0) + 1 - this.#level / wanted
    this.#over[cell] = over >= 1 ? over - 1 : over
    return over >= 1
  }

  /** The interval is over; in the next one a share of all, 0 to 1, is to be turned away. */
  next(share: number): void {
    const before = this.#before
    this.#before = this.#now
    this.#now = before.fill(0)
    this.#share = share
    this.#level = share === 0 ? Infinity : levelOf(this.#before.subarray(0, CELLS), share)
  }

  /** Forgets everything. */
  clear(): void {
    this.#now.fill(0)
    this.#before.fill(0)
    this.#over.fill(0)
    this.#share = 0
    this.#level = Infinity
  }

  /** By the client that was added last: the more of the two intervals, since a flood must not wait for the next to count. */
  #wanted(): number {
    let now = Infinity
    let before = Infinity
    for (let row = 0; row < ROWS; row++) {
      const cell = this.#cells[row] ?? 0
      now = Math.min(now, this.#now[cell] ?? 0)
      before = Math.min(before, this.#before[cell] ?? 0)
    }
    return Math.max(now, before)
  }
}

/**
 * The level at which cutting all down to it cuts that share of their sum; NaN of nothing. From below: with each step all who
 * are under the level so far are given what they want, and the others what is left in equal parts, which is more.
 */
function levelOf(wanted: Uint32Array, share: number): number {
  let sum = 0
  let clients = 0
  for (let i = 0; i < wanted.length; i++) {
    const one = wanted[i] ?? 0
    sum += one
    if (one > 0) clients++
  }
  if (clients === 0) return NaN
  const given = (1 - share) * sum
  let level = given / clients
  for (let step = 0; step < MOST_STEPS; step++) {
    let left = given
    let above = 0
    for (let i = 0; i < wanted.length; i++) {
      const one = wanted[i] ?? 0
      if (one > level) above++
      else left -= one
    }
    if (above === 0) return level
    const next = left / above
    if (next <= level) return level
    level = next
  }
  return level
}

/**
 * How many tokens wait for their verification, over all and per client: what keeps a flood of new tokens from one
 * address out of everybody else's queue, and the queue from growing without end.
 */
/** Who may turn away what a full queue would not, while there is more to do than can be done. */
export interface Doorkeeper {
  turnsAway(client: string): boolean
}

const NOBODY_THERE: Doorkeeper = { turnsAway: () => false }

export class WaitingRoom {
  readonly #what: string
  readonly #capacity: number
  readonly #perClient: number
  /** Only clients that wait are in it, so it is bounded by the capacity. */
  readonly #clients = new Map<string, number>()
  readonly #doorkeeper: Doorkeeper
  #total = 0

  /** `what` waits, for the reasons given. */
  constructor(capacity: number, perClient: number, what = 'tokens', doorkeeper = NOBODY_THERE) {
    this.#doorkeeper = doorkeeper
    this.#what = what
    this.#capacity = capacity
    this.#perClient = perClient
  }

  get total(): number {
    return this.#total
  }

  /** Share of its places that are taken, 0 to 1. */
  get fill(): number {
    return this.#total / this.#capacity
  }

  /** Null: it is in, and must `leave` once. Otherwise why not. */
  enter(client: string): string | null {
    if (this.#total >= this.#capacity) return `${this.#capacity} ${this.#what} wait for verification already`
    const mine = this.#clients.get(client) ?? 0
    if (mine >= this.#perClient) return `${this.#perClient} ${this.#what} of this client wait for verification already`
    if (this.#doorkeeper.turnsAway(client)) return `overloaded: ${this.#what} that are not known have to wait`
    this.#clients.set(client, mine + 1)
    this.#total++
    return null
  }

  leave(client: string): void {
    const mine = this.#clients.get(client) ?? 0
    if (mine <= 1) this.#clients.delete(client)
    else this.#clients.set(client, mine - 1)
    this.#total--
  }
}

/**
 * How many tokens wait for their verification, over all and per client: what keeps a flood of new tokens from one
 * address out of everybody else's queue, and the queue from growing without end.
 */
export class WaitingRoom {
  readonly #what: string
  readonly #capacity: number
  readonly #perClient: number
  /** Only clients that wait are in it, so it is bounded by the capacity. */
  readonly #clients = new Map<string, number>()
  #total = 0

  /** `what` waits, for the reasons given. */
  constructor(capacity: number, perClient: number, what = 'tokens') {
    this.#what = what
    this.#capacity = capacity
    this.#perClient = perClient
  }

  get total(): number {
    return this.#total
  }

  /** Null: it is in, and must `leave` once. Otherwise why not. */
  enter(client: string): string | null {
    if (this.#total >= this.#capacity) return `${this.#capacity} ${this.#what} wait for verification already`
    const mine = this.#clients.get(client) ?? 0
    if (mine >= this.#perClient) return `${this.#perClient} ${this.#what} of this client wait for verification already`
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

import type { UpstreamPlan } from '../plan/upstream.ts'
import type { Exchange } from './exchange.ts'
import { Pipelining } from './pipelining.ts'
import { type Carrier, Pool } from './pool.ts'
import { Target } from './target.ts'
import { Ticker } from './ticker.ts'

/** An upstream's targets, each with its own connections, taken in turn. */
export class Targets<E extends Exchange> {
  readonly #pools: Pool<E>[]
  readonly #ticker: Ticker
  #turn = 0
  #closed = false

  /** `depth`: exchanges that may be under way on one connection. Throws when the plan has no target. */
  constructor(plan: UpstreamPlan, depth: number, open: (pool: Pool<E>) => Carrier<E>) {
    if (plan.targets.length === 0) throw new Error(`upstream ${plan.name} (${plan.where}) has no target`)
    this.#ticker = new Ticker((now) => this.#tick(now))
    // One for all of them: they are one service, and what one does the others will.
    const pipelining = new Pipelining(depth)
    this.#pools = plan.targets.map(
      (target) =>
        new Pool(new Target(target), this.#ticker, pipelining, plan.connections.max, plan.timeouts.connect, open)
    )
  }

  next(): Pool<E> {
    this.#turn = this.#turn + 1 < this.#pools.length ? this.#turn + 1 : 0
    // In range: #turn counts modulo the length, which is not 0.
    return this.#pools[this.#turn]!
  }

  get closed(): boolean {
    return this.#closed
  }

  async close(): Promise<void> {
    this.#closed = true
    await Promise.all(this.#pools.map((pool) => pool.close()))
  }

  #tick(now: number): boolean {
    let more = false
    for (const pool of this.#pools) {
      if (pool.tick(now)) more = true
    }
    return more
  }
}

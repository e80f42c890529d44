import type { ClusterPlan } from '../plan/cluster.ts'
import { Connection, type ConnectionEvents } from './connection.ts'
import { TAKE } from './scripts.ts'

/** Decisions of one worker under way at once: past that the store is too slow for them, and nobody else waits for it. */
const MOST_UNDER_WAY = 4096
const FIRST_LOOK = 10

/**
 * A worker's own connection to the store, for limits that are asked there request by request: through the control thread
 * every request would wait for whatever that does just then, and for two more hand-overs between threads.
 */
export class StrictStore {
  readonly #connection: Connection
  readonly #timeout: number
  #underWay = 0

  constructor(plan: ClusterPlan, seed: () => string, changed: ConnectionEvents['changed']) {
    this.#timeout = plan.timeout
    this.#connection = new Connection(plan, seed, plan.timeout, { changed })
  }

  /** Why nobody can be asked now; '' when somebody can. */
  get trouble(): string {
    if (!this.#connection.up) return this.#connection.trouble
    return this.#underWay < MOST_UNDER_WAY ? '' : `${MOST_UNDER_WAY} decisions are under way`
  }

  /** The answer to TAKE; null when none came in time. Never rejects. */
  async ask(key: string, args: string[]): Promise<unknown> {
    this.#underWay++
    try {
      return await this.#connection.run(TAKE, [key], args, this.#timeout)
    } catch {
      return null
    } finally {
      this.#underWay--
    }
  }

  /** Resolves when the store was reached, at the latest after `limit` ms. */
  async reached(limit: number): Promise<void> {
    for (let waited = 0; waited < limit && !this.#connection.up; waited += FIRST_LOOK) {
      await new Promise((resolve) => setTimeout(resolve, FIRST_LOOK))
    }
  }

  close(): void {
    this.#connection.close()
  }
}

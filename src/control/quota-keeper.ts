/**
 * Keeps quotas over restarts: brings the counts of the store into the shared table before anything is served, and
 * carries what changes there to the store. The workers count in shared memory and know nothing of it.
 */
import { wallMs } from '../memory/clock.ts'
import { QuotaTable, type QuotaCount } from '../memory/quota-table.ts'
import { HALVES, quotaSlots, setQuotaSeed, type Half, type SharedMemory } from '../memory/shared.ts'
import type { Plan } from '../plan/plan.ts'
import type { QuotaCounts } from './store/quotas.ts'

/** Between two looks, ms. With the store's own delay it is what `kill -9` can cost: less than a second. */
const LOOK = 250

export class QuotaKeeper {
  readonly #halves: readonly { half: Half; table: QuotaTable; seen: BigInt64Array; note: (count: QuotaCount) => void }[]
  #timer: NodeJS.Timeout | undefined

  private constructor(memory: SharedMemory, counts: QuotaCounts) {
    this.#halves = HALVES.map((half) => {
      const table = new QuotaTable(memory.quotas[half], quotaSlots(memory))
      return { half, table, seen: new BigInt64Array(table.slots), note: (count) => counts.put(half, count) }
    })
  }

  /** To be called before any worker counts. Rejects when the store can't be read. */
  static async open(memory: SharedMemory, counts: QuotaCounts): Promise<QuotaKeeper> {
    const keeper = new QuotaKeeper(memory, counts)
    setQuotaSeed(memory, await counts.seed())
    for (const count of await counts.all(wallMs())) {
      keeper.#halves.find(({ half }) => half === count.half)?.table.put(count)
    }
    return keeper
  }

  /** From now on this plan counts. The tables are looked through only once some limit is a quota. */
  use(plan: Plan): void {
    const any = plan.routes.some(({ limits }) => limits.some(({ amount }) => amount.kind === 'quota'))
    if (any) this.#timer ??= setInterval(() => this.flush(), LOOK)
  }

  /** Hands what changed to the store. */
  flush(): void {
    for (const { table, seen, note } of this.#halves) table.changes(seen, note)
  }

  /** After the workers are gone: the last counts. */
  close(): void {
    clearInterval(this.#timer)
    this.flush()
  }
}

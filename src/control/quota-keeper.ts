/**
 * Keeps quotas over restarts: brings the counts of the store into the shared table before anything is served, and
 * carries what changes there to the store. The workers count in shared memory and know nothing of it.
 *
 * Keys are hashed with a seed of the state directory's instead of this boot's, and so is their place in the sketch of
 * those without a slot. What whoever knows the seed could do: choose keys that share all cells of another's in the
 * sketch, or all of its window of slots, and so use up a quota that isn't theirs. The seed lies where the signing keys
 * lie, for the gateway's user alone, and no answer says anything of a hash. What lasts longer than a boot is only what a
 * client might learn by trying: that some keys of its own share a cell, of 2^15 and more in each of four rows. To
 * weigh on somebody else it would have to share all four.
 */
import { wallMs } from '../memory/clock.ts'
import { QuotaTable, type QuotaCount } from '../memory/quota-table.ts'
import { HALVES, quotaSlots, setQuotaSeed, type Half, type SharedMemory } from '../memory/shared.ts'
import type { Log } from '../observe/log.ts'
import type { PlanBody } from '../plan/plan.ts'
import type { QuotaSketchRows } from './store/quota-sketch.ts'
import type { QuotaCounts } from './store/quotas.ts'

/** Between two looks, ms. With the store's own delay it is what `kill -9` can cost: less than a second. */
const LOOK = 250

interface KeptHalf {
  half: Half
  table: QuotaTable
  /** Words of the slots as they were handed to the store. */
  seen: BigInt64Array
}

export interface QuotaKeeperOptions {
  memory: SharedMemory
  counts: QuotaCounts
  sketch: QuotaSketchRows
  log: () => Log
}

export class QuotaKeeper {
  readonly #options: QuotaKeeperOptions
  readonly #halves: readonly KeptHalf[]
  #timer: NodeJS.Timeout | undefined

  private constructor(options: QuotaKeeperOptions) {
    this.#options = options
    const { memory } = options
    this.#halves = HALVES.map((half) => {
      const table = new QuotaTable(memory.quotas[half], quotaSlots(memory))
      return { half, table, seen: new BigInt64Array(table.slots) }
    })
  }

  /** To be called before any worker counts. Rejects when the store can't be read. */
  static async open(options: QuotaKeeperOptions): Promise<QuotaKeeper> {
    const keeper = new QuotaKeeper(options)
    setQuotaSeed(options.memory, await options.counts.seed())
    await keeper.#restoreSketches()
    await keeper.#restoreSlots()
    return keeper
  }

  async #restoreSlots(): Promise<void> {
    const { counts } = this.#options
    const crowded: (QuotaCount & { half: Half })[] = []
    for (const count of await counts.all(wallMs())) {
      if (this.#tableOf(count.half)?.put(count) === 'sketch') crowded.push(count)
    }
    if (crowded.length === 0) return
    // The table was larger. From now on such a key is counted in the sketch, so that a slot which a later start gave it
    // for what was kept of it would say too little: what is kept goes, but not before the sketch is.
    this.flush()
    for (const count of crowded) counts.remove(count.half, count)
  }

  async #restoreSketches(): Promise<void> {
    const { sketch, log } = this.#options
    const { pages, foreign } = await sketch.all(wallMs())
    const lost = pages.filter(({ half, page }) => this.#tableOf(half)?.putSketch(page) !== true).length
    const anew = 'callers who found the table of quotas full may use theirs anew'
    if (foreign > 0) log().warn(`quotas kept by another version say nothing to this one: ${anew}`, { pages: foreign })
    if (lost > 0) log().warn(`damaged counts of quotas are left out: ${anew}`, { pages: lost })
  }

  #tableOf(wanted: Half): QuotaTable | undefined {
    return this.#halves.find(({ half }) => half === wanted)?.table
  }

  /** From now on this plan counts. The tables are looked through only once some limit is a quota. */
  use(plan: PlanBody): void {
    const any = plan.routes.some(({ limits }) => limits.some(({ amount }) => amount.kind === 'quota'))
    if (any) this.#timer ??= setInterval(() => this.flush(), LOOK)
  }

  /** Hands what changed to the store. */
  flush(): void {
    const { counts, sketch } = this.#options
    for (const { half, table, seen } of this.#halves) {
      table.changes(seen, (count) => counts.put(half, count))
      table.sketchChanges((page, end) => sketch.put(half, page, end))
    }
  }

  /** After the workers are gone: the last counts. */
  close(): void {
    clearInterval(this.#timer)
    this.flush()
  }
}

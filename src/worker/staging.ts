import { StrictStore } from '../cluster/strict-store.ts'
import { monotonicMs } from '../memory/clock.ts'
import { unpackPart } from '../plan/packed.ts'
import type { PackedConsumers } from '../plan/packed-consumers.ts'
import type { PlanHead } from '../plan/plan.ts'
import type { RevocationPlan } from '../plan/revocation.ts'
import type { RoutePlan } from '../plan/route.ts'
import type { WorkerServices } from '../pipeline/services.ts'
import type { Tables } from '../pipeline/tables.ts'
import { TablesBuilder } from '../pipeline/tables-builder.ts'
import type { Apps } from './apps.ts'

/** How long one turn of building may take, ms. A request crosses three or four turns on its way, and waits in each. */
const SLICE = 1
/** What the store of the cluster gets to answer before a generation serves without it, ms. */
const STORE_PATIENCE = 1000

/** Builds the next generation beside the one that serves, in slices. */
export class Staging {
  readonly #services: WorkerServices
  readonly #apps: Apps
  readonly #storeChanged: (up: boolean, reason: string) => void
  #builder: TablesBuilder | null = null
  #generation = 0
  #built: Tables | null = null

  /** @param storeChanged told whether this worker reaches the store of the cluster */
  constructor(services: WorkerServices, apps: Apps, storeChanged: (up: boolean, reason: string) => void) {
    this.#services = services
    this.#apps = apps
    this.#storeChanged = storeChanged
  }

  /** Resolves when its consumers are there; rejects when they can't all be. */
  async begin(head: PlanHead, consumers: PackedConsumers): Promise<void> {
    this.#discard()
    this.#generation = head.generation
    const builder = new TablesBuilder(head, this.#services)
    this.#builder = builder
    for (const [i, part] of consumers.parts.entries()) {
      const index = consumers.indexes[i] ?? null
      if (index === null) builder.addConsumers(unpackPart(part))
      else builder.addSealed(index, () => unpackPart(part))
      // Requests that came meanwhile are served first.
      await turn()
      if (builder !== this.#builder) throw new Error(`generation ${head.generation} was cancelled`)
    }
  }

  add(part: { generation: number; routes?: RoutePlan[]; revocations?: RevocationPlan[] }): void {
    if (part.generation !== this.#generation) return
    if (part.revocations) this.#builder?.addRevocations(part.revocations)
    if (part.routes) this.#builder?.addRoutes(part.routes)
  }

  /** Rejects when this generation can't be built here; the one that serves is not touched by it. */
  async finish(generation: number): Promise<void> {
    const builder = this.#builder
    if (builder === null || generation !== this.#generation) throw new Error(`generation ${generation} was not begun`)
    const tables = await builder.finish(paced())
    try {
      // By the builder, not by the number: a generation may be begun again after it was cancelled.
      if (builder !== this.#builder) throw new Error(`generation ${generation} was cancelled`)
      this.#apps.prepare(tables.head)
      await this.#reachStore(tables)
      if (builder !== this.#builder) throw new Error(`generation ${generation} was cancelled`)
    } catch (error) {
      this.#services.discard(tables.head.upstreams)
      throw error
    }
    this.#built = tables
  }

  /** Where a limit asks the store of the cluster: before the first request does, if it answers at all. */
  async #reachStore({ head, routes }: Tables): Promise<void> {
    const { cluster } = head
    if (cluster === null) return
    const services = this.#services
    services.prefix = cluster.prefix
    const strict = routes.some(({ plan }) => plan.limits.some((limit) => limit.cluster?.strict === true))
    if (!strict || services.store !== null) return
    services.store = new StrictStore(cluster, services.clusterSeed, this.#storeChanged)
    await services.store.reached(STORE_PATIENCE)
  }

  /** @returns null when that generation was not built here. */
  commit(generation: number): Tables | null {
    const tables = this.#built
    if (tables === null || tables.head.generation !== generation) return null
    this.#built = null
    this.#builder = null
    return tables
  }

  cancel(generation: number): void {
    if (generation === this.#generation) this.#discard()
  }

  #discard(): void {
    if (this.#built !== null) this.#services.discard(this.#built.head.upstreams)
    this.#built = null
    this.#builder = null
    this.#generation = 0
    this.#apps.cancel()
  }
}

function turn(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve))
}

/** Gives way to requests whenever a slice is used up. */
function paced(): () => Promise<void> | null {
  let began = monotonicMs()
  return () => {
    if (monotonicMs() - began < SLICE) return null
    return new Promise((resolve) =>
      setImmediate(() => {
        began = monotonicMs()
        resolve()
      })
    )
  }
}

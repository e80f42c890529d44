import { Connection } from '../../cluster/connection.ts'
import { monotonicMs } from '../../memory/clock.ts'
import { COUNTER, Counters } from '../../memory/counters.ts'
import { setClusterSeed, type SharedMemory } from '../../memory/shared.ts'
import type { Log } from '../../observe/log.ts'
import type { ClusterPlan } from '../../plan/cluster.ts'
import type { PlanBody } from '../../plan/plan.ts'
import type { BanBook } from '../bans/book.ts'
import { sharedBans } from '../bans/shared.ts'
import type { RevocationRegistry } from '../revocations/registry.ts'
import { sharedRevocations } from '../revocations/shared.ts'
import { LimitExchange, type ExchangeReport } from './exchange.ts'
import { ClusterSeed } from './seed.ts'
import { SharedSet } from './shared-set.ts'

/** How long a start waits for the store, ms: then it goes on without. */
const PATIENCE = 1000
/** How long it may take to answer, ms: as long as the exchange and the sets wait. */
const ANSWER = 1000
const LOOK = 10
/** Rounds of bans and revocations, ms: a ban of one host holds on the others well within a second. */
const SETS_INTERVAL = 200

export interface LinkOptions {
  plan: ClusterPlan
  memory: SharedMemory
  stateDir: string
  bans: BanBook
  revocations: RevocationRegistry
  log: () => Log
  /** The hosts hash keys with another seed than this one did: limits must be prepared anew. */
  reseeded: () => void
}

/** For `gatehouse status` and metrics. Times in ms. */
export interface ClusterReport {
  /** Without user and password. */
  store: string
  connected: boolean
  /** Since it is or isn't. */
  since: number
  /** Why it is not; '' while it is. */
  trouble: string
  limits: ExchangeReport
  /** Bans and revocations that wait to be told to the others. */
  waiting: number
  /** Those of others that could not be read. */
  unusable: number
}

/** One host's part in a cluster: exchanges counts, bans and revocations with the others by way of the store. */
export class ClusterLink {
  readonly #options: LinkOptions
  readonly #seed: ClusterSeed
  readonly #connection: Connection
  readonly #limits: LimitExchange
  readonly #sets: readonly SharedSet[]
  readonly #timers: readonly NodeJS.Timeout[]
  #serving: PlanBody | null = null

  constructor(options: LinkOptions) {
    const { plan, memory, bans, revocations, stateDir } = options
    this.#options = options
    this.#seed = new ClusterSeed(plan, stateDir)
    setClusterSeed(memory, this.#seed.bytes)
    this.#connection = new Connection(plan, () => this.#seed.value, ANSWER, {
      seed: (seed) => this.#told(seed),
      changed: (up, reason) => this.#changed(up, reason)
    })
    this.#limits = new LimitExchange(plan, memory, this.#connection)
    const counters = new Counters(memory, 'control')
    const around = {
      prefix: plan.prefix,
      connection: this.#connection,
      received: () => counters.add(COUNTER.clusterReceived)
    }
    this.#sets = [sharedBans(bans, around), sharedRevocations(revocations, around)]
    this.#timers = [
      setInterval(() => void this.#limits.round(), plan.interval).unref(),
      setInterval(() => this.#follow(), SETS_INTERVAL).unref()
    ]
  }

  /** Resolves when the store was reached, or it is time to go on without it. */
  async reached(): Promise<void> {
    for (let waited = 0; waited < PATIENCE && !this.#connection.up; waited += LOOK) {
      await new Promise((resolve) => setTimeout(resolve, LOOK))
    }
    if (!this.#connection.up) {
      this.#options.log().warn(`the store of the cluster is away: ${this.#connection.trouble}; this host counts alone`)
    } else await this.#limits.round()
  }

  use(plan: PlanBody): void {
    this.#serving = plan
    this.#limits.use(plan, false)
  }

  report(): ClusterReport {
    const { addresses, kind, master, tls } = this.#options.plan
    const where = addresses.map(({ host, port }) => `${host}:${port}`).join(',')
    return {
      store: `${tls === null ? 'redis' : 'rediss'}://${where}${kind === 'single' ? '' : ` (${kind}${master && ` ${master}`})`}`,
      connected: this.#connection.up,
      since: monotonicMs() - this.#connection.since,
      trouble: this.#connection.trouble,
      limits: this.#limits.report(),
      waiting: this.#sets.reduce((sum, { waiting }) => sum + waiting, 0),
      unusable: this.#sets.reduce((sum, { unusable }) => sum + unusable, 0)
    }
  }

  close(): void {
    for (const timer of this.#timers) clearInterval(timer)
    this.#connection.close()
  }

  #follow(): void {
    if (!this.#connection.up) return
    // A failure is the connection's to tell of.
    for (const set of this.#sets) set.round().catch(() => {})
  }

  #told(seed: string): void {
    const { memory, log, reseeded } = this.#options
    try {
      if (!this.#seed.told(seed)) return
    } catch (error) {
      log().warn('what the cluster hashes keys with can not be kept for the next start', { reason: String(error) })
    }
    setClusterSeed(memory, this.#seed.bytes)
    if (this.#serving === null) return
    this.#limits.use(this.#serving, true)
    reseeded()
  }

  #changed(up: boolean, reason: string): void {
    const { log } = this.#options
    if (up) return log().info('the store of the cluster answers: limits, bans and revocations are shared')
    this.#limits.lost()
    log().warn(`the store of the cluster is away: ${reason}; each limit does what its onFailure says`)
  }
}

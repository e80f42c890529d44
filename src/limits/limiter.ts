/**
 * What the pipeline's limit stages ask: may this key do one more? Rates and requests at once behind one question.
 *
 * A key's place in the tables is a hash over the limit's level, its name and the key, not its position in a plan: a
 * bucket outlives reloads, and two routes that inherit one limit share it. The tables are in two halves
 * (memory/shared.ts); which half is part of the key's place, so `identified` has to be the same for the same key.
 *
 * Long because each kind of amount is charged, given back and told of here, and nowhere else.
 */
import { AdmissionWriter, BYTES_OF_ADMISSIONS } from '../memory/admissions.ts'
import { BUSY, ConcurrencyTable, NO_ROOM, WAITS } from '../memory/concurrency.ts'
import { COUNTER, type Counters } from '../memory/counters.ts'
import { scaleOf, withScale } from '../memory/debt-sketch.ts'
import { KeyHash, type Domain } from '../memory/hash.ts'
import { LimitTable, newVerdict, type Verdict } from '../memory/limit-table.ts'
import type { SharedMemory } from '../memory/shared.ts'
import { QuotaTable } from '../memory/quota-table.ts'
import { clusterSeed, concurrencySlots, limitSlots, quotaSeed, quotaSlots, slidingSlots } from '../memory/shared.ts'
import { SlidingTable } from '../memory/sliding-table.ts'
import type { AmountPlan, LimitPlan } from '../plan/limit.ts'
import { checkAmount, countedAs, type Counted } from './amount.ts'
import { quoted } from './headers.ts'
import { placeOf } from './shared.ts'
import { Queues, type Turn } from './queues.ts'

/** A limit at one of its amounts, as this worker counts it; made once per generation. */
export interface Limit {
  readonly plan: LimitPlan
  /** Its name as `RateLimit` and `RateLimit-Policy` tell it. */
  readonly told: string
  readonly amount: AmountPlan
  readonly domain: Domain
  /** Under which seed keys are hashed. */
  readonly hash: KeyHash
  /** How the control thread knows it (shared.ts), where several hosts count together; else 0. */
  readonly shared: number
  readonly counted: Counted
  /** Of the plan's own amount (memory/debt-sketch.ts), so that a key's bucket is the same in every tier. */
  readonly scale: number
}

/** No place is held: a rate's verdict, or a refusal. */
export const NOTHING_HELD = -1

/** The answer, in an object that the caller reuses. */
export interface LimitVerdict extends Verdict {
  /** To be given to `release` when the request ends, or NOTHING_HELD. */
  hold: number
  /** Neither admitted nor refused: `wait` for it, before anything else is asked. */
  waits: boolean
}

/** A request that is charged when its units are known. */
export interface OpenCost {
  readonly limit: Limit
  readonly identified: boolean
  /** The key's hash. */
  readonly lo: number
  readonly hi: number
}

/** `strangers` or `callers`: see memory/shared.ts. */
export interface TableFill {
  readonly table: 'rate' | 'sliding' | 'quota' | 'concurrent' | 'connections' | 'proofs'
  readonly half: 'strangers' | 'callers'
  /** 0 to 1. */
  readonly fill: number
}

export function newLimitVerdict(): LimitVerdict {
  return { ...newVerdict(), hold: NOTHING_HELD, waits: false }
}

/** A request ends at a time nobody knows: callers over a limit of requests at once are told to wait this long. */
const BUSY_RETRY_NS = 1e9

/** How two texts of different lengths are joined so that no other two join to the same. */
const SEPARATOR = '\0'

export class Limiter {
  readonly #memory: SharedMemory
  readonly #hash: KeyHash
  #quotaHash: KeyHash | null = null
  readonly #strangers: LimitTable
  readonly #callers: LimitTable
  readonly #strangersSliding: SlidingTable
  readonly #callersSliding: SlidingTable
  readonly #strangersQuotas: QuotaTable
  readonly #callersQuotas: QuotaTable
  readonly #strangersAtOnce: ConcurrencyTable
  readonly #callersAtOnce: ConcurrencyTable
  readonly #strangersQueues: Queues
  readonly #callersQueues: Queues
  readonly #worker: number
  readonly #counters: Counters
  readonly #admissions: AdmissionWriter
  #shared: { readonly seed: SharedMemory['seed']; readonly hash: KeyHash } | null = null

  constructor(memory: SharedMemory, worker: number, counters: Counters, clock?: () => bigint, wall?: () => number) {
    this.#memory = memory
    this.#hash = new KeyHash(memory.seed)
    this.#strangers = new LimitTable(memory.limits.strangers, limitSlots(memory), clock)
    this.#callers = new LimitTable(memory.limits.callers, limitSlots(memory), clock)
    this.#strangersSliding = new SlidingTable(memory.sliding.strangers, slidingSlots(memory), clock)
    this.#callersSliding = new SlidingTable(memory.sliding.callers, slidingSlots(memory), clock)
    this.#strangersQuotas = new QuotaTable(memory.quotas.strangers, quotaSlots(memory), wall)
    this.#callersQuotas = new QuotaTable(memory.quotas.callers, quotaSlots(memory), wall)
    this.#strangersAtOnce = new ConcurrencyTable(memory.concurrency.strangers, concurrencySlots(memory), memory.workers)
    this.#callersAtOnce = new ConcurrencyTable(memory.concurrency.callers, concurrencySlots(memory), memory.workers)
    this.#strangersQueues = new Queues(this.#strangersAtOnce, worker)
    this.#callersQueues = new Queues(this.#callersAtOnce, worker)
    this.#worker = worker
    this.#counters = counters
    this.#admissions = new AdmissionWriter(memory.admissions[worker] ?? new SharedArrayBuffer(BYTES_OF_ADMISSIONS))
  }

  /**
   * @param amount the plan's own, or one of its tiers': all of one limit count in the same place
   * @throws RangeError when the numbers are beyond what the tables can count (see `checkAmount`)
   */
  prepare(plan: LimitPlan, amount: AmountPlan = plan.amount): Limit {
    const cost = plan.cost?.units ?? 1
    const problem = checkAmount(amount, cost)
    if (problem !== null) throw new RangeError(`${plan.where}: limit ${plan.name}: ${problem}`)
    let place = plan.level + SEPARATOR + plan.name
    // Windows of two lengths don't share their edges, so those of a limit whose period changes begin anew.
    if (amount.kind === 'sliding') place += SEPARATOR + amount.period
    if (amount.kind === 'quota') place += SEPARATOR + amount.per
    const hash = this.#hashOf(plan, amount)
    const domain = hash.domain(place)
    const shared = plan.cluster === undefined ? 0 : placeOf(plan, amount)
    const own = countedAs(plan.amount, cost)
    const scale = own.kind === 'rate' ? scaleOf(own.rate.capacityNs) : 0
    return { plan, told: quoted(plan.name), amount, domain, hash, shared, counted: countedAs(amount, cost), scale }
  }

  /**
   * Decides on one request, and charges it if it is admitted.
   *
   * A limit over several hosts (`scope: cluster`) is asked here, too, in tables of this host to which the control thread
   * charges what the others admitted (control/cluster/exchange.ts). With `strict` a store is asked instead, by the stage
   * that calls (pipeline/strict-limits.ts).
   * @param key the values of the limit's `by`, made by policy/
   * @param identified whether the caller proved who it is (`caller.method` is not `public`) and the limit's key says who:
   * keys that anyone can invent live in the other half of the tables
   * @param now monotonicNs()
   */
  take(limit: Limit, key: string, identified: boolean, now: bigint, into: LimitVerdict): void {
    const { hash } = limit
    hash.of(key, limit.domain)
    into.hold = NOTHING_HELD
    into.waits = false
    const { counted } = limit
    if (counted.kind === 'rate') {
      const table = identified ? this.#callers : this.#strangers
      table.take(hash.lo || 1, withScale(hash.hi, limit.scale), counted.rate, now, into)
    } else if (counted.kind === 'sliding') {
      const table = identified ? this.#callersSliding : this.#strangersSliding
      table.take(hash.lo, hash.hi, counted.window, now, into)
    } else if (counted.kind === 'quota') {
      const table = identified ? this.#callersQuotas : this.#strangersQuotas
      table.take(hash.lo, hash.hi, counted.quota, into)
    } else if (counted.kind === 'bandwidth') {
      this.peek(limit, key, identified, now, into)
    } else {
      // A limit that only watches must not make anyone wait.
      const queue = limit.plan.mode === 'enforce' ? counted.queue : 0
      this.#acquire(counted.max, queue, identified, into)
      if (into.waits) return
    }
    this.#count(into)
    if (limit.shared !== 0 && into.admitted)
      this.#note(limit, hash.lo, hash.hi, identified, limit.plan.cost?.units ?? 1)
  }

  /**
   * Decides on a request whose units its answer will tell, and charges nothing yet: what comes back is to be given to
   * `charge` once, however the request ends. null: refused.
   */
  open(limit: Limit, key: string, identified: boolean, now: bigint, into: LimitVerdict): OpenCost | null {
    this.peek(limit, key, identified, now, into)
    this.#count(into)
    const { lo, hi } = limit.hash
    return into.admitted ? { limit, identified, lo, hi } : null
  }

  /** @param units of the request, whole, 0 or more @param into what is left after it */
  charge(open: OpenCost, units: number, now: bigint, into: LimitVerdict): void {
    this.chargeHere(open, units, now, into)
    const { limit, identified, lo, hi } = open
    if (limit.shared !== 0) this.#note(limit, lo, hi, identified, units)
  }

  /** The same for what the other hosts know already. */
  chargeHere({ limit, identified, lo, hi }: OpenCost, units: number, now: bigint, into: LimitVerdict): void {
    const { counted } = limit
    if (counted.kind === 'rate' || counted.kind === 'bandwidth') {
      const table = identified ? this.#callers : this.#strangers
      table.charge(lo || 1, withScale(hi, limit.scale), counted.rate, units, now, into)
    } else if (counted.kind === 'sliding') {
      const table = identified ? this.#callersSliding : this.#strangersSliding
      table.charge(lo, hi, counted.window, units, now, into)
    } else if (counted.kind === 'quota') {
      const table = identified ? this.#callersQuotas : this.#strangersQuotas
      table.charge(lo, hi, counted.quota, units, into)
    }
  }

  /** What `take` would say, without charging: for `explain` and for limits that are asked twice. */
  peek(limit: Limit, key: string, identified: boolean, now: bigint, into: LimitVerdict): void {
    const { hash } = limit
    hash.of(key, limit.domain)
    into.hold = NOTHING_HELD
    into.waits = false
    const { counted } = limit
    if (counted.kind === 'rate' || counted.kind === 'bandwidth') {
      const table = identified ? this.#callers : this.#strangers
      table.peek(hash.lo || 1, withScale(hash.hi, limit.scale), counted.rate, now, into)
    } else if (counted.kind === 'sliding') {
      const table = identified ? this.#callersSliding : this.#strangersSliding
      table.peek(hash.lo, hash.hi, counted.window, now, into)
    } else if (counted.kind === 'quota') {
      const table = identified ? this.#callersQuotas : this.#strangersQuotas
      table.peek(hash.lo, hash.hi, counted.quota, into)
    } else {
      const underWay = (identified ? this.#callersAtOnce : this.#strangersAtOnce).underWayOf(hash.lo, hash.hi)
      into.admitted = underWay < counted.max
      into.remaining = Math.max(0, counted.max - underWay)
      into.resetNs = 0
      into.retryNs = into.admitted ? 0 : BUSY_RETRY_NS
      into.full = false
    }
  }

  /** A key of a limit, for those who count it elsewhere. */
  keyOf(limit: Limit, key: string, identified: boolean): OpenCost {
    limit.hash.of(key, limit.domain)
    return { limit, identified, lo: limit.hash.lo, hi: limit.hash.hi }
  }

  /** What a key is charged with: ns of a rate's debt; units of a window or a quota, no more than its count. */
  level({ limit, identified, lo, hi }: OpenCost, now: bigint, into: LimitVerdict): number {
    const { counted } = limit
    if (counted.kind === 'rate') {
      const table = identified ? this.#callers : this.#strangers
      table.peek(lo || 1, withScale(hi, limit.scale), counted.rate, now, into)
      return into.resetNs
    }
    if (counted.kind === 'sliding') {
      const table = identified ? this.#callersSliding : this.#strangersSliding
      table.peek(lo, hi, counted.window, now, into)
      return counted.window.count - into.remaining
    }
    if (counted.kind !== 'quota') return 0
    const table = identified ? this.#callersQuotas : this.#strangersQuotas
    table.peek(lo, hi, counted.quota, into)
    return counted.quota.count - into.remaining
  }

  /** Charges what was admitted elsewhere. @param amount whole, more than 0, in the unit of `level` */
  absorb(open: OpenCost, amount: number, now: bigint, into: LimitVerdict): void {
    const { limit, identified, lo, hi } = open
    if (limit.counted.kind !== 'rate') return this.chargeHere(open, amount, now, into)
    const table = identified ? this.#callers : this.#strangers
    table.charge(lo || 1, withScale(hi, limit.scale), { ...limit.counted.rate, unit: 1n }, amount, now, into)
  }

  /** What bodies of a limit of bandwidth are to be charged to: for `charge`, in bytes, as they pass. */
  meter(limit: Limit, key: string, identified: boolean): OpenCost {
    this.#hash.of(key, limit.domain)
    return { limit, identified, lo: this.#hash.lo, hi: this.#hash.hi }
  }

  /**
   * Waits for a place of the limit that `take` has just said `waits` of.
   * @param granted called once, in a later turn, with what is to be given to `release`; never after `abandon`
   */
  wait(limit: Limit, identified: boolean, granted: (hold: number) => void): Turn {
    const table = identified ? this.#callersAtOnce : this.#strangersAtOnce
    const queues = identified ? this.#callersQueues : this.#strangersQueues
    const max = limit.counted.kind === 'concurrent' ? limit.counted.max : 0
    return queues.enter(table.waitingSlot, max, (slot) => granted(holdOf(slot, identified)))
  }

  /** Ends a request that a limit of requests at once admitted. Exactly once for every verdict with a `hold`. */
  release(hold: number): void {
    const table = hold & 1 ? this.#callersAtOnce : this.#strangersAtOnce
    table.release(hold >>> 1, this.#worker)
  }

  /** Takes back all a worker held: after its thread has ended, before another takes its index. For main or control. */
  releaseWorker(worker: number): void {
    this.#strangersAtOnce.releaseWorker(worker)
    this.#callersAtOnce.releaseWorker(worker)
  }

  /** Share of the slots in use, 0 to 1, of each table: for metrics and status. */
  fill(now: bigint): TableFill[] {
    return [
      { table: 'rate', half: 'strangers', fill: this.#strangers.fill(now) },
      { table: 'rate', half: 'callers', fill: this.#callers.fill(now) },
      { table: 'sliding', half: 'strangers', fill: this.#strangersSliding.fill(now) },
      { table: 'sliding', half: 'callers', fill: this.#callersSliding.fill(now) },
      { table: 'quota', half: 'strangers', fill: this.#strangersQuotas.fill() },
      { table: 'quota', half: 'callers', fill: this.#callersQuotas.fill() },
      { table: 'concurrent', half: 'strangers', fill: this.#strangersAtOnce.fill(now) },
      { table: 'concurrent', half: 'callers', fill: this.#callersAtOnce.fill(now) }
    ]
  }

  /** The quotas' seed is there once a plan is, and not before: see control/quota-keeper.ts. */
  #hashOf({ cluster }: LimitPlan, { kind }: AmountPlan): KeyHash {
    if (cluster !== undefined) return this.#clusterHash()
    return kind === 'quota' ? (this.#quotaHash ??= new KeyHash(quotaSeed(this.#memory))) : this.#hash
  }

  /** The hosts' seed may change with a generation: what was prepared before goes on with the one it has. */
  #clusterHash(): KeyHash {
    const seed = clusterSeed(this.#memory)
    const known = this.#shared
    if (known !== null && known.seed.every((word, i) => word === seed[i])) return known.hash
    const hash = new KeyHash(seed)
    this.#shared = { seed, hash }
    return hash
  }

  #note({ shared }: Limit, lo: number, hi: number, identified: boolean, units: number): void {
    if (!this.#admissions.write(lo, hi, shared, identified, units)) this.#counters.add(COUNTER.clusterAdmissionsLost)
  }

  #count(verdict: LimitVerdict): void {
    if (verdict.admitted) return
    this.#counters.add(verdict.full ? COUNTER.limitTableFull : COUNTER.limitRefusals)
  }

  #acquire(max: number, queue: number, identified: boolean, into: LimitVerdict): void {
    const table = identified ? this.#callersAtOnce : this.#strangersAtOnce
    const slot = table.acquire(this.#hash.lo, this.#hash.hi, max, this.#worker, queue)
    into.resetNs = 0
    into.full = slot === NO_ROOM || (slot === BUSY && table.crowded)
    into.waits = slot === WAITS
    into.admitted = slot >= 0
    if (slot >= 0) {
      into.hold = holdOf(slot, identified)
      into.remaining = Math.max(0, max - table.underWay)
      into.retryNs = 0
    } else {
      into.remaining = 0
      into.retryNs = BUSY_RETRY_NS
    }
  }
}

function holdOf(slot: number, identified: boolean): number {
  return slot * 2 + (identified ? 1 : 0)
}

/**
 * What the pipeline's limit stages ask: may this key do one more? Rates and requests at once behind one question.
 *
 * A key's place in the tables is a hash over the limit's level, its name and the key, not its position in a plan: a
 * bucket outlives reloads, and two routes that inherit one limit share it. The tables are in two halves
 * (memory/shared.ts); which half is part of the key's place, so `identified` has to be the same for the same key.
 */
import { ConcurrencyTable, MAX_CONCURRENT, NO_ROOM } from '../memory/concurrency.ts'
import { COUNTER, type Counters } from '../memory/counters.ts'
import { KeyHash, type Domain } from '../memory/hash.ts'
import { LimitTable, newRate, newVerdict, type Rate, type Verdict } from '../memory/limit-table.ts'
import type { SharedMemory } from '../memory/shared.ts'
import { concurrencySlots, limitSlots } from '../memory/shared.ts'
import type { LimitPlan } from '../plan.ts'

/** A limit as this worker counts it; made once per generation. */
export interface Limit {
  readonly plan: LimitPlan
  readonly domain: Domain
  /** null: a limit on requests at once. */
  readonly rate: Rate | null
  /** Most at once; 0 for a rate. */
  readonly max: number
}

/** No place is held: a rate's verdict, or a refusal. */
export const NOTHING_HELD = -1

/** The answer, in an object that the caller reuses. */
export interface LimitVerdict extends Verdict {
  /** To be given to `release` when the request ends, or NOTHING_HELD. */
  hold: number
}

export function newLimitVerdict(): LimitVerdict {
  return { ...newVerdict(), hold: NOTHING_HELD }
}

/** A request ends at a time nobody knows: callers over a limit of requests at once are told to wait this long. */
const BUSY_RETRY_NS = 1e9

/** How two texts of different lengths are joined so that no other two join to the same. */
const SEPARATOR = '\0'

export class Limiter {
  readonly #hash: KeyHash
  readonly #strangers: LimitTable
  readonly #callers: LimitTable
  readonly #strangersAtOnce: ConcurrencyTable
  readonly #callersAtOnce: ConcurrencyTable
  readonly #worker: number
  readonly #counters: Counters

  constructor(memory: SharedMemory, worker: number, counters: Counters, clock?: () => bigint) {
    this.#hash = new KeyHash(memory.seed)
    this.#strangers = new LimitTable(memory.limits.strangers, limitSlots(memory), clock)
    this.#callers = new LimitTable(memory.limits.callers, limitSlots(memory), clock)
    this.#strangersAtOnce = new ConcurrencyTable(memory.concurrency.strangers, concurrencySlots(memory), memory.workers)
    this.#callersAtOnce = new ConcurrencyTable(memory.concurrency.callers, concurrencySlots(memory), memory.workers)
    this.#worker = worker
    this.#counters = counters
  }

  /** @throws RangeError when the limit's numbers are beyond what the tables can count (see `checkAmount`) */
  prepare(plan: LimitPlan): Limit {
    const problem = checkAmount(plan.amount)
    if (problem !== null) throw new RangeError(`${plan.where}: limit ${plan.name}: ${problem}`)
    const domain = this.#hash.domain(plan.level + SEPARATOR + plan.name)
    const { amount } = plan
    return amount.kind === 'rate'
      ? { plan, domain, rate: newRate(amount.count, amount.period, amount.burst), max: 0 }
      : { plan, domain, rate: null, max: amount.max }
  }

  /**
   * Decides on one request, and charges it if it is admitted.
   * @param key the values of the limit's `by`, made by policy/
   * @param identified whether the caller proved who it is (`caller.method` is not `public`) and the limit looks at that
   * (`plan.needsCaller`): keys that anyone can invent live in the other half of the tables
   * @param now monotonicNs()
   */
  take(limit: Limit, key: string, identified: boolean, now: bigint, into: LimitVerdict): void {
    const hash = this.#hash
    hash.of(key, limit.domain)
    into.hold = NOTHING_HELD
    if (limit.rate !== null) {
      const table = identified ? this.#callers : this.#strangers
      table.take(hash.lo, hash.hi, limit.rate, now, into)
    } else {
      this.#acquire(limit, identified, into)
    }
    if (into.admitted) return
    this.#counters.add(into.full ? COUNTER.limitTableFull : COUNTER.limitRefusals)
  }

  /** What `take` would say of a rate, without charging: for `explain` and for limits that are asked twice. */
  peek(limit: Limit, key: string, identified: boolean, now: bigint, into: LimitVerdict): void {
    const hash = this.#hash
    hash.of(key, limit.domain)
    into.hold = NOTHING_HELD
    if (limit.rate !== null) {
      const table = identified ? this.#callers : this.#strangers
      table.peek(hash.lo, hash.hi, limit.rate, now, into)
      return
    }
    const underWay = (identified ? this.#callersAtOnce : this.#strangersAtOnce).underWayOf(hash.lo, hash.hi)
    into.admitted = underWay < limit.max
    into.remaining = Math.max(0, limit.max - underWay)
    into.resetNs = 0
    into.retryNs = into.admitted ? 0 : BUSY_RETRY_NS
    into.full = false
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

  /** Share of the slots in use, 0 to 1, the fuller half: for metrics. */
  fill(now: bigint): number {
    return Math.max(this.#strangers.fill(now), this.#callers.fill(now))
  }

  #acquire(limit: Limit, identified: boolean, into: LimitVerdict): void {
    const table = identified ? this.#callersAtOnce : this.#strangersAtOnce
    const slot = table.acquire(this.#hash.lo, this.#hash.hi, limit.max, this.#worker)
    into.resetNs = 0
    into.full = slot === NO_ROOM
    into.admitted = slot >= 0
    if (slot >= 0) {
      into.hold = slot * 2 + (identified ? 1 : 0)
      into.remaining = Math.max(0, limit.max - table.underWay)
      into.retryNs = 0
    } else {
      into.remaining = 0
      into.retryNs = BUSY_RETRY_NS
    }
  }
}

/** Why an amount can't be counted, in words for the owner of the configuration; null when it can. */
export function checkAmount(amount: LimitPlan['amount']): string | null {
  if (amount.kind === 'concurrent') {
    return whole(amount.max) && amount.max <= MAX_CONCURRENT ? null : `concurrent must be 1 to ${MAX_CONCURRENT}`
  }
  const { count, period, burst } = amount
  if (!whole(count) || !whole(period)) return 'a rate is a whole number of requests, at least 1, in at least 1 ms'
  if (!whole(burst)) return 'burst must be a whole number, at least 1'
  try {
    newRate(count, period, burst)
    return null
  } catch (error) {
    return error instanceof Error ? error.message : String(error)
  }
}

function whole(n: number): boolean {
  return Number.isSafeInteger(n) && n >= 1
}

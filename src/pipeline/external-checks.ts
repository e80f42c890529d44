import { VerifyCache } from '../identity/verify-cache.ts'
import { monotonicMs } from '../memory/clock.ts'
import { COUNTER, type Counters } from '../memory/counters.ts'
import { type Decision, type Question, questionOf } from '../policy/external.ts'
import { requestQuery } from '../policy/request-headers.ts'
import type { Exchange } from './exchange.ts'
import { ExternalCheck, type PreparedExternal } from './external-check.ts'
import { hopOf } from './messages.ts'

/** Who decides for the `external` stage. */
export interface ExternalDecider {
  /** A promise, which never rejects, only when somebody must be waited for. */
  decide(prepared: PreparedExternal, x: Exchange): Decision | Promise<Decision>
}

/** For explanations, which send nothing: the service is taken to say yes, and to add nothing. */
export const UNASKED: ExternalDecider = {
  decide: ({ plan }) => ({
    kind: 'admit',
    fields: [],
    reason: `${plan.url} is not asked offline, and taken to say yes`,
    keep: false
  })
}

interface Kept {
  decision: Decision
  /** ms, monotonic. */
  until: number
}

/** What an entry holds besides its key and the copied fields: objects, links and map cells, in bytes. */
const ENTRY_BYTES = 700

/**
 * A worker's questions to the services of `external` policies. Decisions are kept as long as the policy's `cache` says,
 * bounded in bytes and fair between callers (verify-cache.ts); equal questions at once are one. How many may be under
 * way is bounded by the connections of the service and the line before them (upstream/pool.ts).
 */
export class ExternalChecks implements ExternalDecider {
  readonly #cache: VerifyCache<Kept>
  readonly #counters: Counters
  readonly #underWay = new Map<string, Promise<Decision>>()

  /** `cacheBytes`: most that kept decisions take. */
  constructor(cacheBytes: number, counters: Counters) {
    this.#cache = new VerifyCache(cacheBytes)
    this.#counters = counters
  }

  decide(prepared: PreparedExternal, x: Exchange): Decision | Promise<Decision> {
    const question = this.#question(prepared, x)
    const { key } = question
    if (key === '') return this.#ask(prepared, question).decision
    const kept = this.#cache.get(key)
    if (kept !== undefined && kept.until > monotonicMs()) {
      this.#counters.add(COUNTER.externalCacheHits)
      return kept.decision
    }
    if (kept !== undefined) this.#cache.delete(key)
    const before = this.#underWay.get(key)
    if (before !== undefined) {
      this.#counters.add(COUNTER.externalCacheHits)
      return before
    }
    const check = this.#ask(prepared, question)
    this.#underWay.set(key, check.decision)
    void check.decision.then((decision) => {
      this.#underWay.delete(key)
      if (decision.keep) this.#keep(key, decision, check.askedAt + (prepared.plan.cache ?? 0), ownerOf(x))
    })
    return check.decision
  }

  #question({ plan, host }: PreparedExternal, x: Exchange): Question {
    const query = x.route === null ? x.query : requestQuery(x.route.requestHeaders, x)
    return questionOf(plan, x, hopOf(x, host), query)
  }

  #ask(prepared: PreparedExternal, question: Question): ExternalCheck {
    this.#counters.add(COUNTER.externalChecks)
    return new ExternalCheck(prepared, question)
  }

  #keep(key: string, decision: Decision, until: number, owner: string): void {
    let bytes = ENTRY_BYTES
    for (let i = 0; i < decision.fields.length; i++) bytes += (decision.fields[i] ?? '').length
    this.#cache.set(key, { decision, until }, owner, bytes)
  }
}

/** Whose share of the cache it takes. */
function ownerOf({ caller, clientKey }: Exchange): string {
  return caller.consumer || (caller.subject === '' ? clientKey : `${caller.issuer} ${caller.subject}`)
}

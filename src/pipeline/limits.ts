import { joined, limitItem, retryAfter } from '../limits/headers.ts'
import { NOTHING_HELD } from '../limits/limiter.ts'
import { keyOf } from '../policy/key.ts'
import { refuse, type Refusal } from '../problems.ts'
import type { Exchange } from './exchange.ts'
import type { PreparedLimit } from './tables.ts'
import { CONTINUE, type Verdict } from './verdict.ts'

/** Limits over connection and request values: where a 429 is decided before anyone is identified. */
export function clientLimits(x: Exchange): Verdict {
  return x.route === null || x.route.early.length === 0 ? CONTINUE : take(x, x.route.early)
}

/** Limits by who calls. */
export function callerLimits(x: Exchange): Verdict {
  return x.route === null || x.route.late.length === 0 ? CONTINUE : take(x, x.route.late)
}

/** Outermost first. The limit that refuses isn't charged; those before it are. */
function take(x: Exchange, limits: readonly PreparedLimit[]): Verdict {
  const { limiter, verdict, monotonic } = x.tables.services
  const identified = x.caller.method !== 'public'
  const now = monotonic()
  for (let i = 0; i < limits.length; i++) {
    const prepared = limits[i]
    if (prepared === undefined) continue
    const { limit } = prepared
    const { plan } = limit
    limiter.take(limit, keyOf(prepared.key, x), identified && plan.needsCaller, now, verdict)
    if (verdict.hold !== NOTHING_HELD) x.held.push(verdict.hold)
    if (plan.mode === 'enforce') {
      x.rateLimitPolicy = joined(x.rateLimitPolicy, prepared.policyItem)
      x.rateLimit = joined(x.rateLimit, limitItem(limit, verdict))
    }
    if (verdict.admitted) {
      x.note('limits', 'pass', 'limits', plan.name, plan.where, `${verdict.remaining} left`)
      continue
    }
    const refusal = overLimit(prepared, verdict.full, verdict.retryNs)
    if (plan.mode === 'enforce') return refusal
    x.wouldDeny(refusal)
  }
  return CONTINUE
}

function overLimit({ limit }: PreparedLimit, full: boolean, retryNs: number): Refusal {
  const { name, where, amount } = limit.plan
  const most = amount.kind === 'rate' ? `${amount.count} per ${amount.period} ms` : `${amount.max} at once`
  const reason = full ? `limit ${name}: no room for another key` : `limit ${name}: over ${most}`
  return refuse('over-limit', 'limits', reason, { rule: name, where, headers: ['retry-after', retryAfter(retryNs)] })
}

import { joined, limitItem, noneLeft, policyItem } from '../limits/headers.ts'
import { newLimitVerdict, NOTHING_HELD, type Limit, type LimitVerdict } from '../limits/limiter.ts'
import { judge } from '../policy/authorize.ts'
import { keyOf } from '../policy/key.ts'
import type { Refusal } from '../problems.ts'
import type { Exchange } from './exchange.ts'
import { overLimit } from './over-limit.ts'
import { askStore, withoutStore } from './strict-limits.ts'
import type { PreparedLimit, PreparedTier } from './tables.ts'
import { CONTINUE, type Verdict } from './verdict.ts'

/** Limits over connection and request values: where a 429 is decided before anyone is identified. */
export function clientLimits(x: Exchange): Verdict | Promise<Verdict> {
  return x.route === null || x.route.early.length === 0 ? CONTINUE : take(x, x.route.early, 0)
}

/** Limits by who calls. */
export function callerLimits(x: Exchange): Verdict | Promise<Verdict> {
  return x.route === null || x.route.late.length === 0 ? CONTINUE : take(x, x.route.late, 0)
}

/**
 * From `first` on, outermost first. The limit that refuses isn't charged; those before it are. A promise only where a
 * request stands in a queue, or a store of several hosts is asked.
 */
function take(x: Exchange, limits: readonly PreparedLimit[], first: number): Verdict | Promise<Verdict> {
  const { limiter, verdict, monotonic } = x.tables.services
  const identified = x.caller.method !== 'public'
  const now = monotonic()
  for (let i = first; i < limits.length; i++) {
    const prepared = limits[i]
    if (prepared === undefined) continue
    const chosen = prepared.tiers.length === 0 ? prepared : tierOf(x, prepared)
    const { limit } = chosen
    if (limit === null) {
      if ('rule' in chosen)
        x.note('limits', 'pass', 'limits', prepared.limit.plan.name, chosen.rule.plan.where, 'not limited')
      continue
    }
    const { plan } = limit
    const key = keyOf(prepared.key, x)
    if (limit.counted.kind === 'bandwidth') {
      // It refuses nobody: the bodies are held back as they pass (worker/pace.ts).
      const meter = limiter.meter(limit, key, identified && prepared.key.ofCaller)
      ;(x.meters ??= []).push(meter)
      limiter.peek(limit, key, meter.identified, now, verdict)
      if (plan.mode === 'enforce') {
        x.rateLimit = joined(x.rateLimit, limitItem(limit, verdict))
        x.rateLimitPolicy = joined(x.rateLimitPolicy, chosen.policyItem)
      }
      x.note('limits', 'pass', 'limits', plan.name, plan.where, 'bodies are paced')
      continue
    }
    if (limit.shared !== 0) {
      const verdictOfAll = ofAllHosts(x, limits, i, chosen, key)
      if (verdictOfAll === 'admit') continue
      if (verdictOfAll !== null) return verdictOfAll
    }
    if (plan.cost === undefined || plan.cost.response === null) {
      limiter.take(limit, key, identified && prepared.key.ofCaller, now, verdict)
      if (verdict.waits)
        return wait(x, limits, i, { limit, policyItem: chosen.policyItem }, identified && prepared.key.ofCaller)
      if (verdict.hold !== NOTHING_HELD) x.held.push(verdict.hold)
      if (plan.mode === 'enforce') x.rateLimit = joined(x.rateLimit, limitItem(limit, verdict))
    } else {
      const open = limiter.open(limit, key, identified && prepared.key.ofCaller, now, verdict)
      // Told when it is charged: until then nobody knows what is left.
      if (open !== null) (x.openCosts ??= []).push(open)
      else if (plan.mode === 'enforce') x.rateLimit = joined(x.rateLimit, limitItem(limit, verdict))
    }
    const refusal = conclude(x, limits, limit, chosen.policyItem, verdict)
    if (refusal !== null) return refusal
  }
  return CONTINUE
}

/** What an answer of the limit comes to, one of `limits`. */
function conclude(
  x: Exchange,
  limits: readonly PreparedLimit[],
  limit: Limit,
  item: string,
  verdict: LimitVerdict
): Refusal | null {
  const { plan } = limit
  if (plan.mode === 'enforce') {
    // A generation may outlive the month in which it was prepared.
    x.rateLimitPolicy = joined(x.rateLimitPolicy, limit.amount.kind === 'quota' ? policyItem(limit, x.now) : item)
  }
  if (verdict.admitted) {
    // A text made of a number, for explain alone.
    if (x.trace !== null) x.note('limits', 'pass', 'limits', plan.name, plan.where, `${verdict.remaining} left`)
    return null
  }
  if (plan.mode === 'enforce') return overLimit(limit, verdict.full, longestWait(x, limits, limit, verdict.retryNs))
  x.wouldDeny(overLimit(limit, verdict.full, verdict.retryNs))
  return null
}

const beside = newLimitVerdict()

/**
 * When a request would be let in by all of the route's limits that are known by now, and not only by the one that
 * refuses: who came back at its word would be refused by the next, charged or not.
 * @param limits those of the stage that refuses; those of the stage before it have been charged
 * @returns ns, at least `retryNs`
 */
function longestWait(x: Exchange, limits: readonly PreparedLimit[], refusing: Limit, retryNs: number): number {
  const early = x.route?.early ?? limits
  const wait = limits.length > 1 ? longestOf(x, limits, refusing, retryNs) : retryNs
  return early === limits ? wait : longestOf(x, early, refusing, wait)
}

function longestOf(x: Exchange, limits: readonly PreparedLimit[], refusing: Limit, atLeast: number): number {
  const { limiter, monotonic } = x.tables.services
  const identified = x.caller.method !== 'public'
  const now = monotonic()
  let longest = atLeast
  for (let i = 0; i < limits.length; i++) {
    const prepared = limits[i]
    if (prepared === undefined) continue
    const { limit } = prepared.tiers.length === 0 ? prepared : tierOf(x, prepared)
    // Requests at once end when they end, bodies wait by themselves, and what a store would say costs a question.
    if (limit === null || limit === refusing || limit.plan.mode !== 'enforce' || limit.plan.cluster?.strict === true)
      continue
    if (limit.counted.kind === 'concurrent' || limit.counted.kind === 'bandwidth') continue
    limiter.peek(limit, keyOf(prepared.key, x), identified && prepared.key.ofCaller, now, beside)
    if (!beside.admitted) longest = Math.max(longest, beside.retryNs)
  }
  return longest
}

/** A limit over several hosts: null where this host's own tables are to be asked. */
function ofAllHosts(
  x: Exchange,
  limits: readonly PreparedLimit[],
  i: number,
  chosen: { readonly limit: Limit | null; readonly policyItem: string },
  key: string
): 'admit' | Refusal | Promise<Verdict> | null {
  const { limit } = chosen
  const { services } = x.tables
  const prepared = limits[i]
  if (limit === null || prepared === undefined) return null
  if (limit.plan.cluster?.strict !== true) return services.heard() ? null : without(x, limit, 'no exchange with it')
  const { store } = services
  // Nobody is asked offline.
  if (store === null) return null
  if (store.trouble !== '') return without(x, limit, store.trouble)
  const identified = x.caller.method !== 'public' && prepared.key.ofCaller
  const open = services.limiter.keyOf(limit, key, identified)
  return askStore(x, store, open).then((told): Verdict | Promise<Verdict> => {
    let verdict = told
    if (verdict === null) {
      const instead = without(x, limit, 'no answer in time')
      if (instead === 'admit') return take(x, limits, i + 1)
      if (instead !== null) return instead
      verdict = newLimitVerdict()
      services.limiter.take(limit, key, identified, services.monotonic(), verdict)
    }
    if (limit.plan.mode === 'enforce') x.rateLimit = joined(x.rateLimit, limitItem(limit, verdict))
    return conclude(x, limits, limit, chosen.policyItem, verdict) ?? take(x, limits, i + 1)
  })
}

function without(x: Exchange, limit: Limit, trouble: string): 'admit' | Refusal | null {
  const instead = withoutStore(x, limit, trouble)
  if (instead === null || instead === 'admit' || limit.plan.mode === 'enforce') return instead
  x.wouldDeny(instead)
  return 'admit'
}

/**
 * Stands in the queue of the limit at `i`, and goes on with those behind it. Whoever ends the exchange abandons its turn:
 * then the promise is never settled, and nobody is left who waits for it.
 */
function wait(
  x: Exchange,
  limits: readonly PreparedLimit[],
  i: number,
  { limit, policyItem: item }: { limit: Limit; policyItem: string },
  identified: boolean
): Promise<Verdict> {
  const { limiter } = x.tables.services
  const { plan } = limit
  return new Promise((resolve) => {
    const turn = limiter.wait(limit, identified, (hold) => {
      x.turn = null
      // At once and not when the promise is heard of: an exchange that ends before that has it given back.
      x.held.push(hold)
      x.rateLimit = joined(x.rateLimit, noneLeft(limit))
      x.rateLimitPolicy = joined(x.rateLimitPolicy, item)
      x.note('limits', 'pass', 'limits', plan.name, plan.where, 'after its turn in the queue')
      resolve(null)
    })
    const refuse = (): Refusal => {
      x.rateLimit = joined(x.rateLimit, noneLeft(limit))
      x.rateLimitPolicy = joined(x.rateLimitPolicy, item)
      return overLimit(limit, false, longestWait(x, limits, limit, 0))
    }
    x.turn = { abandon: () => turn.abandon(), refuse }
  }).then(() => take(x, limits, i + 1))
}

/** What of a limit holds for this request: the first tier that fits, else the limit itself. */
export function tierOf(x: Exchange, prepared: PreparedLimit): PreparedLimit | PreparedTier {
  const { tiers } = prepared
  for (let i = 0; i < tiers.length; i++) {
    const tier = tiers[i]
    if (tier === undefined || judge(tier.rule, x, x.now, x.memo) !== null) continue
    return tier
  }
  return prepared
}

/**
 * Charges what the answer tells that its request cost, once: a count that is too large as the largest, one that can't
 * be read, and an answer without, as the default.
 * @param answered flat name, value pairs of the upstream's answer; null: there is none of an upstream's
 * @returns the same without the fields that tell costs, which are between a service and its gateway
 */
export function chargeAnswer(x: Exchange, answered: readonly string[] | null): readonly string[] {
  const { openCosts } = x
  if (openCosts === null) return answered ?? NO_FIELDS
  x.openCosts = null
  const { limiter, verdict, monotonic } = x.tables.services
  const now = monotonic()
  let told = answered ?? NO_FIELDS
  for (const open of openCosts) {
    const { plan } = open.limit
    if (plan.cost === undefined || plan.cost.response === null) continue
    const { header, max } = plan.cost.response
    const units = unitsIn(answered ?? NO_FIELDS, header)
    limiter.charge(open, units === null ? plan.cost.units : Math.min(units, max), now, verdict)
    if (plan.mode === 'enforce') x.rateLimit = joined(x.rateLimit, limitItem(open.limit, verdict))
    if (units !== null || answered !== null) told = lacking(told, header)
  }
  return told
}

/**
 * Charges bytes of a body that have passed to the limits of bandwidth.
 * @returns ms for which the next are to be held back
 */
export function chargeBytes(x: Exchange, bytes: number): number {
  const { meters } = x
  if (meters === null) return 0
  const { limiter, verdict, monotonic } = x.tables.services
  const now = monotonic()
  let wait = 0
  for (let i = 0; i < meters.length; i++) {
    const meter = meters[i]
    if (meter === undefined || meter.limit.counted.kind !== 'bandwidth') continue
    limiter.charge(meter, bytes, now, verdict)
    const over = (verdict.resetNs - meter.limit.counted.rate.capacityNs) / NS_PER_MS
    if (over <= 0) continue
    const { name, mode } = meter.limit.plan
    if (mode === 'enforce') wait = Math.max(wait, over)
    else if (!x.shadows.includes(name)) x.wouldDeny(overLimit(meter.limit, false, verdict.retryNs))
  }
  return wait
}

const NS_PER_MS = 1e6
const NO_FIELDS: readonly string[] = Object.freeze([])

/** The one field of that name, a whole number (Infinity where it has hundreds of digits); null: none, several or something else. */
function unitsIn(answered: readonly string[], name: string): number | null {
  let found: string | null = null
  for (let i = 0; i + 1 < answered.length; i += 2) {
    if (answered[i] !== name) continue
    if (found !== null) return null
    found = answered[i + 1] ?? ''
  }
  if (found === null || found === '') return null
  for (let i = 0; i < found.length; i++) {
    const digit = found.charCodeAt(i)
    if (digit < 0x30 || digit > 0x39) return null
  }
  return Number(found)
}

function lacking(fields: readonly string[], name: string): readonly string[] {
  if (!fields.includes(name)) return fields
  const rest: string[] = []
  for (let i = 0; i + 1 < fields.length; i += 2) if (fields[i] !== name) rest.push(fields[i] ?? '', fields[i + 1] ?? '')
  return rest
}

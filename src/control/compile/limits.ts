/** `limits`: add up over levels; a nearer one of the same name replaces a farther one in its place. */
import type { LimitConfig, TierConfig } from '../config/schema.ts'
import { checkAmount } from '../../limits/amount.ts'
import type { ClusterLimitPlan } from '../../plan/cluster.ts'
import type { AmountPlan, CostPlan, LimitPlan, TierPlan } from '../../plan/limit.ts'
import type { RulePlan } from '../../plan/rule.ts'
import { expressionFault, HIDDEN_EXPRESSION, isJudgedEarly, type GuardedRoute } from './authorize.ts'
import { bandwidth, keyPart, quota, rate } from './checked.ts'
import { asksTheCaller, danglingName, onlyClientChosen, type PatternNames } from '../config/key-parts.ts'
import { addUp, speaking, type Block, type Item } from './levels.ts'
import type { Path, Report } from './report.ts'

/** What of a route its limits depend on. */
export interface LimitedRoute extends GuardedRoute {
  /** Names that every path and every host of the route has: what `by` may ask for. */
  certain: PatternNames
}

/** Compiles the limits of routes. One limit that many routes inherit is one plan: they share its buckets. */
export class Limits {
  readonly #compiled = new Map<string, LimitPlan>()
  readonly #report: Report
  readonly #clustered: boolean

  /** @param clustered whether there is a store that several hosts share */
  constructor(report: Report, clustered: boolean) {
    this.#report = report
    this.#clustered = clustered
  }

  /** Outermost first. */
  ofRoute(blocks: readonly Block[], route: LimitedRoute): LimitPlan[] {
    const items = addUp(listsOf(blocks), (nearer, farther) =>
      this.#report.widening(nearer.path, `replaces the limit ${nearer.value.name} of a farther level`, [farther.level])
    )
    return items.map((item) => {
      const plan = this.#plan(item, route)
      this.#checkNames(item, plan, route)
      this.#checkCaller(item, plan, route)
      this.#checkTiers(item, route)
      return plan
    })
  }

  #plan(item: Item<LimitConfig>, { names }: LimitedRoute): LimitPlan {
    // Expressions of tiers may use the route's names, so a limit that has some is a plan for each set of them.
    const pathNames = item.value.tiers?.some(({ when }) => when) ? [...new Set([...names.path, ...names.host])] : []
    const key = JSON.stringify([item.level, item.value.name, pathNames])
    const known = this.#compiled.get(key)
    if (known) return known
    const plan = this.#compile(item, pathNames)
    this.#compiled.set(key, plan)
    return plan
  }

  #compile(item: Item<LimitConfig>, pathNames: string[]): LimitPlan {
    const { value, level, path } = item
    const by = wordsOf(value.by).map(keyPart)
    const amount = this.#amount(value, value, path)
    const cost = this.#cost(value, path)
    const beyond = checkAmount(amount, cost?.units)
    if (beyond !== null) this.#report.error(path, beyond)
    if (onlyClientChosen(by))
      this.#report.warn(
        [...path, 'by'],
        `only values that clients choose tell the counts of ${value.name} apart: a client with many of them has as many limits; add ip or caller`
      )
    const tiers = value.tiers?.map((tier, i) => this.#tier(tier, item, [...path, 'tiers', i], pathNames))
    return {
      name: value.name,
      level,
      by,
      amount,
      ...(cost ? { cost } : {}),
      ...(tiers ? { tiers } : {}),
      ...this.#cluster(item),
      needsCaller: asksTheCaller(by) || value.tiers?.some((tier) => !isFixedEarly(tier, pathNames)) === true,
      mode: value.mode ?? 'enforce',
      where: this.#report.where(path)
    }
  }

  /** `own`: the limit or one of its tiers, at `path`, whose amount is in question. */
  #amount(limit: LimitConfig, own: LimitConfig | TierConfig, path: Path): AmountPlan {
    const sliding = limit.algorithm === 'sliding'
    if (limit.algorithm !== undefined && limit.rate === undefined)
      this.#report.error([...path, 'algorithm'], 'algorithm is how a rate is counted: it goes with rate only')
    if (own.burst !== undefined && (own.rate === undefined || own.rate === 'none'))
      this.#report.error([...path, 'burst'], 'burst is the size of a rate’s bucket: it goes with rate only')
    else if (own.burst !== undefined && sliding)
      this.#report.error([...path, 'burst'], 'a sliding window has no burst: its rate’s count is the most at once')
    if (own.queue !== undefined && own.concurrent === undefined)
      this.#report.error(
        [...path, 'queue'],
        'queue is for requests that wait for others to end: it goes with concurrent'
      )
    if (own.quota !== undefined && own.quota !== 'none') return { kind: 'quota', ...quota(own.quota) }
    if (own.bandwidth !== undefined) return { kind: 'bandwidth', ...bandwidth(own.bandwidth) }
    // The schema has made sure that exactly one of them is there.
    if (own.rate === undefined || own.rate === 'none') {
      const queue = own.queue === undefined ? {} : { queue: own.queue }
      return { kind: 'concurrent', max: own.concurrent ?? 1, ...queue }
    }
    const { count, period } = rate(own.rate)
    return sliding ? { kind: 'sliding', count, period } : { kind: 'rate', count, period, burst: own.burst ?? count }
  }

  #tier(tier: TierConfig, { value, level }: Item<LimitConfig>, path: Path, pathNames: string[]): TierPlan {
    const kind = KINDS.find((key) => value[key] !== undefined) ?? 'rate'
    const unlimited = tier.rate === 'none' || tier.quota === 'none'
    const other = KINDS.find((key) => key !== kind && tier[key] !== undefined)
    if (other !== undefined && !unlimited)
      this.#report.error([...path, other], `the limit is by ${kind}, and so are its tiers`)
    else if (other === undefined && tier[kind] === undefined)
      this.#report.error(path, `expected "${kind}": how much these callers may, or rate: none`)
    if (unlimited && tier.burst !== undefined)
      this.#report.error([...path, 'burst'], 'these callers are not limited, so there is no bucket')
    const amount = unlimited ? null : this.#amount(value, tier, path)
    const beyond = amount === null ? null : checkAmount(amount, costOf(value))
    if (beyond !== null) this.#report.error(path, beyond)
    const rule: RulePlan = {
      name: null,
      groups: tier.groups ?? null,
      scopes: tier.scopes ?? null,
      when: tier.when ?? null,
      pathNames,
      reason: null,
      mode: 'enforce',
      level,
      where: this.#report.where(path)
    }
    return { rule, amount }
  }

  #cluster({ value, path }: Item<LimitConfig>): { cluster?: ClusterLimitPlan } {
    const { scope, strict = false, onFailure = 'local', cost } = value
    if (scope !== 'cluster') {
      for (const key of ['strict', 'onFailure'] as const)
        if (value[key] !== undefined)
          this.#report.error([...path, key], `${key} is for limits over several hosts: it goes with scope: cluster`)
      return {}
    }
    if (!this.#clustered)
      this.#report.error([...path, 'scope'], 'scope: cluster needs a store that the hosts share: write cluster.redis')
    if (value.concurrent !== undefined || value.bandwidth !== undefined)
      this.#report.error([...path, 'scope'], 'requests at once and bandwidth are counted by each host for itself')
    if (strict && typeof cost === 'object')
      this.#report.error(
        [...path, 'strict'],
        'a strict limit decides before the answer tells what it cost: leave strict out, or write the cost'
      )
    const rates = [value.rate, ...(value.tiers ?? []).map((tier) => tier.rate)]
    const fast = rates.find((text) => text !== undefined && text !== 'none' && perSecond(text) > FASTEST)
    if (fast !== undefined)
      this.#report.error([...path, 'scope'], `the store counts microseconds: ${fast} is above ${FASTEST} per second`)
    return { cluster: { strict, onFailure } }
  }

  #cost({ cost, rate: counted, quota: perPeriod }: LimitConfig, path: Path): CostPlan | undefined {
    if (cost === undefined) return undefined
    if (counted === undefined && perPeriod === undefined)
      this.#report.error(
        [...path, 'cost'],
        'requests at once count one by one, and bodies by their bytes: cost goes with rate and quota'
      )
    if (typeof cost === 'number') return { units: cost, response: null }
    const units = cost.default ?? 1
    const max = cost.max ?? LARGEST_COST
    if (units > max) this.#report.error([...path, 'cost', 'default'], `the default is above max, which is ${max}`)
    return { units, response: { header: cost.response.toLowerCase(), max } }
  }

  #checkNames({ value, path }: Item<LimitConfig>, plan: LimitPlan, route: LimitedRoute): void {
    plan.by.forEach((part, i) => {
      const reason = danglingName(part, route.certain)
      if (reason !== null) this.#report.ofRoute('error', route.name, wordPath(value, path, i), reason)
    })
  }

  /** A gateway's limit by caller counts addresses on public routes by design; one written for such a route doesn't. */
  #checkCaller({ path, level }: Item<LimitConfig>, plan: LimitPlan, route: LimitedRoute): void {
    if (route.public && asksTheCaller(plan.by) && level.startsWith('route:'))
      this.#report.ofRoute('warning', route.name, [...path, 'by'], 'a public route has no caller: this counts by ip')
  }

  #checkTiers({ value, level, path }: Item<LimitConfig>, route: LimitedRoute): void {
    value.tiers?.forEach(({ groups, scopes, when }, i) => {
      const at = [...path, 'tiers', i]
      if (route.public && level.startsWith('route:') && (groups || scopes))
        this.#report.ofRoute('warning', route.name, at, 'a public route has no caller: nobody is in this tier')
      if (when === undefined || this.#report.isPlaceholder([...at, 'when'])) return
      const fault = expressionFault(when, route.names, route.credentials)
      const place = [...at, 'when']
      if (fault !== null)
        this.#report.ofRoute('error', route.name, place, this.#report.quoting(place, fault, HIDDEN_EXPRESSION))
    })
  }
}

/** Whether who fits a tier is known before `auth`: then the limit holds off those, too, whom `auth` would refuse. */
function isFixedEarly({ groups, scopes, when }: TierConfig, names: string[]): boolean {
  return !groups && !scopes && when !== undefined && isJudgedEarly(when, names)
}

/** The keys of which a limit has exactly one. */
const KINDS = ['rate', 'quota', 'concurrent', 'bandwidth'] as const

/** Units of one answer, where the configuration names no most. */
const LARGEST_COST = 1_000_000

/** Units per second that the store can tell apart. */
const FASTEST = 1_000_000

function perSecond(text: string): number {
  const { count, period } = rate(text)
  return (count * 1000) / period
}

function costOf({ cost }: LimitConfig): number {
  return typeof cost === 'number' ? cost : (cost?.default ?? 1)
}

function listsOf(blocks: readonly Block[]): Item<LimitConfig>[][] {
  return speaking(blocks, 'limits').map(({ value, level, path }) =>
    value.map((limit, i) => ({ value: limit, level, path: [...path, i], name: limit.name }))
  )
}

function wordsOf(by: LimitConfig['by']): readonly string[] {
  return typeof by === 'string' ? [by] : by
}

function wordPath(limit: LimitConfig, path: readonly (string | number)[], i: number): (string | number)[] {
  return typeof limit.by === 'string' ? [...path, 'by'] : [...path, 'by', i]
}

import type { Places } from '../plan/auth.ts'
import type { RulePlan } from '../plan/rule.ts'
import type { RequestView } from '../request.ts'
import { compileRule, type CompiledRule } from './rule.ts'

/** One rule of `authorize`, prepared once per generation. All its keys must hold. */
export interface PreparedRule {
  readonly plan: RulePlan
  readonly when: CompiledRule | null
  /** Depends on the caller alone, so a verified credential may keep its result. */
  readonly callerOnly: boolean
  /** Why it doesn't hold, as far as that is known at load. */
  readonly noGroup: string
  readonly whenFalse: string
  /** `when` as reasons tell it. */
  readonly shownWhen: string
}

/**
 * Results of rules that depend on the caller alone, kept with a verified credential. Keys are PreparedRule objects:
 * a new generation's rules are new objects, so an old result is never found for them.
 */
export interface RuleMemo {
  /** What `set` stored for this very object, or undefined. */
  get(rule: object): unknown
  set(rule: object, result: unknown): void
}

/**
 * Compiled expressions of one generation, shared by the routes that a rule guards: a gateway-wide rule over 10,000
 * routes is compiled once for each set of path names, not once for each route.
 */
export class RuleCache {
  readonly #compiled = new Map<string, CompiledRule>()

  /** Throws when `source` doesn't compile: the plan was checked before, so that is a fault of the program. */
  compile(source: string, names: readonly string[], hidden: Places): CompiledRule {
    const key = JSON.stringify([source, names, hidden.header, hidden.cookie, hidden.query])
    const known = this.#compiled.get(key)
    if (known !== undefined) return known
    const compiled = compileRule(source, { path: names, host: names }, hidden, true)
    if (!compiled.ok) throw new Error(`rule "${source}": ${compiled.message} (column ${compiled.column})`)
    this.#compiled.set(key, compiled.rule)
    return compiled.rule
  }
}

/** `hidden`: where the route's `auth` reads credentials; expressions don't get to see them. */
export function prepareRule(plan: RulePlan, hidden: Places, cache: RuleCache): PreparedRule {
  const when = plan.when === null ? null : cache.compile(plan.when, plan.pathNames, hidden)
  const shownWhen = plan.secretWhen ? '(secret)' : (plan.when ?? '')
  return {
    plan,
    when,
    callerOnly: when === null || when.callerOnly,
    noGroup: `caller has none of the groups ${plan.groups?.join(', ') ?? ''}`,
    whenFalse: `when is false: ${shownWhen}`,
    shownWhen
  }
}

/**
 * null when the rule holds; otherwise why not, for the owner's log.
 *
 * @param now ms since the epoch
 * @param memo of the caller's verified credential; null when there is none
 */
export function judge(rule: PreparedRule, view: RequestView, now: number, memo: RuleMemo | null): string | null {
  // Groups and scopes alone are cheaper asked again than looked up.
  if (memo === null || rule.when === null || !rule.callerOnly) return decide(rule, view, now)
  const known = memo.get(rule)
  if (known === null || typeof known === 'string') return known
  const reason = decide(rule, view, now)
  memo.set(rule, reason)
  return reason
}

function decide(rule: PreparedRule, view: RequestView, now: number): string | null {
  const { groups, scopes } = rule.plan
  const { caller } = view
  if (groups !== null && !hasAny(caller.groups, groups)) return rule.noGroup
  if (scopes !== null) {
    for (let i = 0; i < scopes.length; i++) {
      const scope = scopes[i] ?? ''
      if (!caller.scopes.includes(scope)) return `missing scope ${scope}`
    }
  }
  if (rule.when === null) return null
  const result = rule.when.evaluate(view, now)
  if (result === true) return null
  return result === false ? rule.whenFalse : `when failed: ${result.reason}: ${rule.shownWhen}`
}

function hasAny(own: readonly string[], wanted: readonly string[]): boolean {
  for (let i = 0; i < own.length; i++) if (wanted.includes(own[i] ?? '')) return true
  return false
}

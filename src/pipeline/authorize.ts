import { judge, type PreparedRule } from '../policy/authorize.ts'
import { refuse } from '../problems.ts'
import type { Exchange } from './exchange.ts'
import type { PreparedRoute } from './tables.ts'
import { CONTINUE, type Verdict } from './verdict.ts'

const KEY = Symbol('authorize')

/**
 * The right to reach the upstream of one route, for one request. Only this file can make one (the key is not
 * exported), and worker/forward.ts asks for one, so no path leads around the rules.
 */
export class Permit {
  readonly route: PreparedRoute

  constructor(key: typeof KEY, route: PreparedRoute) {
    if (key !== KEY) throw new Error('permits are made by the authorize stage alone')
    this.route = route
  }
}

/** May they: every rule of every level must hold. Those that read the body are judged when it is there. */
export function authorize(x: Exchange): Verdict {
  const { route } = x
  if (route === null) throw new Error('authorize before route')
  const verdict = judgeRules(x, route.rules)
  if (verdict === CONTINUE && route.bodyRules.length === 0) x.permit = new Permit(KEY, route)
  return verdict
}

/** The rules that read the body, after it was found to fit its schema: the permit waits for them. */
export function authorizeBody(x: Exchange): Verdict {
  const { route } = x
  if (route === null || route.bodyRules.length === 0) return CONTINUE
  const verdict = judgeRules(x, route.bodyRules)
  if (verdict === CONTINUE) x.permit = new Permit(KEY, route)
  return verdict
}

function judgeRules(x: Exchange, rules: readonly PreparedRule[]): Verdict {
  for (let i = 0; i < rules.length; i++) {
    const rule = rules[i]
    if (rule === undefined) continue
    const { plan } = rule
    const why = judge(rule, x, x.now, x.memo)
    if (why === null) {
      x.note('authorize', 'pass', 'authorize', plan.name ?? '', plan.where, plan.level)
      continue
    }
    const reason = plan.reason === null ? why : `${plan.reason}: ${why}`
    const refusal = refuse('not-allowed', 'authorize', reason, { rule: plan.name ?? '', where: plan.where })
    if (plan.mode === 'enforce') return refusal
    x.wouldDeny(refusal)
  }
  return CONTINUE
}

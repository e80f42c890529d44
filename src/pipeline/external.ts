import { NOBODY, type Caller } from '../caller.ts'
import { COUNTER } from '../memory/counters.ts'
import type { Decision } from '../policy/external.ts'
import { refuse, type Refusal } from '../problems.ts'
import type { Exchange } from './exchange.ts'
import type { PreparedExternal } from './external-check.ts'
import { CONTINUE, type Verdict } from './verdict.ts'

/**
 * What the owner's own services say of the request, outermost first. From here on the request holds their word where
 * it held the client's: rules, limits, header changes and the upstream all see the `copyBack` fields of the answer.
 */
export function external(x: Exchange): Verdict | Promise<Verdict> {
  return x.route === null || x.route.external.length === 0 ? CONTINUE : ask(x, x.route.external, 0)
}

function ask(x: Exchange, checks: readonly PreparedExternal[], from: number): Verdict | Promise<Verdict> {
  for (let i = from; i < checks.length; i++) {
    const check = checks[i]
    if (check === undefined) continue
    const decision = x.tables.services.external.decide(check, x)
    if (decision instanceof Promise)
      return decision.then((settled) => conclude(x, check, settled) ?? ask(x, checks, i + 1))
    const verdict = conclude(x, check, decision)
    if (verdict !== CONTINUE) return verdict
  }
  return CONTINUE
}

function conclude(x: Exchange, { plan }: PreparedExternal, decision: Decision): Verdict {
  for (const name of plan.copyBack) x.headers.remove(name)
  if (decision.kind === 'admit') {
    const { fields } = decision
    for (let i = 0; i < fields.length; i += 2) x.headers.add(fields[i] ?? '', fields[i + 1] ?? '')
    if (x.caller.method === 'public') identified(x)
    x.note('external', 'pass', 'external', '', plan.where, decision.reason)
    return CONTINUE
  }
  if (decision.kind === 'none') {
    const { counters } = x.tables.services
    counters.add(COUNTER.externalFailures)
    if (plan.onFailure === 'open') {
      counters.add(COUNTER.externalFailedOpen)
      x.wouldDeny(refusalOf(decision, plan.where, 'failed-open'))
      return CONTINUE
    }
  }
  const refusal = refusalOf(decision, plan.where, '')
  if (plan.mode === 'enforce') return refusal
  x.wouldDeny(refusal)
  return CONTINUE
}

/** On a public route the service's yes is all that is known of the caller. */
function identified(x: Exchange): void {
  x.caller = ADMITTED
  x.memo = null
}

const ADMITTED: Caller = Object.freeze({ ...NOBODY, method: 'external' })

function refusalOf(decision: Decision, where: string, rule: string): Refusal {
  const { kind, reason, fields } = decision
  switch (kind) {
    case 'unidentified':
      // RFC 9110 section 15.5.2 wants a challenge; which, only the service could say.
      return refuse('external-unidentified', 'external', reason, {
        where,
        headers: fields.length > 0 ? fields : ['www-authenticate', 'Bearer']
      })
    case 'redirect':
      return refuse('external-redirect', 'external', reason, { where, headers: fields })
    case 'none':
      return refuse('external-unavailable', 'external', reason, { rule, where, headers: ['retry-after', '1'] })
    default:
      return refuse('external-denied', 'external', reason, { where })
  }
}

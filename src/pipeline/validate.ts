import { judgeBody } from '../policy/body.ts'
import type { ValidatePlan } from '../plan.ts'
import { refuse, type Refusal } from '../problems.ts'
import type { Exchange } from './exchange.ts'
import { CONTINUE, type Verdict } from './verdict.ts'

/** Size and type of the body as the head declares them; what a chunked body really holds is counted as it comes. */
export function validate(x: Exchange): Verdict {
  if (x.route === null || x.size === 0) return CONTINUE
  const { validate: plan, validateShadow: shadow } = x.route.plan
  const refusal = judge(x, plan)
  if (refusal !== null) return refusal
  x.note('validate', 'pass', 'validate', '', plan.where ?? '', '')
  // Of a level in shadow mode, which never takes back what a farther one enforces.
  const would = shadow === undefined ? null : judge(x, shadow)
  if (would !== null) x.wouldDeny(would)
  return CONTINUE
}

/**
 * What a body sent in chunks turned out to hold, `bytes`, against a level in shadow mode: known only at the end of a
 * request that was let through. An enforced size cuts such a body off as it comes.
 */
export function judgeReceived(x: Exchange, bytes: number): void {
  const shadow = x.route?.plan.validateShadow
  if (shadow === undefined || x.size >= 0 || bytes <= shadow.maxSize || x.shadows.includes('validate')) return
  const reason = `a body of ${bytes} bytes in chunks; ${shadow.maxSize} are allowed`
  x.wouldDeny(refuse('too-large', 'validate', reason, { where: shadow.where ?? '' }))
}

function judge(x: Exchange, plan: ValidatePlan): Refusal | null {
  const fault = judgeBody(plan, x)
  return fault === null ? null : refuse(fault.code, 'validate', fault.reason, { where: plan.where ?? '' })
}

import type { ValidatePlan } from '../plan.ts'
import type { Judged } from '../policy/validation/content.ts'
import {
  contentFault,
  judgeHead,
  type PreparedContent,
  type PreparedValidation,
  type ValidateFault
} from '../policy/validation/prepared.ts'
import { refuse, type Refusal } from '../problems.ts'
import { noRoom, wholeBody } from './body.ts'
import type { Exchange } from './exchange.ts'
import { CONTINUE, type Verdict } from './verdict.ts'

/**
 * Is the request one this route takes: size and type as the head declares them, parameters, and, where somebody asks
 * for it, what the body holds. Only then the body is waited for. What a level in shadow mode finds is counted and logged;
 * it never takes back what a farther one enforces.
 */
export function validate(x: Exchange): Verdict | Promise<Verdict> {
  const { route } = x
  if (route === null || (x.size === 0 && !route.validatesBodiless)) return CONTINUE
  const { validation, validationShadow: shadow } = route
  const fault = judgeHead(validation, x)
  if (fault !== null) return refusalOf(fault)
  const would = shadow === null ? null : judgeHead(shadow, x)
  if (would !== null) x.wouldDeny(refusalOf(would))
  // A body that a head has condemned already is not looked into: what it is called, it may not be.
  const tried = would === null ? (shadow?.content ?? null) : null
  if (x.size === 0 || (validation.content === null && tried === null)) return passed(x, validation)
  const bytes = wholeBody(x)
  if (bytes instanceof Promise) return bytes.then((held) => judgeWhole(x, validation, tried, held))
  return judgeWhole(x, validation, tried, bytes)
}

/** @param bytes null: there was no room to hold them */
async function judgeWhole(
  x: Exchange,
  validation: PreparedValidation,
  tried: PreparedContent | null,
  bytes: Uint8Array | null
): Promise<Verdict> {
  const { content } = validation
  if (bytes === null) {
    if (content !== null) return noRoom('validate', content.where)
    x.note('validate', 'skip', 'validate', '', tried?.where ?? '', 'no memory left to hold the body')
    return passed(x, validation)
  }
  const { bodies } = x.tables.services
  if (content !== null) {
    const judged = await bodies.judge(bytes, content, (x.route?.bodyRules.length ?? 0) > 0)
    if (judged.fault !== null) return refusalOf(contentFault(judged.fault, content))
    x.content = judged.value
  }
  if (tried !== null) {
    const { fault }: Judged = await bodies.judge(bytes, tried, false)
    if (fault !== null) x.wouldDeny(refusalOf(contentFault(fault, tried)))
  }
  return passed(x, validation)
}

function passed(x: Exchange, { where }: PreparedValidation): Verdict {
  x.note('validate', 'pass', 'validate', '', where, '')
  return CONTINUE
}

function refusalOf({ code, reason, where, invalid }: ValidateFault): Refusal {
  return refuse(code, 'validate', reason, { where, invalid })
}

/** Whether `plan` has anything to say of a request without a body. */
export function asksBodiless(plan: ValidatePlan | undefined): boolean {
  return plan !== undefined && (plan.query !== undefined || plan.path !== undefined || plan.body !== undefined)
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

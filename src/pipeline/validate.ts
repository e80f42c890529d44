import type { ValidatePlan } from '../plan/validation.ts'
import {
  contentFault,
  judgeHead,
  type PreparedContent,
  type PreparedValidation,
  type ValidateFault
} from '../policy/validation/prepared.ts'
import { refuse, type Refusal } from '../problems.ts'
import { forwardedPath } from './action.ts'
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
  const { validation, validationShadow: shadow, action } = route
  // Only a document speaks of the path that the service gets.
  const path = route.validatesPaths ? (action.kind === 'forward' ? forwardedPath(action, x) : x.path) : ''
  const { fault, contents } = judgeHead(validation, x, path)
  if (fault !== null) return refusalOf(fault)
  const would = shadow === null ? null : judgeHead(shadow, x, path)
  if (would !== null && would.fault !== null) x.wouldDeny(refusalOf(would.fault))
  // A body whose head is condemned already is not looked into: what it is called, it may not be.
  const tried = would === null ? NOTHING : would.contents
  if (x.size === 0 || (contents.length === 0 && tried.length === 0)) return passed(x, validation)
  const bytes = wholeBody(x)
  const judge = (held: Uint8Array | null): Promise<Verdict> => judgeWhole(x, validation, contents, tried, held)
  return bytes instanceof Promise ? bytes.then(judge) : judge(bytes)
}

const NOTHING: readonly PreparedContent[] = Object.freeze([])

/** @param bytes null: there was no room to hold them */
async function judgeWhole(
  x: Exchange,
  validation: PreparedValidation,
  contents: readonly PreparedContent[],
  tried: readonly PreparedContent[],
  bytes: Uint8Array | null
): Promise<Verdict> {
  if (bytes === null) {
    const [content] = contents
    if (content !== undefined) return noRoom('validate', content.where)
    x.note('validate', 'skip', 'validate', '', tried[0]?.where ?? '', 'no memory left to hold the body')
    return passed(x, validation)
  }
  const { bodies } = x.tables.services
  for (const content of contents) {
    // Rules read what `validate.body.schema` has judged, which comes first.
    const wanted = content === validation.content && (x.route?.bodyRules.length ?? 0) > 0
    const { fault, value } = await bodies.judge(bytes, content, wanted)
    if (fault !== null) return refusalOf(contentFault(fault, content))
    if (wanted) x.content = value
  }
  for (const content of tried) {
    const { fault } = await bodies.judge(bytes, content, false)
    if (fault === null) continue
    x.wouldDeny(refusalOf(contentFault(fault, content)))
    break
  }
  return passed(x, validation)
}

function passed(x: Exchange, { where }: PreparedValidation): Verdict {
  x.note('validate', 'pass', 'validate', '', where, '')
  return CONTINUE
}

function refusalOf({ code, reason, where, invalid, headers = NO_HEADERS }: ValidateFault): Refusal {
  return refuse(code, 'validate', reason, { where, invalid, headers })
}

const NO_HEADERS: readonly string[] = Object.freeze([])

/** Whether `plan` has anything to say of a request without a body. */
export function asksBodiless(plan: ValidatePlan | undefined): boolean {
  if (plan === undefined) return false
  return [plan.query, plan.path, plan.body, plan.openapi].some((asked) => asked !== undefined)
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

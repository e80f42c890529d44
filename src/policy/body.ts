import type { ValidatePlan } from '../plan/validation.ts'
import type { RequestView } from '../request.ts'
import { isToken } from './encoding.ts'

/** Why a request's body is refused: the code of the table of problems, and the owner's reason. */
export interface BodyFault {
  readonly code: 'too-large' | 'wrong-type'
  readonly reason: string
}

/**
 * `validate.body` as far as the head tells: declared size and media type. A chunked body's size shows as it comes;
 * whoever forwards it counts against `plan.maxSize`. null: may pass.
 */
export function judgeBody(plan: ValidatePlan, view: RequestView): BodyFault | null {
  if (view.size === 0) return null
  if (view.size > plan.maxSize) {
    return { code: 'too-large', reason: `a body of ${view.size} bytes; ${plan.maxSize} are allowed` }
  }
  return plan.contentTypes === null ? null : judgeType(plan.contentTypes, view)
}

const NO_TYPE: BodyFault = { code: 'wrong-type', reason: 'a body without a content-type' }
const TWO_TYPES: BodyFault = { code: 'wrong-type', reason: 'more than one content-type' }
const NOT_A_TYPE: BodyFault = { code: 'wrong-type', reason: 'a content-type that is no media type' }

function judgeType(allowed: readonly string[], view: RequestView): BodyFault | null {
  const value = view.headers.get('content-type')
  if (value === undefined) return NO_TYPE
  // Which of two the service goes by is anyone's guess.
  if (view.headers.count('content-type') > 1) return TWO_TYPES
  const type = mediaType(value)
  if (type === null) return NOT_A_TYPE
  if (allowed.includes(type)) return null
  return { code: 'wrong-type', reason: `content-type ${type} is not one of ${allowed.join(', ')}` }
}

/** `type/subtype` in lower case, without parameters (RFC 9110 section 8.3.1); null when it is none. */
export function mediaType(value: string): string | null {
  const semicolon = value.indexOf(';')
  const type = (semicolon < 0 ? value : value.slice(0, semicolon)).trim().toLowerCase()
  const slash = type.indexOf('/')
  return isToken(type.slice(0, slash)) && isToken(type.slice(slash + 1)) && slash > 0 ? type : null
}

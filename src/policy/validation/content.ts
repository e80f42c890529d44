import { readJson, type JsonBounds } from '../../json.ts'
import type { RequestView } from '../../request.ts'
import { mediaType } from '../body.ts'
import { stepsFor, TOO_LONG, type Validator, type Violation } from './validator.ts'

/** What is wrong with what a body holds; plain data, for it may come from another thread. */
export interface ContentFault {
  readonly code: 'malformed' | 'invalid'
  readonly reason: string
  readonly violations: readonly Violation[]
  /** Whether it fits is not known: to say so takes more steps than there were. */
  readonly undecided?: boolean
}

export interface Judged {
  readonly fault: ContentFault | null
  /** The body's value, when there is no fault. */
  readonly value: unknown
}

/**
 * Reads a JSON body within `bounds`, then asks its schema. Never throws.
 *
 * @param steps that the schema may take
 */
export function judgeContent(
  bytes: Uint8Array,
  bounds: JsonBounds,
  schema: Validator | null,
  steps = stepsFor(bytes.length)
): Judged {
  const read = readJson(bytes, bounds)
  if (!read.ok) {
    const code = read.bound ? 'invalid' : 'malformed'
    return { fault: { code, reason: `the body ${read.reason}`, violations: WHOLE }, value: undefined }
  }
  const { value } = read
  const violations = schema === null ? NONE : schema(value, steps)
  if (violations.length === 0) return { fault: null, value }
  const reason = `the body ${reasonOf(violations)}`
  return { fault: { code: 'invalid', reason, violations, undecided: violations === TOO_LONG }, value: undefined }
}

const NONE: readonly Violation[] = Object.freeze([])
const WHOLE: readonly Violation[] = Object.freeze([{ pointer: '', reason: '' }])

/** For the owner's log. */
export function reasonOf(violations: readonly Violation[]): string {
  return violations.map(({ pointer, reason }) => `at ${pointer === '' ? '/' : pointer}: ${reason}`).join('; ')
}

/**
 * Why the head says that the body is no JSON which can be read here; null: it may be. `application/json` and `+json`,
 * in UTF-8 (RFC 8259 section 8.1) and as it is: what another charset or a coding unfolds to, only the service would see.
 */
export function judgeJsonType(view: RequestView): string | null {
  const { headers } = view
  const value = headers.get('content-type')
  if (value === undefined) return 'a body without a content-type, where JSON is read'
  if (headers.count('content-type') > 1) return 'more than one content-type'
  const type = mediaType(value)
  if (type === null) return 'a content-type that is no media type'
  if (type !== 'application/json' && !type.endsWith('+json')) return `content-type ${type}, where JSON is read`
  const charset = charsetOf(value)
  if (charset !== null && charset !== 'utf-8' && charset !== 'utf8' && charset !== 'us-ascii')
    return 'a body in another charset than UTF-8'
  const coding = headers.joined('content-encoding')?.trim().toLowerCase()
  return coding === undefined || coding === 'identity' ? null : 'a body in a content-coding, which is not unfolded here'
}

/** Lower-case and without quotes; null: none is named. Two of them are taken for neither. */
function charsetOf(value: string): string | null {
  let found: string | null = null
  for (const parameter of value.toLowerCase().split(';').slice(1)) {
    const equals = parameter.indexOf('=')
    if (parameter.slice(0, equals).trim() !== 'charset') continue
    if (found !== null) return 'two charsets'
    found = parameter.slice(equals + 1).trim()
    if (found.length > 1 && found.startsWith('"') && found.endsWith('"')) found = found.slice(1, -1)
  }
  return found
}

/** What may stand in headers that a configuration writes, beyond what the schema checks. */
import type { Template } from '../../plan/values.ts'
import { literals } from './templates.ts'

/** RFC 9110 section 5.5, without obs-text: anything else can end the line and begin a header of its own. */
const PRINTABLE = /^[\t\x20-\x7e]*$/

/** Why the literal text of `value` can't be a header's value; null when it can. */
export function literalFault(value: Template): string | null {
  return literals(value).every((text) => PRINTABLE.test(text))
    ? null
    : 'the value of a header is printable ASCII, without line breaks'
}

/** Why an answer's header `name` (lower-case) can't be written; null when it can. */
export function answerNameFault(name: string): string | null {
  // uWS adds one to every answer: a second would be one too many (RFC 9110 section 6.6.1).
  return name === 'date' ? 'every answer has the gateway’s own Date' : null
}

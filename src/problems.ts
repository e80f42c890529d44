/**
 * The closed table of everything that Gatehouse itself may answer instead of an upstream. A problem's code is
 * stable: it goes into logs and metrics, and tests name it. What a caller sees is only the status, its standard
 * title and the request's id (RFC 9457 with `about:blank`), so two refusals of one status cannot be told apart
 * from outside: "no such key" and "wrong key" are the same bytes.
 */

/** Whose fault it was: decides the log level and who gets paged. */
export type Fault = 'client' | 'upstream' | 'gateway'

export interface Problem {
  readonly code: ProblemCode
  /** Its place in the table, from 0. */
  readonly index: number
  readonly status: number
  /** The status's standard phrase, as RFC 9457 section 4.2.1 asks of `about:blank`. */
  readonly title: string
  readonly fault: Fault
}

const TABLE = {
  malformed: [400, 'client'],
  'bad-path': [400, 'client'],
  'no-credential': [401, 'client'],
  'bad-credential': [401, 'client'],
  'external-redirect': [302, 'client'],
  'external-unidentified': [401, 'client'],
  'not-allowed': [403, 'client'],
  'external-denied': [403, 'client'],
  banned: [403, 'client'],
  'no-route': [404, 'client'],
  'wrong-method': [405, 'client'],
  'request-timeout': [408, 'client'],
  'length-required': [411, 'client'],
  'too-large': [413, 'client'],
  'wrong-type': [415, 'client'],
  'expectation-failed': [417, 'client'],
  invalid: [422, 'client'],
  'wrong-host': [421, 'client'],
  'over-limit': [429, 'client'],
  'client-closed': [499, 'client'],
  internal: [500, 'gateway'],
  'unknown-method': [501, 'client'],
  'upstream-unreachable': [502, 'upstream'],
  'upstream-broke': [502, 'upstream'],
  'upstream-invalid': [502, 'upstream'],
  'verify-overload': [503, 'gateway'],
  'keys-unavailable': [503, 'gateway'],
  'external-unavailable': [503, 'upstream'],
  'limit-unavailable': [503, 'gateway'],
  shedding: [503, 'gateway'],
  'not-ready': [503, 'gateway'],
  'upstream-timeout': [504, 'upstream']
} as const satisfies Record<string, readonly [number, Fault]>

export type ProblemCode = keyof typeof TABLE

/** Status phrases of RFC 9110 for every status of the table; 499 is never sent, only logged. */
const TITLES: Readonly<Record<number, string>> = {
  302: 'Found',
  400: 'Bad Request',
  401: 'Unauthorized',
  403: 'Forbidden',
  404: 'Not Found',
  405: 'Method Not Allowed',
  408: 'Request Timeout',
  411: 'Length Required',
  413: 'Content Too Large',
  415: 'Unsupported Media Type',
  417: 'Expectation Failed',
  421: 'Misdirected Request',
  422: 'Unprocessable Content',
  429: 'Too Many Requests',
  499: 'Client Closed Request',
  500: 'Internal Server Error',
  501: 'Not Implemented',
  502: 'Bad Gateway',
  503: 'Service Unavailable',
  504: 'Gateway Timeout'
}

export const PROBLEMS: { readonly [C in ProblemCode]: Problem } = Object.freeze(
  Object.fromEntries(
    Object.entries(TABLE).map(([code, [status, fault]], index) => [
      code,
      Object.freeze({ code, index, status, title: TITLES[status] ?? '', fault })
    ])
  )
) as { readonly [C in ProblemCode]: Problem }

/** A part of the request that is not as it should be. */
export interface InvalidPart {
  readonly in: 'body' | 'query' | 'path' | 'header' | 'cookie'
  /** JSON Pointer (RFC 6901) to it. */
  readonly pointer: string
}

/** The body of a refusal: `instance` is the request's id, the one thing that ties it to the owner's log. */
export function problemBody(problem: Problem, requestId: string, invalid: readonly InvalidPart[] = NO_PARTS): string {
  // What the client sent is told where it is wrong, and never what was expected there.
  const errors = invalid.length === 0 ? '' : `,"errors":${JSON.stringify(invalid)}`
  return `{"type":"about:blank","title":"${problem.title}","status":${problem.status},"instance":"${requestId}"${errors}}`
}

const NO_PARTS: readonly InvalidPart[] = Object.freeze([])

/** A decision against a request: what the caller sees, and in full what the owner sees. */
export interface Refusal {
  readonly problem: Problem
  /** The stage or policy: `framing`, `route`, `ip`, `auth`, `authorize`, `limits`, `validate`, `upstream`, … */
  readonly policy: string
  /** Name of the rule or limit, '' when it has none. */
  readonly rule: string
  /** The deciding line of the configuration, '' when none decided. */
  readonly where: string
  /** Why, for the owner: never sent to the caller, never with a secret in it. */
  readonly reason: string
  /** Header fields the status calls for (`www-authenticate`, `retry-after`, `allow`), flat name, value pairs. */
  readonly headers: readonly string[]
  /** Parts of the request that the caller may mend. */
  readonly invalid: readonly InvalidPart[]
  /** The connection can't be trusted any further: nothing behind this request may run. */
  readonly close: boolean
}

const NO_HEADERS: readonly string[] = Object.freeze([])

export function refuse(
  code: ProblemCode,
  policy: string,
  reason: string,
  more: {
    rule?: string
    where?: string
    headers?: readonly string[]
    invalid?: readonly InvalidPart[]
    close?: boolean
  } = {}
): Refusal {
  return {
    problem: PROBLEMS[code],
    policy,
    rule: more.rule ?? '',
    where: more.where ?? '',
    reason,
    headers: more.headers ?? NO_HEADERS,
    invalid: more.invalid ?? NO_PARTS,
    close: more.close ?? false
  }
}

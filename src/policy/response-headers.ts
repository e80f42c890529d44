import { HOP_BY_HOP } from '../field-names.ts'
import type { HeaderOperations, HeadersPlan } from '../plan/headers.ts'
import type { Refusal } from '../problems.ts'
import type { RequestView } from '../request.ts'
import { isFieldValue, isToken } from './encoding.ts'
import { mediaType } from './body.ts'
import { isLimitList } from './limit-list.ts'
import { type AnswerFields, SharedFields } from '../answer-fields.ts'
import { corsFields, type PreparedCors } from './cors.ts'
import { applyOperations, operationsProblem, type PreparedOperations, prepareOperations } from './field-operations.ts'

/** What of an answer's head goes to the client. Prepared once per route. */
export interface PreparedResponseHeaders {
  readonly security: boolean
  /** Its answers tell of limits in `RateLimit` and `RateLimit-Policy`. */
  readonly limited: boolean
  readonly cors: PreparedCors | null
  readonly operations: PreparedOperations
  /** What became of lists that come again and again, over plain HTTP and over TLS. Frozen lists only: others may change. */
  readonly known: readonly [WeakMap<readonly string[], SharedFields>, WeakMap<readonly string[], SharedFields>]
  /** The same of refusals, by the list of what their status calls for, and then by `Problem.index`: of each status a list of its own, whose bytes are kept with the line of that status. */
  readonly refused: readonly [WeakMap<readonly string[], OfProblems>, WeakMap<readonly string[], OfProblems>]
}

type OfProblems = (SharedFields | undefined)[]

/** Fields of the connection to the upstream, and those that the writer makes: date and the body's length. */
const CONNECTION_FIELDS: ReadonlySet<string> = new Set([...HOP_BY_HOP, 'content-length', 'date'])

/**
 * Fields that tell of what stands behind (products, versions, hosts), that mean something to a proxy only
 * (X-Accel-Redirect, X-Sendfile), or that would lead clients past this one (Alt-Svc).
 */
const INSIDE_FIELDS: readonly string[] = [
  'alt-svc',
  'server',
  'via',
  'x-aspnet-version',
  'x-aspnetmvc-version',
  'x-backend',
  'x-backend-server',
  'x-generator',
  'x-powered-by',
  'x-powered-by-plesk',
  'x-runtime',
  'x-sendfile',
  'x-server',
  'x-served-by',
  'x-upstream',
  'x-varnish'
]
const INSIDE_PREFIXES: readonly string[] = ['x-accel-', 'x-envoy-', 'x-kong-']

const DROPPED = 1
const TRANSPORT_SECURITY = 2
const TYPE_OPTIONS = 4
const REFERRER = 8
const CROSS_DOMAIN = 16
const FRAMES = 32
const LIMIT_LIST = 64

/** One look-up for each field of an answer says all that matters about it: the bits above. */
const MEANING: ReadonlyMap<string, number> = new Map([
  ...[...CONNECTION_FIELDS, ...INSIDE_FIELDS].map((name) => [name, DROPPED] as const),
  // The gateway's own stands in every answer: a service's, often an echo of it, would make two of it.
  ['x-request-id', DROPPED],
  ['strict-transport-security', TRANSPORT_SECURITY],
  ['x-content-type-options', TYPE_OPTIONS],
  ['referrer-policy', REFERRER],
  ['x-permitted-cross-domain-policies', CROSS_DOMAIN],
  ['x-frame-options', FRAMES],
  ['content-security-policy', FRAMES],
  ['ratelimit', LIMIT_LIST],
  ['ratelimit-policy', LIMIT_LIST]
])

const LIMITS = { fixed: CONNECTION_FIELDS, trusted: new Set<string>() }

/** What is wrong with `headers.response` of a route, or null: for the check of the configuration. */
export function responseOperationsProblem(operations: HeaderOperations): string | null {
  return operationsProblem(operations, LIMITS)
}

/** Throws what responseOperationsProblem names. */
export function prepareResponseHeaders(
  plan: HeadersPlan,
  cors: PreparedCors | null,
  limited = false
): PreparedResponseHeaders {
  return {
    limited,
    security: plan.security,
    cors,
    operations: prepareOperations(plan.response, LIMITS),
    known: [new WeakMap(), new WeakMap()],
    refused: [new WeakMap(), new WeakMap()]
  }
}

/**
 * An answer's fields, without those the writer makes.
 *
 * Order: the upstream's, the security preset where they lack it, `headers.response` over both, then what is ours
 * alone: CORS and `own` (`ratelimit`, `x-request-id`, `www-authenticate`, …).
 *
 * All up to CORS is the same for every answer whose fields are the same, unless an operation reads the request. So it is
 * made once for a list that comes again (an upstream's known head, a refusal's none).
 *
 * @param answered the upstream's fields, names lower-case; empty for an answer of our own
 * @param origin the request's Origin, undefined when it has none
 * @param own becomes part of what is returned
 * @returns or why the upstream's answer can't be sent on: the client gets 502 instead
 */
export function responseHeaders(
  prepared: PreparedResponseHeaders,
  view: RequestView,
  answered: readonly string[],
  origin: string | undefined,
  own: string[]
): AnswerFields | string {
  const shared = sharedFields(prepared, view, answered)
  if (typeof shared === 'string') return shared
  const { cors } = prepared
  if (cors === null && !own.includes('vary')) return { shared, own }
  const fields: string[] = []
  if (cors !== null) addFields(shared.list, fields, corsFields(cors, origin))
  addFields(shared.list, fields, own)
  return { shared, own: fields }
}

/**
 * The same for a refusal: all of it but `own` is shared, where it comes again.
 *
 * @param own without `vary`; becomes part of what is returned
 */
export function refusedHeaders(
  prepared: PreparedResponseHeaders,
  view: RequestView,
  { problem, headers }: Refusal,
  own: string[]
): AnswerFields | string {
  if (prepared.cors !== null) {
    const origin = view.headers.get('origin')
    return responseHeaders(prepared, view, NONE, origin, [...PROBLEM_FIELDS, ...headers, ...own])
  }
  const refused = prepared.refused[view.scheme === 'https' ? 1 : 0]
  const known = refused.get(headers)
  const shared = known?.[problem.index]
  if (shared !== undefined) return { shared, own }
  // What is not frozen may be another list the next time.
  if (!Object.isFrozen(headers) || headers.includes('vary')) {
    return responseHeaders(prepared, view, NONE, undefined, [...PROBLEM_FIELDS, ...headers, ...own])
  }
  const before = sharedFields(prepared, view, NONE)
  if (typeof before === 'string') return before
  const made = new SharedFields([...before.list, ...PROBLEM_FIELDS, ...headers], before.again)
  if (made.again) {
    const of = known ?? []
    of[problem.index] = made
    if (known === undefined) refused.set(headers, of)
  }
  return { shared: made, own }
}

const PROBLEM_FIELDS: readonly string[] = ['content-type', 'application/problem+json', 'cache-control', 'no-store']

const NONE: readonly string[] = Object.freeze([])

function sharedFields(
  prepared: PreparedResponseHeaders,
  view: RequestView,
  answered: readonly string[]
): SharedFields | string {
  const known = prepared.known[view.scheme === 'https' ? 1 : 0]
  const before = known.get(answered)
  if (before !== undefined) return before
  const out: string[] = []
  const fault = compose(prepared, view, answered, out)
  if (fault !== null) return fault
  const again = prepared.operations.constant && Object.isFrozen(answered)
  const shared = new SharedFields(out, again)
  if (again) known.set(answered, shared)
  return shared
}

function compose(
  prepared: PreparedResponseHeaders,
  view: RequestView,
  answered: readonly string[],
  out: string[]
): string | null {
  let present = 0
  for (let i = 0; i < answered.length; i += 2) {
    const name = answered[i] ?? ''
    const value = answered[i + 1] ?? ''
    if (!isToken(name)) return 'the answer has a header whose name is no token'
    // The writer would throw: a CR or LF here would be a header, or an answer, of the upstream's client's making.
    if (!isFieldValue(value)) return `the answer's header ${name} holds a character that can't be sent`
    const meaning = MEANING.get(name) ?? 0
    if (meaning === DROPPED || tellsOfInside(name)) continue
    if (prepared.cors !== null && name.startsWith('access-control-')) continue
    if (meaning === LIMIT_LIST && prepared.limited && !isLimitList(value)) continue
    present |= meaning
    out.push(name, value)
  }
  if (prepared.security) addSecurity(out, present, view.scheme === 'https')
  applyOperations(prepared.operations, view, out)
  return null
}

function tellsOfInside(name: string): boolean {
  if (!name.startsWith('x-')) return false
  for (let i = 0; i < INSIDE_PREFIXES.length; i++) if (name.startsWith(INSIDE_PREFIXES[i] ?? '')) return true
  return false
}

/** Adds `fields` to `out`, which stands behind `before`. */
function addFields(before: readonly string[], out: string[], fields: readonly string[]): void {
  for (let i = 0; i + 1 < fields.length; i += 2) {
    const name = fields[i] ?? ''
    const value = fields[i + 1] ?? ''
    if (name === 'vary' && (variesBy(before, value) || variesBy(out, value))) continue
    out.push(name, value)
  }
}

/** Whether a Vary field says it already: `*`, or the name itself. */
function variesBy(fields: readonly string[], name: string): boolean {
  for (let i = 0; i < fields.length; i += 2) {
    if (fields[i] !== 'vary') continue
    for (const item of (fields[i + 1] ?? '').split(',')) {
      const word = item.trim().toLowerCase()
      if (word === '*' || word === name) return true
    }
  }
  return false
}

/**
 * `headers.security`: each only where the answer lacks it, as OWASP's REST sheet asks.
 *
 * - strict-transport-security, over TLS only: a year, this host alone (others are not ours to promise for).
 * - x-content-type-options, referrer-policy, x-permitted-cross-domain-policies.
 * - x-frame-options and content-security-policy together, and only where the answer has neither: a page that allows
 *   some frames by the one would be forbidden all by the other. What isn't HTML gets `default-src 'none'` as well.
 */
function addSecurity(out: string[], present: number, tls: boolean): void {
  if (tls && (present & TRANSPORT_SECURITY) === 0) out.push('strict-transport-security', 'max-age=31536000')
  if ((present & TYPE_OPTIONS) === 0) out.push('x-content-type-options', 'nosniff')
  if ((present & REFERRER) === 0) out.push('referrer-policy', 'no-referrer')
  if ((present & CROSS_DOMAIN) === 0) out.push('x-permitted-cross-domain-policies', 'none')
  if ((present & FRAMES) === 0) {
    out.push('x-frame-options', 'DENY')
    out.push(
      'content-security-policy',
      isHtml(out) ? "frame-ancestors 'none'" : "default-src 'none'; frame-ancestors 'none'"
    )
  }
}

function isHtml(fields: readonly string[]): boolean {
  for (let i = 0; i < fields.length; i += 2) {
    if (fields[i] !== 'content-type') continue
    const type = mediaType(fields[i + 1] ?? '')
    return type === 'text/html' || type === 'application/xhtml+xml' || type === 'image/svg+xml'
  }
  return false
}

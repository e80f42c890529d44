import type { CorsPlan } from '../plan/cors.ts'

/** `cors` of a route, prepared: the Fetch standard's protocol, section 3.2. */
export interface PreparedCors {
  /** `origins: ["*"]`: any origin, without credentials. */
  readonly any: boolean
  readonly exact: ReadonlySet<string>
  readonly wildcards: readonly Wildcard[]
  /** Fields of every answer to a preflight, but for the origin's. */
  readonly preflight: readonly string[]
  /** Fields of every other answer, but for the origin's. */
  readonly actual: readonly string[]
}

/** `https://*.example.com:8443`: what stands before and behind the one label. */
interface Wildcard {
  readonly before: string
  readonly behind: string
}

/** Throws on `*` with credentials: browsers refuse that pair, and what it asks for is any site acting as the user. */
export function prepareCors(plan: CorsPlan): PreparedCors {
  const origins = plan.origins.map((origin) => origin.toLowerCase())
  const any = origins.includes('*')
  if (any && plan.credentials) throw new Error('cors: origins "*" can’t go with credentials')
  const shared = any ? [] : ['vary', 'origin']
  if (plan.credentials) shared.push('access-control-allow-credentials', 'true')
  const preflight = [...shared]
  if (plan.methods.length > 0) preflight.push('access-control-allow-methods', plan.methods.join(', '))
  if (plan.headers.length > 0) preflight.push('access-control-allow-headers', plan.headers.join(', '))
  if (plan.maxAge !== null) preflight.push('access-control-max-age', String(plan.maxAge))
  const actual = [...shared]
  if (plan.expose.length > 0) actual.push('access-control-expose-headers', plan.expose.join(', '))
  return {
    any,
    exact: new Set(origins),
    wildcards: origins.filter((origin) => origin !== '*' && origin.includes('*')).map(wildcard),
    preflight,
    actual
  }
}

function wildcard(origin: string): Wildcard {
  const star = origin.indexOf('*')
  return { before: origin.slice(0, star), behind: origin.slice(star + 1) }
}

/**
 * Whether answers may be read by pages of `origin` (an Origin field's value). `null`, which sandboxed frames and
 * local files send and anyone can bring about, only counts under `*`.
 */
export function allowsOrigin(cors: PreparedCors, origin: string): boolean {
  if (cors.any) return true
  if (origin === 'null') return false
  if (cors.exact.has(origin)) return true
  for (let i = 0; i < cors.wildcards.length; i++) {
    const pattern = cors.wildcards[i]
    if (pattern !== undefined && fits(pattern, origin)) return true
  }
  return false
}

function fits({ before, behind }: Wildcard, origin: string): boolean {
  const end = origin.length - behind.length
  if (end <= before.length || !origin.startsWith(before) || !origin.endsWith(behind)) return false
  for (let i = before.length; i < end; i++) if (!isLabelChar(origin.charCodeAt(i))) return false
  return true
}

/** Letters, digits, hyphen and underscore: no dot, so one label only, and nothing that could end the host. */
function isLabelChar(c: number): boolean {
  return (c >= 0x61 && c <= 0x7a) || (c >= 0x30 && c <= 0x39) || c === 0x2d || c === 0x5f
}

/** Whether a request is a preflight: OPTIONS with an origin and the method it asks for. */
export function isPreflight(method: string, origin: string | undefined, asked: string | undefined): boolean {
  return method === 'OPTIONS' && origin !== undefined && asked !== undefined
}

/**
 * Fields of the 204 that answers a preflight, flat name, value pairs. An origin that isn't allowed gets none that
 * allow anything, which is how a browser is told no.
 */
export function preflightFields(cors: PreparedCors, origin: string): readonly string[] {
  if (!allowsOrigin(cors, origin)) return denied(cors)
  return ['access-control-allow-origin', cors.any ? '*' : origin].concat(cors.preflight)
}

/**
 * Fields of any other answer, refusals too; they replace the upstream's own. `origin` undefined: the request had
 * none. `vary` goes along even then, or a cache would give one site's answer to another.
 */
export function corsFields(cors: PreparedCors, origin: string | undefined): readonly string[] {
  if (origin === undefined ? !cors.any : !allowsOrigin(cors, origin)) return denied(cors)
  return ['access-control-allow-origin', cors.any ? '*' : (origin ?? '*')].concat(cors.actual)
}

const NO_FIELDS: readonly string[] = Object.freeze([])
const VARY: readonly string[] = Object.freeze(['vary', 'origin'])

function denied(cors: PreparedCors): readonly string[] {
  return cors.any ? NO_FIELDS : VARY
}

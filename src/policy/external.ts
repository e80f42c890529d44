/**
 * `external` without the sockets: what a service is asked about a request, which questions are equal, and what its
 * answer means.
 */
import { hash } from 'node:crypto'
import type { ExternalPlan } from '../plan/external.ts'
import type { RequestView } from '../request.ts'
import { isFieldValue } from './encoding.ts'
import { type Hop, tellOrigin } from './request-headers.ts'

/** A longer Location or challenge is not passed on. */
const LONGEST_PASSED = 4096

/** What a service decided; frozen, because equal questions share it. */
export interface Decision {
  /** `none`: no decision, `reason` says why. */
  readonly kind: 'admit' | 'unidentified' | 'deny' | 'redirect' | 'none'
  /** Flat name, value pairs: of an `admit` what the upstream gets; else what the client may be told. */
  readonly fields: readonly string[]
  /** For the owner's log. */
  readonly reason: string
  /** The service forbids keeping it, or it is none. */
  readonly keep: boolean
}

/** A question: its fields, and what stands for all of them but the ids that no decision depends on. */
export interface Question {
  /** Flat name, value pairs, `host` first. */
  readonly headers: string[]
  /** Equal for two questions exactly when everything the service is told is equal. '' when nothing is cached. */
  readonly key: string
}

/**
 * @param hop `host` is the service's
 * @param query without the credentials that are not forwarded
 */
export function questionOf(plan: ExternalPlan, view: RequestView, hop: Hop, query: string): Question {
  const { names, values } = view.headers
  const headers = ['host', hop.host]
  for (let i = 0; i < names.length; i++) {
    const name = names[i] ?? ''
    if (plan.headers.includes(name)) headers.push(name, values[i] ?? '')
  }
  headers.push(...hop.identity.list)
  const uri = query === '' ? view.path : `${view.path}?${query}`
  headers.push('x-forwarded-method', view.method, 'x-forwarded-uri', uri)
  tellOrigin(headers, view, hop)
  const key = plan.cache === null ? '' : keyOf(plan, headers)
  headers.push('x-request-id', view.id, 'traceparent', hop.traceparent)
  return { headers, key }
}

/**
 * A digest: credentials are among the fields, and need not lie in memory longer than the question. No field holds a
 * line break, so two different lists never make one text.
 */
function keyOf(plan: ExternalPlan, headers: readonly string[]): string {
  const policy = `${plan.url}\n${plan.copyBack.join(',')}\n${plan.cache}`
  return hash('sha256', `${policy}\n${headers.join('\n')}`, 'base64')
}

/** `headers` flat, names lower-case, as the transport gives them. */
export function decisionOf(plan: ExternalPlan, status: number, headers: readonly string[]): Decision {
  const keep = !forbidsKeeping(headers)
  const reason = `${plan.url} answered ${status}`
  if (status >= 200 && status < 300) {
    const fields = copied(plan, headers)
    return fields === null
      ? noDecision(`${reason} with a header that can't be passed on`)
      : Object.freeze({ kind: 'admit', fields, reason, keep })
  }
  if (status === 401)
    return Object.freeze({ kind: 'unidentified', fields: passed(headers, 'www-authenticate'), reason, keep })
  if (REDIRECTS.includes(status)) {
    const location = passed(headers, 'location')
    if (location.length !== 2) return noDecision(`${reason} without one usable Location`)
    // Where to log in names this very request: the next one has its own.
    return Object.freeze({ kind: 'redirect', fields: location, reason, keep: false })
  }
  // 408 and 429 speak of the service's own state, not of the request it was asked about.
  if (status >= 400 && status < 500 && status !== 408 && status !== 429)
    return Object.freeze({ kind: 'deny', fields: NO_FIELDS, reason, keep: keep && status === 403 })
  return noDecision(reason)
}

const REDIRECTS: readonly number[] = [301, 302, 303, 307, 308]
const NO_FIELDS: readonly string[] = Object.freeze([])

export function noDecision(reason: string): Decision {
  return Object.freeze({ kind: 'none', fields: NO_FIELDS, reason, keep: false })
}

function forbidsKeeping(headers: readonly string[]): boolean {
  for (let i = 0; i < headers.length; i += 2)
    if (headers[i] === 'cache-control' && (headers[i + 1] ?? '').toLowerCase().includes('no-store')) return true
  return false
}

function copied(plan: ExternalPlan, headers: readonly string[]): readonly string[] | null {
  const fields: string[] = []
  for (let i = 0; i < headers.length; i += 2) {
    const name = headers[i] ?? ''
    const value = headers[i + 1] ?? ''
    if (!plan.copyBack.includes(name)) continue
    if (!isFieldValue(value)) return null
    fields.push(name, value)
  }
  return fields
}

function passed(headers: readonly string[], wanted: string): readonly string[] {
  const fields: string[] = []
  for (let i = 0; i < headers.length; i += 2) {
    const value = headers[i + 1] ?? ''
    if (headers[i] === wanted && value.length <= LONGEST_PASSED && isFieldValue(value)) fields.push(wanted, value)
  }
  return fields
}

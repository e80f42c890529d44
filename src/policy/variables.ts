import type { Places } from '../plan/auth.ts'
import type { RequestView } from '../request.ts'
import { cookieValue, withoutCookies } from './cookie.ts'
import { decodePercent } from '../percent.ts'
import { MALFORMED, queryParameter, queryParameters, TWICE } from './query.ts'
import { Fault, spend } from './fault.ts'

/** The variables of a rule: their CEL types, and where each is read from. */

/** What one evaluation reads from. One object per thread, filled anew for each evaluation. */
export interface Scope {
  view: RequestView
  /** ms since the epoch. */
  now: number
  /** Iteration variables of the macros under way, by slot. */
  readonly slots: unknown[]
}

export type Read = (scope: Scope) => unknown

/** What a rule may name besides the fixed variables, and what it may not see. */
export interface Surroundings {
  /** The route's `{x}`, usable as `path.x`. */
  readonly path: readonly string[]
  readonly host: readonly string[]
  /** Where the route's `auth` reads credentials: absent from `request.headers` and `query`. */
  readonly hidden: Places
  /** Whether rules may ask for `body`: it fits a schema by the time they are judged. */
  readonly body: boolean
}

interface Field {
  readonly type: string
  read(view: RequestView): unknown
}

const OPEN_MAP = 'map<string, dyn>'
export const TEXT_MAP = 'map<string, string>'

/** Variables with a fixed set of fields. A field that nothing fills is '' or empty, never missing. */
export const FIELDS: Readonly<Record<string, Readonly<Record<string, Field>>>> = {
  request: {
    method: { type: 'string', read: (view) => view.method },
    host: { type: 'string', read: (view) => view.host },
    path: { type: 'string', read: (view) => view.path },
    scheme: { type: 'string', read: (view) => view.scheme },
    id: { type: 'string', read: (view) => view.id },
    listener: { type: 'string', read: (view) => view.listener },
    size: { type: 'int', read: (view) => BigInt(view.size) }
  },
  caller: {
    method: { type: 'string', read: (view) => view.caller.method },
    subject: { type: 'string', read: (view) => view.caller.subject },
    issuer: { type: 'string', read: (view) => view.caller.issuer },
    credential: { type: 'string', read: (view) => view.caller.credential },
    groups: { type: 'list<string>', read: (view) => view.caller.groups },
    scopes: { type: 'list<string>', read: (view) => view.caller.scopes },
    attributes: { type: OPEN_MAP, read: (view) => view.caller.attributes }
  },
  consumer: { name: { type: 'string', read: (view) => view.caller.consumer } },
  client: { ip: { type: 'string', read: (view) => view.clientIp } }
}

/** `client.certificate`: what the connection's client certificate says; empty when there is none. */
export const CERTIFICATE_FIELDS: Readonly<Record<string, Field>> = {
  subject: { type: 'string', read: (view) => view.clientCertificate?.subject ?? '' },
  sans: { type: 'list<string>', read: (view) => view.clientCertificate?.sans ?? NO_NAMES },
  fingerprint: { type: 'string', read: (view) => view.clientCertificate?.fingerprint ?? '' }
}
const NO_NAMES: readonly string[] = Object.freeze([])

/** Variables that are maps as a whole. */
export const MAPS: Readonly<Record<string, string>> = {
  claims: OPEN_MAP,
  query: TEXT_MAP,
  path: TEXT_MAP,
  host: TEXT_MAP
}

/** Of any type, so a rule compares what it reads of it. */
export const BODY = 'body'

/** Those whose value is the same for every request of one verified credential. */
export const CALLER_ONLY: readonly string[] = ['caller', 'claims', 'consumer']

const SENT_TWICE = new Fault('the query parameter was sent twice')
const UNDECODABLE = new Fault('the query string has broken percent-encoding')
const NO_BODY = new Fault('the request has no body')
const NO_TEXT = new Fault('the path value is not UTF-8')

/** `request.headers[name]` for a name known at load; undefined: absent. */
export function headerRead(name: string, hidden: Places): Read {
  if (hidden.header.includes(name)) return () => undefined
  if (name === 'cookie' && hidden.cookie.length > 0) return ({ view }) => visibleCookies(view, hidden)
  return ({ view }) => {
    spend(1 + (view.headers.length >>> 2))
    return view.headers.joined(name)
  }
}

export function headersRead(hidden: Places): Read {
  return ({ view }) => {
    const all = new Map<string, string>()
    const { names } = view.headers
    spend(names.length << 2)
    for (let i = 0; i < names.length; i++) {
      const name = names[i] ?? ''
      if (all.has(name) || hidden.header.includes(name)) continue
      const value = name === 'cookie' ? visibleCookies(view, hidden) : view.headers.joined(name)
      if (value !== undefined) all.set(name, value)
    }
    return all
  }
}

/** Without the cookies that carry credentials; undefined when no other is left. */
function visibleCookies(view: RequestView, hidden: Places): string | undefined {
  const header = view.headers.joined('cookie')
  if (header === undefined) return undefined
  spend(1 + (header.length >>> 3))
  if (!hidden.cookie.some((name) => cookieValue(header, name) !== undefined)) return header
  const rest = withoutCookies(header, hidden.cookie)
  return rest === '' ? undefined : rest
}

/** `query[name]` for a name known at load. A parameter sent twice is a fault, not a choice. */
export function parameterRead(name: string, hidden: Places): Read {
  if (hidden.query.includes(name)) return () => undefined
  return ({ view }) => {
    if (view.query === '') return undefined
    spend(1 + (view.query.length >>> 4))
    const value = queryParameter(view.query, name)
    if (value === TWICE) throw SENT_TWICE
    if (value === MALFORMED) throw UNDECODABLE
    return value
  }
}

export function parametersRead(hidden: Places): Read {
  return ({ view }) => {
    spend(1 + (view.query.length >>> 2))
    const all = queryParameters(view.query)
    if (all === TWICE) throw SENT_TWICE
    if (all === MALFORMED) throw UNDECODABLE
    for (const name of hidden.query) all.delete(name)
    return all
  }
}

export function pathRead(name: string): Read {
  return ({ view }) => {
    const encoded = view.pathParam(name)
    if (encoded === undefined || !encoded.includes('%')) return encoded
    const value = decodePercent(encoded)
    if (value === undefined) throw NO_TEXT
    return value
  }
}

/** What a JSON body holds, in the terms of claims: numbers are doubles. */
export const contentRead: Read = ({ view }) => {
  if (view.content === undefined) throw NO_BODY
  return view.content
}

export function hostRead(name: string): Read {
  return ({ view }) => view.hostParam(name)
}

/** The map of all `names` that have a value. */
export function namedRead(names: readonly string[], reader: (name: string) => Read): Read {
  const reads = names.map((name) => [name, reader(name)] as const)
  return (scope) => {
    const all = new Map<string, unknown>()
    for (const [name, read] of reads) {
      const value = read(scope)
      if (value !== undefined) all.set(name, value)
    }
    return all
  }
}

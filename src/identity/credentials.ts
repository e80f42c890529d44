/**
 * Finding the credential that a request presents, in the places that its route reads. One request presents at most one
 * token and one key: of two that differ, an upstream or a log might believe the other one, so both are refused.
 */
import type { HeaderList } from '../headers.ts'
import { decodePercent } from '../percent.ts'
import type { AuthPlan, Places } from '../plan/auth.ts'

/** Something stands where a credential belongs, and it can't be one. */
export interface BadCredential {
  readonly reason: string
}

/** The credential; null: nothing is presented. */
export type Found = string | null | BadCredential

const NO_TOKEN = bad('the Bearer scheme comes without a token')
const SPACES = bad('more than one space stands before the token')
const EMPTY = bad('the credential is empty')
const SENT_TWICE = bad('a header that carries a credential is sent twice')
const DIFFERENT = bad('two different credentials of one kind are presented')
const ENCODING = bad('the credential in the query is not well percent-encoded')

/** Whether the token in `Authorization` comes with a proof of possession (RFC 9449 section 7.1). */
export function usesDpop(headers: HeaderList): boolean {
  const value = headers.get('authorization')
  return value !== undefined && hasScheme(value, 'dpop')
}

/** A token: `Authorization: Bearer …` or `DPoP …`, another header (bare, or as Bearer), a cookie or a query parameter. */
export function findToken(places: Places, headers: HeaderList, query: string): Found {
  return find(places, headers, query, readToken)
}

/**
 * An API key. In `Authorization` it stands bare or behind `ApiKey` or `Bearer`; `bearerIsToken`: what follows Bearer
 * there is looked at as a token instead.
 */
export function findKey(places: Places, headers: HeaderList, query: string, bearerIsToken: boolean): Found {
  return find(places, headers, query, bearerIsToken ? readKeyBesideTokens : readKey)
}

function find(
  places: Places,
  headers: HeaderList,
  query: string,
  read: (header: string, value: string) => Found
): Found {
  let found: Found = null
  for (const name of places.header) {
    const value = headers.get(name)
    if (value !== undefined) found = join(found, headers.count(name) > 1 ? SENT_TWICE : read(name, value))
  }
  for (const name of places.cookie) found = join(found, findCookie(headers, name))
  if (query !== '') for (const name of places.query) found = join(found, findParameter(query, name))
  return found
}

/** What was found so far, and what another place says. */
function join(found: Found, next: Found): Found {
  if (next === null || found === next) return found
  if (next === '') return EMPTY
  if (found === null || typeof next !== 'string') return next
  return typeof found === 'string' ? DIFFERENT : found
}

function readToken(header: string, value: string): Found {
  if (value === '') return EMPTY
  if (hasScheme(value, 'bearer')) return afterScheme(value, 6)
  if (header === 'authorization' && hasScheme(value, 'dpop')) return afterScheme(value, 4)
  // Another scheme is another method's business; elsewhere than in Authorization the token may stand bare.
  return header === 'authorization' ? null : value
}

function readKey(header: string, value: string): Found {
  if (header !== 'authorization' || value === '') return value
  if (hasScheme(value, 'apikey') || hasScheme(value, 'bearer')) return afterScheme(value, 6)
  return value.includes(' ') ? null : value
}

function readKeyBesideTokens(header: string, value: string): Found {
  return header === 'authorization' && hasScheme(value, 'bearer') ? null : readKey(header, value)
}

/** `scheme`: lower-case letters. RFC 9110 section 11.1: compared without regard to case. */
function hasScheme(value: string, scheme: string): boolean {
  const { length } = scheme
  if (value.length < length || (value.length > length && value.charCodeAt(length) !== 0x20)) return false
  for (let i = 0; i < length; i++) if ((value.charCodeAt(i) | 0x20) !== scheme.charCodeAt(i)) return false
  return true
}

function afterScheme(value: string, length: number): Found {
  if (value.length <= length + 1) return NO_TOKEN
  return value.charCodeAt(length + 1) === 0x20 ? SPACES : value.slice(length + 1)
}

/** Over all `Cookie` fields, by RFC 6265 section 4.1: a name may come twice only with the same value. */
function findCookie(headers: HeaderList, name: string): Found {
  let found: Found = null
  const { names, values } = headers
  for (let i = names.indexOf('cookie'); i >= 0; i = names.indexOf('cookie', i + 1)) {
    const cookies = values[i] ?? ''
    for (let start = 0; start < cookies.length;) {
      const end = endOf(cookies, ';', start)
      const from = skipBlanks(cookies, start, end)
      if (cookies.startsWith(name, from) && cookies.charCodeAt(from + name.length) === 0x3d) {
        found = join(found, cookieValue(cookies, from + name.length + 1, end))
      }
      start = end + 1
    }
  }
  return found
}

function cookieValue(cookies: string, start: number, end: number): string {
  while (end > start && isBlank(cookies.charCodeAt(end - 1))) end--
  const quoted = end - start >= 2 && cookies.charCodeAt(start) === 0x22 && cookies.charCodeAt(end - 1) === 0x22
  return quoted ? cookies.slice(start + 1, end - 1) : cookies.slice(start, end)
}

function findParameter(query: string, name: string): Found {
  let found: Found = null
  for (let start = 0; start <= query.length;) {
    const end = endOf(query, '&', start)
    const equals = query.indexOf('=', start)
    const nameEnd = equals < 0 || equals > end ? end : equals
    if (parameterName(query, start, nameEnd) === name) {
      // A plus stays a plus: no credential holds a space, and keys in base64 hold pluses.
      const value = decodePercent(nameEnd === end ? '' : query.slice(nameEnd + 1, end))
      found = join(found, value ?? ENCODING)
    }
    start = end + 1
  }
  return found
}

/** Decoded, so that an encoded spelling of the name is found, and taken out, like the plain one. */
function parameterName(query: string, start: number, end: number): string {
  const raw = query.slice(start, end)
  return raw.includes('%') ? (decodePercent(raw) ?? raw) : raw
}

/** Every place that a route's `auth` reads; a public route reads none. */
export function placesRead(plan: AuthPlan): Places {
  const read = plan.public ? [] : [plan.jwt, plan.key].filter((places) => places !== null)
  const headers = [
    ...read.flatMap((places) => places.header),
    ...(plan.basic ? ['authorization'] : []),
    ...(plan.signature ? ['signature', 'signature-input'] : [])
  ]
  // A proof of possession is half of a credential.
  if (!plan.public && plan.jwt !== null) headers.push('dpop')
  return {
    header: [...new Set(headers)],
    cookie: [...new Set(read.flatMap((places) => places.cookie))],
    query: [...new Set(read.flatMap((places) => places.query))]
  }
}

/** Index of the next `mark` at or after `start`, or the end of the text. */
function endOf(text: string, mark: string, start: number): number {
  const at = text.indexOf(mark, start)
  return at < 0 ? text.length : at
}

function skipBlanks(text: string, start: number, end: number): number {
  while (start < end && isBlank(text.charCodeAt(start))) start++
  return start
}

function isBlank(char: number): boolean {
  return char === 0x20 || char === 0x09
}

function bad(reason: string): BadCredential {
  return Object.freeze({ reason })
}

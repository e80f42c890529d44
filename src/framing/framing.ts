import { IDENTITY_FIELDS } from '../field-names.ts'
import type { HeaderList } from '../headers.ts'
import { refuse, type ProblemCode, type Refusal } from '../problems.ts'
import { methodBit } from '../method.ts'
import { normalisePath, pathFault } from '../path.ts'
import { readHost, type HostField } from './host-field.ts'
import { type Allowed, TextBytes } from '../text-bytes.ts'
import { KnownGood } from './known-good.ts'

/** What a well-formed request head says about itself. Made once per exchange and filled by `checkFraming`. */
export class Framing implements HostField {
  /** Normal form (path.ts): what is matched and forwarded. */
  path = ''
  host = ''
  port = -1
  /** The Host field as received. */
  authority = ''
  /** Bytes of the body: 0 for none, -1 for chunked. A chunked request's connection is single-use: close it after the answer. */
  bodyLength = 0
  /** The client asked for the connection to be closed after the answer; the parser sees only the bare word. */
  closes = false
  /** Lower-case names in the Connection field, null where it is the usual one: what they name ends with this connection. */
  named: readonly string[] | null = null
  /** Fields dropped for an `_` in their name. */
  dropped = 0
}

/** RFC 9110 gives a body of these no meaning; one sent in chunks is how smuggling is tried. */
const BODILESS =
  methodBit('GET') |
  methodBit('HEAD') |
  methodBit('DELETE') |
  methodBit('OPTIONS') |
  methodBit('CONNECT') |
  methodBit('TRACE')

/**
 * Fields a client may not declare connection-local: the next hop would remove what was vetted or added here
 * (CVE-2026-6338).
 */
const END_TO_END: ReadonlySet<string> = new Set([
  'host',
  'content-length',
  'transfer-encoding',
  'content-type',
  'content-encoding',
  'expect',
  'authorization',
  'proxy-authorization',
  'cookie',
  'origin',
  'x-api-key',
  ...IDENTITY_FIELDS,
  'tracestate',
  'forwarded',
  'x-forwarded-port',
  'x-real-ip'
])

/**
 * Everything about an HTTP/1.1 request head that the parser in front lets through and no service should see. Pure; runs
 * before anything else looks at the request.
 *
 * Removes fields with `_` in their name from `headers`: services that read fields as CGI variables can't tell them from
 * those with `-`, and would take `x_consumer` for ours.
 *
 * @param method as received, case-sensitive
 * @param path the request target up to the `?`
 * @param query what follows the `?`, '' for none
 * @returns null when `into` is filled, or the refusal. Each closes the connection: if one part of a head is not what it
 *   claims, where the next request starts isn't known either.
 */
export function checkFraming(
  method: string,
  path: string,
  query: string,
  headers: HeaderList,
  options: { readonly chunked: 'accept' | 'refuse' },
  into: Framing
): Refusal | null {
  const bit = methodBit(method)
  if (bit === 0) return no('unknown-method', 'the method is none of RFC 9110 and PATCH')
  const normal = normalisePath(path)
  if (normal === null) return no('bad-path', pathFault(path))
  const queryFault = faultOfQuery(query)
  if (queryFault !== '') return no('malformed', queryFault)

  let hosts = 0
  let lengths = 0
  let codings = 0
  let length = 0
  let upgrade = false
  let closes = false
  let named: readonly string[] | null = null
  let dropped = 0
  for (let i = 0; i < headers.length; i++) {
    const name = headers.names[i] ?? ''
    const value = headers.values[i] ?? ''
    if (!NAMES.passes(name)) {
      if (name === '') return no('malformed', 'a header field has no name')
      if (!isToken(name, true))
        return no('malformed', 'a header field name holds a character that is not allowed in one')
      dropped++
      continue
    }
    if (!VALUES.passes(value)) return no('malformed', `${name} holds a byte outside tab and 0x20-0x7E`)
    switch (name.length) {
      case 4:
        if (name === 'host') {
          hosts++
          into.authority = value
        }
        break
      case 6:
        if (name === 'expect') {
          if (!equalsIgnoringCase(value, '100-continue'))
            return no('expectation-failed', 'Expect asks for something else than 100-continue')
        }
        break
      case 7:
        if (name === 'upgrade') upgrade = true
        break
      case 10:
        if (name === 'connection' && !equalsIgnoringCase(value, 'keep-alive')) {
          const options = optionsOf(value)
          const fault = options.find((name) => END_TO_END.has(name))
          if (fault !== undefined) return no('malformed', `Connection names ${fault}, which is not the connection's`)
          closes ||= options.includes('close')
          named = named === null ? options : [...named, ...options]
        }
        break
      case 14:
        if (name === 'content-length') {
          if (++lengths > 1) return no('malformed', 'Content-Length stands more than once')
          length = readLength(value)
          if (length < 0) return no('malformed', 'Content-Length is not 1 to 15 digits')
        }
        break
      case 17:
        if (name === 'transfer-encoding') {
          if (++codings > 1) return no('malformed', 'Transfer-Encoding stands more than once')
          if (!equalsIgnoringCase(value, 'chunked')) return no('malformed', 'Transfer-Encoding is not exactly chunked')
        }
        break
    }
  }

  if (codings > 0) {
    if (lengths > 0) return no('malformed', 'Transfer-Encoding and Content-Length together')
    if ((bit & BODILESS) !== 0) return no('malformed', `a chunked body on ${method}`)
    if (options.chunked === 'refuse') return no('length-required', 'a chunked body, which client.chunked refuses')
    length = -1
  }
  if (length !== 0 && upgrade) return no('malformed', 'Upgrade on a request with a body')
  // RFC 9110 section 9.3.8: TRACE carries no content.
  if (length !== 0 && method === 'TRACE') return no('malformed', 'a body on TRACE')
  if (hosts !== 1) return no('malformed', hosts === 0 ? 'no Host field' : 'Host stands more than once')
  if (!readHost(into.authority, into)) return no('malformed', 'Host is no host name or address with an optional port')

  if (dropped > 0) dropUnderscored(headers)
  into.path = normal
  into.bodyLength = length
  into.closes = closes
  into.named = named
  into.dropped = dropped
  return null
}

function no(code: ProblemCode, reason: string): Refusal {
  return refuse(code, 'framing', reason, { close: true })
}

function faultOfQuery(query: string): string {
  for (let i = 0; i < query.length; i++) {
    const c = query.charCodeAt(i)
    if (c < 0x21 || c > 0x7e) return 'a byte outside 0x21-0x7E in the query'
    if (c === 0x23 || c === 0x5c) return `a raw ${c === 0x23 ? '#' : 'backslash'} in the query`
    if (c === 0x25 && query.startsWith('00', i + 1)) return 'an encoded NUL in the query'
  }
  return ''
}

function optionsOf(connection: string): string[] {
  return connection
    .toLowerCase()
    .split(',')
    .map((option) => option.trim())
}

/** Content-Length as a number; -1 when it isn't 1 to 15 digits, which all fit a double exactly. */
function readLength(value: string): number {
  if (value.length === 0 || value.length > 15) return -1
  let length = 0
  for (let i = 0; i < value.length; i++) {
    const digit = value.charCodeAt(i) - 0x30
    if (digit < 0 || digit > 9) return -1
    length = length * 10 + digit
  }
  return length
}

function dropUnderscored(headers: HeaderList): void {
  const { names, values } = headers
  let kept = 0
  for (let i = 0; i < names.length; i++) {
    const name = names[i] ?? ''
    if (name.includes('_')) continue
    names[kept] = name
    values[kept++] = values[i] ?? ''
  }
  names.length = kept
  values.length = kept
}

/** @param lower lower-case letters, digits and hyphens */
function equalsIgnoringCase(text: string, lower: string): boolean {
  return text === lower || (text.length === lower.length && text.toLowerCase() === lower)
}

/** tchar of RFC 9110 section 5.6.2. */
const TOKEN = new Uint8Array(0x7f)
for (const c of "!#$%&'*+-.^_`|~0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz")
  TOKEN[c.charCodeAt(0)] = 1

function isToken(name: string, underscores: boolean): boolean {
  for (let i = 0; i < name.length; i++) {
    const c = name.charCodeAt(i)
    if (c > 0x7e || TOKEN[c] === 0 || (c === 0x5f && !underscores)) return false
  }
  return name !== ''
}

function isCleanValue(value: string): boolean {
  // A slice of the whole is the string itself.
  for (let at = 0; at < value.length; at += SCRATCH) {
    if (scratch.put(value.slice(at, at + SCRATCH), 0, CLEAN) < 0) return false
  }
  return true
}

/** Where values are looked at as bytes, which is faster than as characters. */
const SCRATCH = 4096
const scratch = new TextBytes(SCRATCH)

/** Tab and 0x20-0x7E. */
const CLEAN: Allowed = { table: new Uint8Array(256).fill(1, 0x20, 0x7f).fill(1, 0x09, 0x0a), from: 0x20202020 }

const NAMES = new KnownGood((name) => isToken(name, false))
const VALUES = new KnownGood(isCleanValue)

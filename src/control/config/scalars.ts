/**
 * What the texts of a configuration must look like: one entry per kind, with the words for who must mend it. Long,
 * because it is one table with the rules that only it uses.
 */
import { isIP } from 'node:net'
import { parsePasswordHash } from '../../identity/password.ts'
import { parseKeyPart } from './key-parts.ts'
import {
  httpUrl,
  isLoopback,
  isToken,
  parseAddress,
  parseAddressSource,
  parseBandwidth,
  parseCidr,
  parseDate,
  parseDuration,
  parseInstant,
  parseQuota,
  parseRate,
  parseRedirect,
  parseRedisUrl,
  parseSize,
  parseUpstreamUrl
} from './units.ts'

interface Kind {
  /** Follows "expected ". */
  readonly expected: string
  /** A value that passes, for placeholders and examples. */
  readonly example: string
  /** What is wrong with `text`: '' for no more than `expected` says; null when it is right. */
  readonly check: (text: string) => string | null
  /** Never shown in a message: people put secrets there by mistake. */
  readonly hidden?: true
  /** A bare number needs a unit, not quotes. */
  readonly unit?: true
  /** For editors; the checker asks `check`. */
  readonly pattern?: string
}

const NAME = /^[a-z0-9][a-z0-9_-]{0,62}$/
const RESERVED = ['none', 'all', 'public']
const DAY = 86_400_000
/** Set by the gateway or meaningful for one connection only (RFC 9110 section 7.6.1): not for a configuration. */
const FRAMING = [
  'connection',
  'content-length',
  'transfer-encoding',
  'keep-alive',
  'upgrade',
  'te',
  'trailer',
  'proxy-connection',
  'expect',
  'host'
]

const when = (good: boolean) => (good ? null : '')
const matches = (pattern: RegExp) => (text: string) => when(pattern.test(text))

// oxlint-disable-next-line no-control-regex -- finding them is the point
const UNPRINTABLE = /[\u0000-\u0008\u000b-\u001f\u007f-\u009f]/
/** Bytes a header's value may hold (RFC 9110 section 5.5), as Latin-1. */
const FIELD_VALUE = /^[\x21-\x7e\x80-\xff](?:[\t\x20-\x7e\x80-\xff]*[\x21-\x7e\x80-\xff])?$/
const LABEL = /^(?!-)[A-Za-z0-9-]{1,63}(?<!-)$/
const PARAMETER = /^\{[A-Za-z][A-Za-z0-9_-]*\}$/

function plainText(text: string): string | null {
  if (text === '') return ', found an empty one'
  return UNPRINTABLE.test(text) ? ' without control characters' : null
}

function fieldValue(text: string): string | null {
  return when(FIELD_VALUE.test(text))
}

function headerName(text: string): string | null {
  if (!isToken(text)) return ''
  return text.includes('_') ? `: ${JSON.stringify(text)} has a "_", and requests’ headers with one are dropped` : null
}

/** A header that a configuration may change. */
function changedHeader(text: string): string | null {
  if (!isToken(text)) return ''
  const name = text.toLowerCase()
  if (FRAMING.includes(name)) return `: ${name} is the gateway’s own to set`
  return null
}

function hostName(text: string): string | null {
  if (isIP(text) !== 0) return null
  if (/[^\x21-\x7e]/.test(text)) return ' in ASCII (xn--… for other letters)'
  if (/^[^:/]+:\d+$/.test(text)) return ' without a port'
  const labels = text.split('.')
  return when(text.length <= 253 && labels.every((label) => LABEL.test(label)))
}

function hostOrWildcard(text: string): string | null {
  return hostName(text.startsWith('*.') ? text.slice(2) : text)
}

function hostPattern(text: string): string | null {
  const dot = text.indexOf('.')
  return hostName(dot > 0 && PARAMETER.test(text.slice(0, dot)) ? text.slice(dot + 1) : text.replace(/^\*\./, ''))
}

function plainPath(text: string): string | null {
  const bad = pathFault(text)
  if (bad !== null) return bad
  return /[{}*]/.test(text) ? ' without { } and *' : null
}

/** What is wrong with `text` as the path of a url; patterns included. */
function pathFault(text: string): string | null {
  if (!text.startsWith('/')) return ''
  if (/[?#]/.test(text)) return ' without ? and #'
  if (!/^[\x21-\x7e]+$/.test(text) || text.includes('\\')) return ' in printable ASCII (other characters %-encoded)'
  if (/%(?![0-9A-Fa-f]{2})/.test(text)) return ': a "%" is followed by two hex digits'
  if (text.includes('//')) return ': "//" becomes "/" before matching, so this would never match'
  const dots = text.split('/').find((segment) => segment === '.' || segment === '..')
  return dots === undefined ? null : `: ${JSON.stringify(dots)} is resolved before matching, so this would never match`
}

function pathPattern(text: string): string | null {
  const bad = pathFault(text)
  if (bad !== null) return bad
  const segments = text.slice(1).split('/')
  const names = new Set<string>()
  for (const [i, segment] of segments.entries()) {
    if (segment === '*') {
      if (i < segments.length - 1) return ': "*" stands for the rest and must come last'
    } else if (segment.includes('*')) return `: "*" is a whole segment, found ${JSON.stringify(segment)}`
    else if (PARAMETER.test(segment)) {
      if (names.has(segment)) return `: ${segment} stands in it twice`
      names.add(segment)
    } else if (/[{}]/.test(segment))
      return `: {x} is a whole segment with a name of letters, digits, "_" and "-", found ${JSON.stringify(segment)}`
  }
  return null
}

function jwks(text: string): string | null {
  if (!text.includes('://')) return plainText(text)
  const url = httpUrl(text)
  if (url === null) return ''
  return url.protocol === 'https:' || isLoopback(url) ? null : ': keys are fetched over https, or http on loopback'
}

function endpoint(text: string): string | null {
  const url = httpUrl(text)
  if (url === null) return ''
  if (text.includes('#')) return ' without fragment'
  return url.protocol === 'https:' || isLoopback(url)
    ? null
    : ': secrets are sent there, over https, or http on loopback'
}

function upstreamUrl(text: string): string | null {
  if (parseUpstreamUrl(text) !== null) return null
  if (/^https?:\/\/[^/]*@/.test(text)) return ' without user and password'
  return /^https?:\/\/[^/?#]+.*[?#]/.test(text) ? ' without query and fragment' : ''
}

/** Matched exactly, so a wildcard would match only itself. */
function alternativeName(text: string): string | null {
  const colon = text.indexOf(':')
  const value = text.slice(colon + 1)
  switch (text.slice(0, Math.max(colon, 0))) {
    case 'DNS':
      return value.startsWith('*.') ? ' without a wildcard' : hostName(value)
    case 'IP':
      return isIP(value) === 0 ? ': no IP address follows "IP:"' : null
    case 'URI':
      return when(/^[A-Za-z][A-Za-z0-9+.-]*:[\x21-\x7e]+$/.test(value))
    case 'email':
      return when(/^[\x21-\x7e]+@[\x21-\x7e]+$/.test(value))
    default:
      return ''
  }
}

function logTarget(text: string): string | null {
  if (['stdout', 'stderr', 'none'].includes(text)) return null
  // A misspelt word must not become a file of that name.
  return /[/.]/.test(text) ? plainText(text) : ' (a path has a "/" or a "." in it)'
}

function cidr(text: string): string | null {
  const block = parseCidr(text)
  if (block === null) return ''
  return block.exact ? null : `: ${text} has bits set beyond its first ${block.bits}`
}

function claim(text: string): string | null {
  if (text.startsWith('/') && /~(?![01])/.test(text)) return ': in a JSON Pointer "~" is written ~0 and "/" ~1'
  return plainText(text)
}

function origin(text: string): string | null {
  if (text === '*') return null
  const match = /^([a-z][a-z0-9+.-]*):\/\/(.+?)(?::\d{1,5})?$/.exec(text)
  if (match === null) return ''
  const host = match[2] ?? ''
  if (host.endsWith('/')) return ' without a final "/"'
  return host.startsWith('[') ? when(isIP(host.slice(1, -1)) === 6) : hostOrWildcard(host)
}

function by(text: string): string | null {
  const parsed = parseKeyPart(text)
  return 'reason' in parsed ? `: ${parsed.reason}` : null
}

function durationUpTo(least: number, most: number) {
  return (text: string) => {
    const value = parseDuration(text)
    if (value === null) return ''
    if (value < least) return ' longer than zero'
    return value <= most ? null : ` of at most ${most / 3_600_000}h`
  }
}

function requestUrl(text: string): string | null {
  if (!/^https?:\/\//.test(text)) return ''
  if (!URL.canParse(text)) return ', found one that can’t be read'
  const { username, password, hash } = new URL(text)
  if (username !== '' || password !== '') return ' without user and password: clients send those as a header'
  return hash === '' ? null : ' without "#": clients keep what follows it to themselves'
}

const DURATION = '^\\d{1,9}(ms|s|m|min|h|d)$'

const KINDS = {
  text: { expected: 'a text', example: 'x', check: plainText },
  name: {
    expected: 'a name of a-z, 0-9, "_" and "-" (1 to 63, a letter or digit first)',
    example: 'x',
    check: (text) => (RESERVED.includes(text) ? `: ${JSON.stringify(text)} is reserved` : when(NAME.test(text))),
    pattern: NAME.source
  },
  'listener-name': {
    expected: 'a name of a-z, 0-9, "_" and "-" (1 to 63, a letter or digit first)',
    example: 'x',
    check: matches(NAME),
    pattern: NAME.source
  },
  'consumer-name': {
    expected: 'a name of 1 to 128 printable characters without space',
    example: 'x',
    check: (text) =>
      RESERVED.includes(text) ? `: ${JSON.stringify(text)} is reserved` : when(/^[^\p{C}\p{Z}]{1,128}$/u.test(text))
  },
  label: {
    expected: '1 to 128 printable characters without space',
    example: 'x',
    check: matches(/^[^\p{C}\p{Z}]{1,128}$/u)
  },
  'label-name': {
    expected: 'a label’s name: letters, digits and "_", not a digit first, not "__"',
    example: 'x',
    check: matches(/^(?!__)[A-Za-z_][A-Za-z0-9_]*$/),
    pattern: '^(?!__)[A-Za-z_][A-Za-z0-9_]*$'
  },
  group: { expected: 'a group’s name', example: 'x', check: plainText },
  scope: {
    expected: 'a scope: printable ASCII without space, quote and backslash',
    example: 'x',
    check: matches(/^[\x21\x23-\x5b\x5d-\x7e]+$/)
  },
  attribute: {
    expected: 'an attribute’s name, without space',
    example: 'x',
    check: matches(/^[^\p{C}\p{Z}]{1,128}$/u)
  },
  claim: { expected: 'a claim’s name', example: 'x', check: claim },
  duration: {
    expected: 'a duration such as 250ms, 10s, 5m, 1h or 7d',
    example: '1s',
    check: durationUpTo(1, Number.POSITIVE_INFINITY),
    unit: true,
    pattern: DURATION
  },
  'duration-or-zero': {
    expected: 'a duration such as 0s, 30s or 5m',
    example: '1s',
    check: durationUpTo(0, Number.POSITIVE_INFINITY),
    unit: true,
    pattern: DURATION
  },
  timeout: {
    expected: 'a duration such as 250ms, 10s or 5m',
    example: '1s',
    check: durationUpTo(1, DAY),
    unit: true,
    pattern: DURATION
  },
  interval: {
    expected: 'a duration from 1s to 1h',
    example: '1s',
    check: (text) => {
      const value = parseDuration(text)
      return when(value !== null && value >= 1_000 && value <= 3_600_000)
    },
    unit: true,
    pattern: DURATION
  },
  size: {
    expected: 'a size such as 512b, 64kb, 1mb or 2gb',
    example: '1mb',
    check: (text) => when(parseSize(text) !== null),
    unit: true,
    pattern: '^\\d{1,12}(b|kb|mb|gb)$'
  },
  rate: {
    expected: 'a rate such as 100/s, 1000/min, 10/10s or 5000/h',
    example: '1/s',
    check: (text) => when(parseRate(text) !== null),
    unit: true,
    pattern: '^\\d{1,10}/\\d{0,9}(ms|s|m|min|h|d)$'
  },
  'rate-or-none': {
    expected: 'a rate such as 100/s or 1000/min, or none',
    example: '1/s',
    check: (text) => when(text === 'none' || parseRate(text) !== null),
    unit: true,
    pattern: '^(none|\\d{1,10}/\\d{0,9}(ms|s|m|min|h|d))$'
  },
  bandwidth: {
    expected: 'a bandwidth such as 64kb/s or 1mb/s',
    example: '1mb/s',
    check: (text) => when(parseBandwidth(text) !== null),
    unit: true,
    pattern: '^\\d{1,12}(b|kb|mb|gb)/\\d{0,9}(ms|s|m|min|h|d)$'
  },
  quota: {
    expected: 'a quota such as 100000/month or 500/day',
    example: '1/day',
    check: (text) => when(parseQuota(text) !== null),
    unit: true,
    pattern: '^\\d{1,10}/(day|month)$'
  },
  'quota-or-none': {
    expected: 'a quota such as 100000/month or 500/day, or none',
    example: '1/day',
    check: (text) => when(text === 'none' || parseQuota(text) !== null),
    unit: true,
    pattern: '^(none|\\d{1,10}/(day|month))$'
  },
  date: {
    expected: 'a date such as 2027-01-01',
    example: '2099-01-01',
    check: (text) => when(parseDate(text) !== null)
  },
  time: {
    expected: 'a time such as 2027-01-31T12:00:00Z or 2027-01-31T12:00:00+01:00, or a date',
    example: '2027-01-31T12:00:00Z',
    check: (text) => when(parseInstant(text) !== null)
  },
  ip: {
    expected: 'an IP address',
    example: '192.0.2.1',
    check: (text) => when(isIP(text) !== 0)
  },
  method: {
    expected: 'a method such as GET, in capitals',
    example: 'GET',
    check: (text) => when(isToken(text) && text === text.toUpperCase())
  },
  'request-url': {
    expected: 'a whole url such as https://api.example.com/orders/7',
    example: 'http://x.invalid/',
    check: requestUrl,
    pattern: '^https?://'
  },
  cidr: {
    expected: 'a CIDR block such as 10.0.0.0/8 or 2001:db8::/32, or an address',
    example: '192.0.2.0/24',
    check: cidr
  },
  address: {
    expected: 'an IP address and a port such as "127.0.0.1:8080", "0.0.0.0:8443" or "[::]:8443"',
    example: '127.0.0.1:0',
    check: (text) => when(parseAddress(text) !== null)
  },
  'redis-url': {
    expected: 'a url such as redis://10.0.0.5:6379 or rediss://user:password@redis.internal:6380/0',
    example: 'redis://x.invalid:6379',
    check: (text) => when(parseRedisUrl(text) !== null),
    pattern: '^rediss?://'
  },
  'exchange-interval': {
    expected: 'a duration from 20ms to 10s',
    example: '1s',
    check: durationUpTo(20, 10_000),
    unit: true,
    pattern: DURATION
  },
  'decision-timeout': {
    expected: 'a duration from 5ms to 5s',
    example: '1s',
    check: durationUpTo(5, 5000),
    unit: true,
    pattern: DURATION
  },
  'store-prefix': {
    expected: '1 to 64 letters, digits, "_", "-", "." and ":"',
    example: 'x',
    check: matches(/^[\w.:-]{1,64}$/),
    pattern: '^[A-Za-z0-9_.:-]{1,64}$'
  },
  'address-source': {
    expected: 'connection, x-forwarded-for, forwarded, proxy-protocol or header:NAME',
    example: 'connection',
    check: (text) => when(parseAddressSource(text) !== null)
  },
  redirect: {
    expected: 'https or https:PORT',
    example: 'https:443',
    check: (text) => when(parseRedirect(text) !== null)
  },
  host: {
    expected: 'a host name such as api.example.com or *.example.com',
    example: 'x.invalid',
    check: hostOrWildcard
  },
  'host-pattern': {
    expected: 'a host name such as api.example.com, *.example.com or {tenant}.example.com',
    example: 'x.invalid',
    check: hostPattern
  },
  'plain-path': { expected: 'a path that starts with "/"', example: '/x', check: plainPath },
  'path-pattern': { expected: 'a path such as /orders, /orders/{id} or /files/*', example: '/x', check: pathPattern },
  rewrite: { expected: 'a path such as /v2/orders/{id} or /v2/{*}', example: '/x', check: pathFault },
  path: { expected: 'a path', example: 'x', check: plainText },
  document: {
    expected: 'a path, or PEM text',
    example: 'x',
    check: (text) => (text.includes('-----BEGIN ') ? null : plainText(text)),
    hidden: true
  },
  jwks: { expected: 'a url or a path', example: 'x', check: jwks },
  endpoint: {
    expected: 'a url such as https://idp.example.com/introspect',
    example: 'https://x.invalid/x',
    check: endpoint,
    pattern: '^https?://'
  },
  'service-url': {
    expected: 'a url such as http://10.0.0.5:8080/base',
    example: 'http://x.invalid:80',
    check: upstreamUrl,
    pattern: '^https?://'
  },
  'target-url': {
    expected: 'a url such as http://10.0.0.5:8080',
    example: 'http://x.invalid:80',
    check: (text) => upstreamUrl(text) ?? (parseUpstreamUrl(text)?.basePath === '' ? null : ' without a path'),
    pattern: '^https?://'
  },
  'header-name': { expected: 'a header’s name', example: 'x', check: headerName },
  'changed-header': { expected: 'a header’s name', example: 'x', check: changedHeader },
  'header-value': { expected: 'a header’s value: printable, no space around it', example: 'x', check: fieldValue },
  'cookie-name': { expected: 'a cookie’s name', example: 'x', check: (text) => when(isToken(text)) },
  template: { expected: 'a header’s value: printable, no space around it', example: 'x', check: fieldValue },
  'body-template': {
    expected: 'a text',
    example: 'x',
    check: (text) => (UNPRINTABLE.test(text) ? ' without control characters' : null)
  },
  'media-type': {
    expected: 'a media type without parameters, such as application/json',
    example: 'x/x',
    check: (text) => when(text.split('/').length === 2 && text.split('/').every(isToken) && !text.includes('*'))
  },
  origin: {
    expected: 'an origin such as https://app.example.com or https://*.example.com, or "*"',
    example: '*',
    check: origin
  },
  by: { expected: 'one of by’s words', example: 'ip', check: by },
  'ban-by': {
    expected: 'one of by’s words, or account',
    example: 'ip',
    check: (text) => (text === 'account' ? null : by(text))
  },
  'key-hash': {
    expected: '"sha256:" and 64 lower-case hex digits (`gatehouse key create` prints both key and hash)',
    example: `sha256:${'0'.repeat(64)}`,
    check: matches(/^sha256:[0-9a-f]{64}$/),
    hidden: true,
    pattern: '^sha256:[0-9a-f]{64}$'
  },
  username: {
    expected: 'a user name of 1 to 128 printable characters without space and colon',
    example: 'x',
    check: matches(/^[^\p{C}\p{Z}:]{1,128}$/u)
  },
  'password-hash': {
    expected: '"scrypt:…" with parameters in bounds, as `gatehouse password hash` prints it',
    example: `scrypt:ln=15,r=8,p=3:${'A'.repeat(22)}:${'A'.repeat(43)}`,
    check: (text) => when(parsePasswordHash(text) !== null),
    hidden: true,
    pattern: '^scrypt:'
  },
  'alternative-name': {
    expected: 'an alternative name with its kind, such as "DNS:client.example.com", "URI:…", "email:…" or "IP:…"',
    example: 'DNS:x.invalid',
    check: alternativeName
  },
  fingerprint: {
    expected: '"sha256:" and 64 hex digits (`openssl x509 -noout -fingerprint -sha256` prints them with ":" between)',
    example: `sha256:${'0'.repeat(64)}`,
    check: matches(/^sha256:(?:[0-9A-Fa-f]{64}|(?:[0-9A-Fa-f]{2}:){31}[0-9A-Fa-f]{2})$/),
    pattern: '^sha256:'
  },
  'log-target': { expected: 'stdout, stderr, none or a path', example: 'none', check: logTarget }
} as const satisfies Record<string, Kind>

export type ScalarKind = keyof typeof KINDS

export function scalarKind(kind: ScalarKind): Kind {
  return KINDS[kind]
}

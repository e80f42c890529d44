/**
 * What the texts of a configuration must look like: one entry per kind, with the words for who must mend it. Long,
 * because it is one table.
 */
import { isIP } from 'node:net'
import { parsePasswordHash } from '../../identity/password.ts'
import {
  UNPRINTABLE,
  alternativeName,
  amountFault,
  by,
  changedHeader,
  cidr,
  claim,
  durationUpTo,
  durationWithin,
  endpoint,
  fieldValue,
  headerName,
  hostOrWildcard,
  hostPattern,
  jwks,
  logTarget,
  matches,
  origin,
  pathFault,
  pathPattern,
  plainPath,
  plainText,
  requestUrl,
  sizeFault,
  upstreamUrl,
  when
} from './spelling.ts'
import {
  isToken,
  parseAddress,
  parseAddressSource,
  parseBandwidth,
  parseDate,
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
  /** Two that differ in case alone are the same. */
  readonly anyCase?: true
  /** For editors; the checker asks `check`. */
  readonly pattern?: string
}

const NAME = /^[a-z0-9][a-z0-9_-]{0,62}$/
const RESERVED = ['none', 'all', 'public']
/** What our metrics tell of a route (observe/metrics.ts): one sample with a label twice can't be read. */
const METRICS_LABELS = ['route', 'method', 'status', 'decision', 'policy', 'le']
const DAY = 86_400_000
const DURATION = '^\\d{1,9}(ms|s|m|min|h|d)$'

function isReserved(text: string): string {
  return `: ${JSON.stringify(text)} is reserved`
}

const KINDS = {
  text: { expected: 'a text', example: 'x', check: plainText },
  name: {
    expected: 'a name of a-z, 0-9, "_" and "-" (1 to 63, a letter or digit first)',
    example: 'x',
    check: (text) => (RESERVED.includes(text) ? isReserved(text) : when(NAME.test(text))),
    pattern: NAME.source
  },
  'listener-name': {
    expected: 'a name of a-z, 0-9, "_" and "-" (1 to 63, a letter or digit first)',
    example: 'x',
    // `public` is what listeners are called.
    check: (text) => (text === 'none' || text === 'all' ? isReserved(text) : when(NAME.test(text))),
    pattern: NAME.source
  },
  'consumer-name': {
    expected: 'a name of 1 to 128 printable characters without space',
    example: 'x',
    check: (text) => (RESERVED.includes(text) ? isReserved(text) : when(/^[^\p{C}\p{Z}]{1,128}$/u.test(text)))
  },
  label: {
    expected: '1 to 128 printable characters without space',
    example: 'x',
    check: matches(/^[^\p{C}\p{Z}]{1,128}$/u)
  },
  'label-name': {
    expected: 'a label’s name: letters, digits and "_", not a digit first, not "__"',
    example: 'x',
    check: (text) =>
      METRICS_LABELS.includes(text)
        ? `: ${JSON.stringify(text)} is a label of the metrics already`
        : when(/^(?!__)[A-Za-z_][A-Za-z0-9_]*$/.test(text)),
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
    check: durationWithin(1000, 3_600_000),
    unit: true,
    pattern: DURATION
  },
  size: {
    expected: 'a size such as 512b, 64kb, 1mb or 2gb',
    example: '1mb',
    check: (text) => sizeFault(text, parseSize(text)),
    unit: true,
    pattern: '^\\d{1,12}(b|kb|mb|gb)$'
  },
  rate: {
    expected: 'a rate such as 100/s, 1000/min, 10/10s or 5000/h',
    example: '1/s',
    check: (text) => amountFault(text, parseRate(text)),
    unit: true,
    pattern: '^\\d{1,10}/\\d{0,9}(ms|s|m|min|h|d)$'
  },
  'rate-or-none': {
    expected: 'a rate such as 100/s or 1000/min, or none',
    example: '1/s',
    check: (text) => (text === 'none' ? null : amountFault(text, parseRate(text))),
    unit: true,
    pattern: '^(none|\\d{1,10}/\\d{0,9}(ms|s|m|min|h|d))$'
  },
  bandwidth: {
    expected: 'a bandwidth such as 64kb/s or 1mb/s',
    example: '1mb/s',
    check: (text) => sizeFault(text, parseBandwidth(text)),
    unit: true,
    pattern: '^\\d{1,12}(b|kb|mb|gb)/\\d{0,9}(ms|s|m|min|h|d)$'
  },
  quota: {
    expected: 'a quota such as 100000/month or 500/day',
    example: '1/day',
    check: (text) => amountFault(text, parseQuota(text)),
    unit: true,
    pattern: '^\\d{1,10}/(day|month)$'
  },
  'quota-or-none': {
    expected: 'a quota such as 100000/month or 500/day, or none',
    example: '1/day',
    check: (text) => (text === 'none' ? null : amountFault(text, parseQuota(text))),
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
    check: durationWithin(20, 10_000),
    unit: true,
    pattern: DURATION
  },
  'decision-timeout': {
    expected: 'a duration from 5ms to 5s',
    example: '1s',
    check: durationWithin(5, 5000),
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
  'header-name': { expected: 'a header’s name', example: 'x', check: headerName, anyCase: true },
  'changed-header': { expected: 'a header’s name', example: 'x', check: changedHeader, anyCase: true },
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

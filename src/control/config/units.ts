/**
 * The texts of a configuration that stand for numbers, times and addresses. Each function returns null for what it
 * can't read; the checker has then refused the file, so that a compiled configuration never sees the null.
 */
import { isIP, isIPv4, isIPv6 } from 'node:net'
import type { ClientPlan } from '../../plan/listener.ts'

const SECOND = 1000
const MINUTE = 60 * SECOND
const HOUR = 60 * MINUTE
const DAY = 24 * HOUR
const TIMES: Readonly<Record<string, number>> = { ms: 1, s: SECOND, m: MINUTE, min: MINUTE, h: HOUR, d: DAY }
const SIZES: Readonly<Record<string, number>> = { b: 1, kb: 1 << 10, mb: 1 << 20, gb: 1 << 30 }

/** Longest duration a configuration may name: ten years. */
export const LONGEST_DAYS = 3660
const LONGEST = LONGEST_DAYS * DAY

/** Largest size that a configuration may name: a terabyte. */
export const LARGEST_GB = 1024

/** Largest count of a rate or a quota. */
export const MOST_COUNT = 1e9

/** `250ms 10s 5m 1h 7d` in milliseconds, 0 to ten years. */
export function parseDuration(text: string): number | null {
  const match = /^(\d{1,9})(ms|s|m|min|h|d)$/.exec(text)
  const value = match ? Number(match[1]) * (TIMES[match[2] ?? ''] ?? Number.NaN) : Number.NaN
  return value <= LONGEST ? value : null
}

/** `512b 64kb 1mb 2gb` in bytes, 1024-based; at most a terabyte. */
export function parseSize(text: string): number | null {
  const match = /^(\d{1,12})(b|kb|mb|gb)$/.exec(text)
  const value = match ? Number(match[1]) * (SIZES[match[2] ?? ''] ?? Number.NaN) : Number.NaN
  return value <= LARGEST_GB * 2 ** 30 ? value : null
}

/** `100/s`, `10/10s`: that many per so many milliseconds, both at least 1. */
export function parseRate(text: string): { count: number; period: number } | null {
  const match = /^(\d{1,10})\/(\d{0,9}(?:ms|s|m|min|h|d))$/.exec(text)
  const time = match?.[2] ?? ''
  const period = parseDuration(/^\d/.test(time) ? time : `1${time}`)
  const count = Number(match?.[1])
  return match && period !== null && period > 0 && count > 0 && count <= MOST_COUNT ? { count, period } : null
}

/** `100000/month`, `500/day`: that many per calendar day or month. */
export function parseQuota(text: string): { count: number; per: 'day' | 'month' } | null {
  const match = /^(\d{1,10})\/(day|month)$/.exec(text)
  const count = Number(match?.[1])
  return match && count > 0 && count <= MOST_COUNT ? { count, per: match[2] === 'day' ? 'day' : 'month' } : null
}

/** `1mb/s`, `10mb/min`: bytes per so many milliseconds. */
export function parseBandwidth(text: string): { bytes: number; period: number } | null {
  const [amount = '', time = '', ...more] = text.split('/')
  const bytes = parseSize(amount)
  const period = parseDuration(/^\d/.test(time) ? time : `1${time}`)
  return more.length === 0 && bytes !== null && period !== null && bytes > 0 && period > 0 ? { bytes, period } : null
}

/** `2027-01-01`: 00:00Z of that day, in ms since the epoch. */
export function parseDate(text: string): number | null {
  if (!/^\d{4}-\d\d-\d\d$/.test(text)) return null
  const time = Date.parse(`${text}T00:00:00Z`)
  // Date.parse takes 30 February for 2 March.
  return !Number.isNaN(time) && new Date(time).toISOString().startsWith(text) ? time : null
}

/** `2027-01-01` as parseDate, or `2027-01-01T08:00:00Z`, with a zone (RFC 3339); ms since the epoch. */
export function parseInstant(text: string): number | null {
  const [day = '', clock] = text.split('T')
  if (clock === undefined) return parseDate(text)
  if (parseDate(day) === null || !/^\d\d:\d\d(:\d\d(\.\d{1,3})?)?(Z|[+-]\d\d:\d\d)$/.test(clock)) return null
  const time = Date.parse(text)
  return Number.isNaN(time) ? null : time
}

/** `127.0.0.1:8080` or `[::1]:8080`; host without brackets. Port 0 is any free one. */
export function parseAddress(text: string): { host: string; port: number } | null {
  const match = /^(?:\[([0-9A-Fa-f:.]+)\]|([0-9.]+)):(\d{1,5})$/.exec(text)
  const host = match?.[1] ?? match?.[2] ?? ''
  const port = Number(match?.[3])
  const good = match?.[1] === undefined ? isIPv4(host) : isIPv6(host)
  return match && good && port <= 65_535 ? { host, port } : null
}

/** `10.0.0.0/8`, or an address alone: a block of one. `exact` says that no bit is set beyond the prefix. */
export function parseCidr(text: string): { address: string; bits: number; family: 4 | 6; exact: boolean } | null {
  const slash = text.indexOf('/')
  const address = slash < 0 ? text : text.slice(0, slash)
  const family = isIP(address)
  if (family !== 4 && family !== 6) return null
  const most = family === 4 ? 32 : 128
  const prefix = slash < 0 ? String(most) : text.slice(slash + 1)
  if (!/^(?:0|[1-9]\d{0,2})$/.test(prefix) || Number(prefix) > most) return null
  const bits = Number(prefix)
  const value = family === 4 ? ipv4Bits(address) : ipv6Bits(address)
  const rest = (1n << BigInt(most - bits)) - 1n
  return value === null ? null : { address, bits, family, exact: (value & rest) === 0n }
}

function ipv4Bits(address: string): bigint {
  return address.split('.').reduce((bits, part) => (bits << 8n) | BigInt(part), 0n)
}

/** Null for an address with a zone (`fe80::1%eth0`): a block has none. */
function ipv6Bits(address: string): bigint | null {
  if (address.includes('%')) return null
  // An IPv4 address may stand for the last two groups.
  const dotted = /\d+\.\d+\.\d+\.\d+$/.exec(address)?.[0]
  const tail = dotted === undefined ? null : ipv4Bits(dotted)
  const text =
    tail === null || dotted === undefined
      ? address
      : `${address.slice(0, -dotted.length)}${(tail >> 16n).toString(16)}:${(tail & 0xffffn).toString(16)}`
  const [head = '', end] = text.split('::')
  const left = head === '' ? [] : head.split(':')
  const right = end === undefined || end === '' ? [] : end.split(':')
  const groups = [...left, ...Array<string>(8 - left.length - right.length).fill('0'), ...right]
  return groups.reduce((bits, group) => (bits << 16n) | BigInt(`0x${group}`), 0n)
}

/** `connection`, `x-forwarded-for`, `forwarded`, `proxy-protocol` or `header:NAME`; the name in lower case. */
export function parseAddressSource(text: string): ClientPlan['addressFrom'] | null {
  if (text === 'connection' || text === 'x-forwarded-for' || text === 'forwarded' || text === 'proxy-protocol')
    return { kind: text }
  const name = text.startsWith('header:') ? text.slice('header:'.length) : ''
  return isToken(name) ? { kind: 'header', name: name.toLowerCase() } : null
}

/** `https` (port null: that of the first TLS listener) or `https:443`. */
export function parseRedirect(text: string): { port: number | null } | null {
  if (text === 'https') return { port: null }
  const match = /^https:([1-9]\d{0,4})$/.exec(text)
  const port = Number(match?.[1])
  return match && port <= 65_535 ? { port } : null
}

/** An upstream's url in its parts. */
export interface UpstreamUrl {
  /** `http://host:port`, the port always written. */
  origin: string
  tls: boolean
  /** Without brackets for IPv6. */
  host: string
  port: number
  /** Without a final `/`; '' for none. */
  basePath: string
}

/** An http or https url without user, query and fragment. */
export function parseUpstreamUrl(text: string): UpstreamUrl | null {
  const url = httpUrl(text)
  if (url === null || url.search !== '' || url.hash !== '' || /[?#]/.test(text)) return null
  const tls = url.protocol === 'https:'
  const port = url.port === '' ? (tls ? 443 : 80) : Number(url.port)
  if (port === 0) return null
  return {
    origin: `${url.protocol}//${url.hostname}:${port}`,
    tls,
    host: url.hostname.replace(/^\[|\]$/g, ''),
    port,
    basePath: url.pathname.replace(/\/+$/, '')
  }
}

/** An absolute http or https url in printable ASCII, without user and password. */
export function httpUrl(text: string): URL | null {
  // WHATWG parsing forgives much that other programs read differently: backslashes, missing slashes, white space.
  if (!/^https?:\/\/[^/\\]/.test(text) || !/^[\x21-\x7e]+$/.test(text) || text.includes('\\')) return null
  if (!URL.canParse(text)) return null
  const url = new URL(text)
  return url.username === '' && url.password === '' && url.hostname !== '' && !/\/\/[^/]*@/.test(text) ? url : null
}

/** Whether a url's host is this machine whatever the resolver says. */
export function isLoopback(url: URL): boolean {
  const host = url.hostname
  return host === 'localhost' || host === '[::1]' || (isIPv4(host) && host.startsWith('127.'))
}

/** RFC 9110 section 5.6.2: what names of headers, cookies and methods are made of. */
export function isToken(text: string): boolean {
  return /^[!#$%&'*+.^_`|~0-9A-Za-z-]+$/.test(text)
}

/** `redis://user:password@host:port/database`, or `rediss://` for TLS. Host without brackets. */
export function parseRedisUrl(text: string): RedisUrl | null {
  const url = URL.canParse(text) ? new URL(text) : null
  if (url === null || !/^rediss?:$/.test(url.protocol) || url.search !== '' || url.hash !== '') return null
  const path = /^\/?(\d{0,5})$/.exec(url.pathname)
  const host = url.hostname.replace(/^\[(.*)\]$/, '$1')
  if (path === null || host === '' || url.port === '0') return null
  try {
    return {
      tls: url.protocol === 'rediss:',
      host,
      port: url.port === '' ? 6379 : Number(url.port),
      username: decodeURIComponent(url.username),
      password: decodeURIComponent(url.password),
      database: Number(path[1])
    }
  } catch {
    return null
  }
}

export interface RedisUrl {
  tls: boolean
  host: string
  port: number
  /** '' for none. */
  username: string
  password: string
  database: number
}

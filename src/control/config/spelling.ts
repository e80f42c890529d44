/**
 * Checks of the texts that are more than one pattern: names of hosts and headers, paths, urls. Each says what is wrong
 * with `text`, in words that follow those of its kind (scalars.ts): '' for no more than "expected …"; null when it is right.
 */
import { isIP } from 'node:net'
import { parseKeyPart } from './key-parts.ts'
import {
  httpUrl,
  isLoopback,
  isToken,
  LARGEST_GB,
  LONGEST_DAYS,
  MOST_COUNT,
  parseCidr,
  parseDuration,
  parseSize,
  parseUpstreamUrl
} from './units.ts'

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

export const when = (good: boolean) => (good ? null : '')
export const matches = (pattern: RegExp) => (text: string) => when(pattern.test(text))

// oxlint-disable-next-line no-control-regex -- finding them is the point
export const UNPRINTABLE = /[\u0000-\u0008\u000b-\u001f\u007f-\u009f]/
/** Bytes a header's value may hold (RFC 9110 section 5.5), as Latin-1. */
const FIELD_VALUE = /^[\x21-\x7e\x80-\xff](?:[\t\x20-\x7e\x80-\xff]*[\x21-\x7e\x80-\xff])?$/
const LABEL = /^(?!-)[A-Za-z0-9-]{1,63}(?<!-)$/
const PARAMETER = /^\{[A-Za-z][A-Za-z0-9_-]*\}$/

export function plainText(text: string): string | null {
  if (text === '') return ', found an empty one'
  return UNPRINTABLE.test(text) ? ' without control characters' : null
}

export function fieldValue(text: string): string | null {
  return when(FIELD_VALUE.test(text))
}

export function headerName(text: string): string | null {
  if (!isToken(text)) return ''
  return text.includes('_') ? `: ${JSON.stringify(text)} has a "_", and requests’ headers with one are dropped` : null
}

/** A header that a configuration may change. */
export function changedHeader(text: string): string | null {
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

export function hostOrWildcard(text: string): string | null {
  return hostName(text.startsWith('*.') ? text.slice(2) : text)
}

export function hostPattern(text: string): string | null {
  const dot = text.indexOf('.')
  return hostName(dot > 0 && PARAMETER.test(text.slice(0, dot)) ? text.slice(dot + 1) : text.replace(/^\*\./, ''))
}

export function plainPath(text: string): string | null {
  const bad = pathFault(text)
  if (bad !== null) return bad
  return /[{}*]/.test(text) ? ' without { } and *' : null
}

/** What is wrong with `text` as the path of a url; patterns included. */
export function pathFault(text: string): string | null {
  if (!text.startsWith('/')) return ''
  if (/[?#]/.test(text)) return ' without ? and #'
  if (!/^[\x21-\x7e]+$/.test(text) || text.includes('\\')) return ' in printable ASCII (other characters %-encoded)'
  if (/%(?![0-9A-Fa-f]{2})/.test(text)) return ': a "%" is followed by two hex digits'
  if (text.includes('//')) return ': "//" becomes "/" before matching, so this would never match'
  const dots = text.split('/').find((segment) => segment === '.' || segment === '..')
  return dots === undefined ? null : `: ${JSON.stringify(dots)} is resolved before matching, so this would never match`
}

export function pathPattern(text: string): string | null {
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

export function jwks(text: string): string | null {
  if (!text.includes('://')) return plainText(text)
  const url = httpUrl(text)
  if (url === null) return ''
  return url.protocol === 'https:' || isLoopback(url) ? null : ': keys are fetched over https, or http on loopback'
}

export function endpoint(text: string): string | null {
  const url = httpUrl(text)
  if (url === null) return ''
  if (text.includes('#')) return ' without fragment'
  return url.protocol === 'https:' || isLoopback(url)
    ? null
    : ': secrets are sent there, over https, or http on loopback'
}

export function upstreamUrl(text: string): string | null {
  if (parseUpstreamUrl(text) !== null) return null
  if (/^https?:\/\/[^/]*@/.test(text)) return ' without user and password'
  return /^https?:\/\/[^/?#]+.*[?#]/.test(text) ? ' without query and fragment' : ''
}

/** Matched exactly, so a wildcard would match only itself. */
export function alternativeName(text: string): string | null {
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

export function logTarget(text: string): string | null {
  if (['stdout', 'stderr', 'none'].includes(text)) return null
  // A misspelt word must not become a file of that name.
  return /[/.]/.test(text) ? plainText(text) : ' (a path has a "/" or a "." in it)'
}

export function cidr(text: string): string | null {
  const block = parseCidr(text)
  if (block === null) return ''
  return block.exact ? null : `: ${text} has bits set beyond its first ${block.bits}`
}

export function claim(text: string): string | null {
  if (text.startsWith('/') && /~(?![01])/.test(text)) return ': in a JSON Pointer "~" is written ~0 and "/" ~1'
  return plainText(text)
}

export function origin(text: string): string | null {
  if (text === '*') return null
  const match = /^([a-z][a-z0-9+.-]*):\/\/(.+?)(?::\d{1,5})?$/.exec(text)
  if (match === null) return ''
  const host = match[2] ?? ''
  if (host.endsWith('/')) return ' without a final "/"'
  return host.startsWith('[') ? when(isIP(host.slice(1, -1)) === 6) : hostOrWildcard(host)
}

export function by(text: string): string | null {
  const parsed = parseKeyPart(text)
  return 'reason' in parsed ? `: ${parsed.reason}` : null
}

/** A duration from `least` (0 or 1) to `most` ms, of a kind whose text names no range: what is out of it is told. */
export function durationUpTo(least: number, most: number) {
  return (text: string) => {
    const value = parseDuration(text)
    if (value === null) return DURATION.test(text) ? ` of at most ${LONGEST_DAYS}d` : ''
    if (value < least) return ' longer than zero'
    return value <= most ? null : ` of at most ${most / 3_600_000}h`
  }
}

/** A duration from `least` to `most` ms, of a kind whose text names the range. */
export function durationWithin(least: number, most: number) {
  return (text: string) => {
    const value = parseDuration(text)
    return value !== null && value >= least && value <= most ? null : ''
  }
}

export function requestUrl(text: string): string | null {
  if (!/^https?:\/\//.test(text)) return ''
  if (!URL.canParse(text)) return ', found one that can’t be read'
  const { username, password, hash } = new URL(text)
  if (username !== '' || password !== '') return ' without user and password: clients send those as a header'
  return hash === '' ? null : ' without "#": clients keep what follows it to themselves'
}

/** `parsed`: what a rate or a quota comes to; null: it is none, and a part of it that is out of range is named. */
export function amountFault(text: string, parsed: unknown): string | null {
  if (parsed !== null) return null
  const [count = '', time = ''] = text.split('/')
  const whole = /^\d+$/.test(count) && Number(count) >= 1 && Number(count) <= MOST_COUNT
  if (/^[-+]?\d[\d.]*$/.test(count) && !whole) return ` with a whole count from 1 to ${MOST_COUNT}`
  return DURATION.test(time) && !((parseDuration(time) ?? 0) > 0) ? ` over 1ms to ${LONGEST_DAYS}d` : ''
}

/** `parsed`: what a size or a bandwidth comes to; null: it is none, and a part of it that is out of range is named. */
export function sizeFault(text: string, parsed: unknown): string | null {
  if (parsed !== null) return null
  const [size = '', time = ''] = text.split('/')
  if (!SIZE.test(size)) return ''
  const bytes = parseSize(size)
  if (bytes === null) return ` of at most ${LARGEST_GB}gb`
  if (bytes === 0) return ' of at least 1b'
  return DURATION.test(time) ? ` over 1ms to ${LONGEST_DAYS}d` : ''
}

const SIZE = /^\d+(?:b|kb|mb|gb)$/
const DURATION = /^\d+(?:ms|s|m|min|h|d)$/

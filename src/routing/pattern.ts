import { formatIp, parseIp } from '../ip.ts'
import { normalisePath, pathFault } from '../path.ts'

/** Longest pattern in segments: the depth of the route table, and so of the recursion that walks it. */
const MAX_SEGMENTS = 64
const MAX_LENGTH = 4096
const MAX_HOST = 253

export type PathPattern =
  | {
      ok: true
      /** Canonical: literals in normal form, no final `/`. Two patterns are the same path if these are equal up to names. */
      pattern: string
      /** Names of its `{x}`, from left to right. */
      names: string[]
      /** Ends in `/*`. */
      wildcard: boolean
    }
  | { ok: false; reason: string }

/**
 * A route's path as the configuration writes it: literal segments, `{name}` for one whole segment, a final `/*` for all
 * below. Literals are brought to the form that requests have (path.ts), so that `/%7Eann` and `/~ann` are one route.
 * Run at load; a reason says what to write instead.
 */
export function parsePattern(pattern: string): PathPattern {
  if (!pattern.startsWith('/')) return { ok: false, reason: 'a path starts with /' }
  if (pattern.length > MAX_LENGTH) return { ok: false, reason: `a path has at most ${MAX_LENGTH} characters` }
  const segments = pattern.slice(1).split('/')
  if (segments.length > 1 && segments.at(-1) === '') segments.pop()
  if (segments.length > MAX_SEGMENTS) return { ok: false, reason: `a path has at most ${MAX_SEGMENTS} segments` }

  const parts: string[] = []
  const names: string[] = []
  let wildcard = false
  for (const [i, segment] of segments.entries()) {
    if (segment === '*') {
      if (i < segments.length - 1 || pattern.endsWith('/*/'))
        return { ok: false, reason: '/* stands only at the end of a path; {name} takes one segment' }
      wildcard = true
    } else if (segment.startsWith('{') && segment.endsWith('}')) {
      const name = segment.slice(1, -1)
      const reason = nameFault(name, names)
      if (reason !== '') return { ok: false, reason }
      names.push(name)
      parts.push(segment)
    } else if (segment !== '') {
      const literal = literalSegment(segment)
      if (typeof literal !== 'string') return { ok: false, reason: literal.reason }
      parts.push(literal)
    }
  }
  if (wildcard) parts.push('*')
  return { ok: true, pattern: `/${parts.join('/')}`, names, wildcard }
}

export type HostPattern =
  | {
      ok: true
      /** Lower-case; IPv6 without brackets, in RFC 5952's form: what framing hands to routing. */
      pattern: string
      /** Name of a first label `{name}`, or null. */
      name: string | null
      /** Whether the first label is `*` or `{name}`. */
      wildcard: boolean
    }
  | { ok: false; reason: string }

/** A host of `match.hosts`: a name or IP address, or `*.x` or `{name}.x` for exactly one label before `.x`. */
export function parseHostPattern(host: string): HostPattern {
  const text = host.toLowerCase()
  if (text === '*') return { ok: false, reason: '* alone is any host: leave hosts out instead' }
  const address = parseIp(text.startsWith('[') && text.endsWith(']') ? text.slice(1, -1) : text)
  if (address !== null) return { ok: true, pattern: formatIp(address), name: null, wildcard: false }
  if (text.includes(':')) return { ok: false, reason: 'a host has no scheme and no port' }

  const dot = text.indexOf('.')
  const first = dot < 0 ? text : text.slice(0, dot)
  const label = host.slice(0, first.length)
  const named = label.startsWith('{') && label.endsWith('}')
  const wildcard = named || first === '*'
  if (wildcard && dot < 0) return { ok: false, reason: `${label} needs a domain after it: ${label}.example.com` }
  const domain = wildcard ? text.slice(dot + 1) : text
  const reason = (named ? nameFault(label.slice(1, -1), []) : '') || domainFault(domain)
  if (reason !== '') return { ok: false, reason }
  // A name keeps its case, as in paths; the rest of a host has none.
  return {
    ok: true,
    pattern: `${wildcard ? label : first}${text.slice(first.length)}`,
    name: named ? label.slice(1, -1) : null,
    wildcard
  }
}

function literalSegment(segment: string): string | { reason: string } {
  if (segment.includes('*'))
    return { reason: `"${segment}": * is a whole segment, and only the last one; %2A is the character` }
  if (segment.includes('{') || segment.includes('}'))
    return { reason: `"${segment}": {name} takes a whole segment; %7B and %7D are the characters` }
  const raw = `/${segment}`
  const normal = normalisePath(raw)
  if (normal === '/' || segment === '..') return { reason: 'a path has no . or .. segments: write what it resolves to' }
  if (normal !== null) return normal.slice(1)
  // Requests carry only printable ASCII, so that text would match nothing; say the spelling that does.
  const loneSurrogate = /[\ud800-\udfff]/u.test(segment)
  const encoded = loneSurrogate || segment.includes('%') ? null : normalisePath(`/${encodeURIComponent(segment)}`)
  if (encoded !== null) return { reason: `"${segment}" is not how a request spells it: write ${encoded.slice(1)}` }
  return { reason: `"${segment}": ${pathFault(raw)}` }
}

function nameFault(name: string, taken: readonly string[]): string {
  if (!/^[A-Za-z_][A-Za-z0-9_-]{0,62}$/.test(name))
    return `{${name}}: a name is a letter or _, then letters, digits, _ or -, at most 63`
  if (name === '__proto__') return '{__proto__} cannot be a name'
  return taken.includes(name) ? `{${name}} stands twice in one path` : ''
}

function domainFault(domain: string): string {
  if (domain.includes('*') || domain.includes('{') || domain.includes('}'))
    return 'only the first label of a host can be * or {name}, and only whole'
  if (domain.length > MAX_HOST) return `a host has at most ${MAX_HOST} characters`
  if (domain.endsWith('.')) return 'a host is written without its final dot'
  for (const label of domain.split('.')) {
    if (!/^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$/.test(label))
      return `"${label}" is no host label: letters, digits and inner hyphens, at most 63; other alphabets as xn--…`
  }
  // WHATWG URL, "ends in a number": such a name is an address or a mistake, never a domain.
  if (/^\d+$/.test(domain.slice(domain.lastIndexOf('.') + 1)))
    return 'a host that ends in a number is an IPv4 address, four numbers'
  return ''
}

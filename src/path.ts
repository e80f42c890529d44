/**
 * The normal form of a request's path: the one spelling that is matched, judged by rules, logged and forwarded. Every
 * bypass by spelling (`//admin`, `/%61dmin`, `/x/../admin`) needs two parties that read one path differently; with one
 * form for all of them there is nothing left to read differently.
 *
 * RFC 3986 section 6.2.2: dot segments are resolved and unreserved characters decoded, every other escape stays and its
 * hex digits become upper-case. Beyond the RFC, `//` becomes `/`, and what services behind are known to disagree about
 * is refused: encoded slashes and backslashes, NUL and other control characters, overlong UTF-8, dot segments with
 * parameters. Case counts; a final `/` is kept, and makes no difference to matching.
 */

const SLASH = 0x2f
const DOT = 0x2e
const PERCENT = 0x25

/** What a raw byte means to the scan. Bytes above 0x7E are outside the table and refused. */
const ORDINARY = 0
const FAULTY = 1
const KIND = new Uint8Array(0x7f)
for (let c = 0; c <= 0x20; c++) KIND[c] = FAULTY
for (const c of '#?\\') KIND[c.charCodeAt(0)] = FAULTY
KIND[SLASH] = SLASH
KIND[DOT] = DOT
KIND[PERCENT] = PERCENT

const UNRESERVED = new Uint8Array(0x100)
for (const c of 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~') UNRESERVED[c.charCodeAt(0)] = 1

/**
 * The normal form of `raw` (a request target's path, without its query), or null when it must be refused with 400;
 * `pathFault` then says why. A path that is normal already, nearly all are, is returned as it is: one pass, nothing
 * allocated. Idempotent.
 */
export function normalisePath(raw: string): string | null {
  if (raw.charCodeAt(0) !== SLASH) return null
  let afterSlash = true
  for (let i = 1; i < raw.length; i++) {
    const c = raw.charCodeAt(i)
    const kind = c > 0x7e ? FAULTY : KIND[c]
    if (kind === ORDINARY) afterSlash = false
    else if (kind === SLASH) {
      if (afterSlash) return rebuilt(raw)
      afterSlash = true
    } else if (kind === DOT) {
      if (afterSlash) return rebuilt(raw)
    } else return kind === FAULTY ? null : rebuilt(raw)
  }
  return raw
}

/** Why `normalisePath` refuses `raw`, for the owner's log; '' when it doesn't. */
export function pathFault(raw: string): string {
  return resolve(raw, [])
}

/**
 * The normal form that a normal path has for servers which drop `;parameters` of segments (RFC 3986 section 3.3) before they
 * look for what it names, as Java's do; the path itself when it has none. Null: none that could be matched.
 */
export function withoutPathParameters(path: string): string | null {
  if (!path.includes(';') && !path.includes('%3B')) return path
  const bare = path.split('/').map((segment) => {
    const raw = segment.indexOf(';')
    const encoded = segment.indexOf('%3B')
    const end = raw < 0 || (encoded >= 0 && encoded < raw) ? encoded : raw
    return end < 0 ? segment : segment.slice(0, end)
  })
  return normalisePath(bare.join('/'))
}

function rebuilt(raw: string): string | null {
  const segments: string[] = []
  if (resolve(raw, segments) !== '') return null
  return `/${segments.join('/')}`
}

/** Puts the segments of `raw`'s normal form into `out`, an empty last one for a final `/`. Returns the fault, '' for none. */
function resolve(raw: string, out: string[]): string {
  if (raw.charCodeAt(0) !== SLASH) return 'the path does not start with /'
  let openEnd = true
  for (let at = 1; at <= raw.length;) {
    let end = raw.indexOf('/', at)
    if (end < 0) end = raw.length
    const segment = canonical(raw, at, end)
    if (typeof segment !== 'string') return segment.fault
    // RFC 3986 section 5.2.4: a path that ends in a dot segment ends in a slash.
    openEnd = segment === '' || segment === '.' || segment === '..'
    if (!openEnd) out.push(segment)
    else if (segment === '..' && out.pop() === undefined) return 'a .. segment leads above the root'
    at = end + 1
  }
  if (openEnd && out.length > 0) out.push('')
  return ''
}

interface Fault {
  readonly fault: string
}

function canonical(raw: string, start: number, end: number): string | Fault {
  let text = ''
  let copied = start
  let lead = -1
  for (let i = start; i < end; i++) {
    const c = raw.charCodeAt(i)
    if (c > 0x7e || KIND[c] === FAULTY) return { fault: rawFault(c) }
    if (c !== PERCENT) {
      lead = -1
      continue
    }
    const value = i + 2 < end ? hexValue(raw.charCodeAt(i + 1)) * 16 + hexValue(raw.charCodeAt(i + 2)) : NaN
    if (Number.isNaN(value)) return { fault: 'a % is not followed by two hex digits' }
    const fault = escapeFault(value, lead)
    if (fault !== '') return { fault }
    lead = value
    text +=
      raw.slice(copied, i) + (UNRESERVED[value] === 1 ? String.fromCharCode(value) : raw.slice(i, i + 3).toUpperCase())
    i += 2
    copied = i + 1
  }
  text = copied === start ? raw.slice(start, end) : text + raw.slice(copied, end)
  // Servers that strip `;parameters` before they resolve dots (Tomcat, Jetty) would climb where this table did not.
  const dots = text.startsWith('..') ? 2 : 1
  if (text.charCodeAt(0) === DOT && (text.startsWith(';', dots) || text.startsWith('%3B', dots)))
    return { fault: 'a dot segment carries a ; parameter' }
  return text
}

function rawFault(c: number): string {
  if (c === 0x5c) return 'a backslash in the path'
  if (c === 0x23 || c === 0x3f) return `a raw ${String.fromCharCode(c)} in the path`
  return 'a byte outside 0x21-0x7E in the path'
}

/** @param lead byte of the escape directly before, -1 for none */
function escapeFault(value: number, lead: number): string {
  if (value === SLASH) return 'an encoded slash in the path'
  if (value === 0x5c) return 'an encoded backslash in the path'
  if (value < 0x20 || value === 0x7f) return 'an encoded control character in the path'
  // An overlong form spells an ASCII character (%C0%AF a slash) to decoders that don't check, and nothing to others.
  if (value >= 0x80 && value < 0xc0) {
    const overlong =
      lead === 0xc0 || lead === 0xc1 || (lead === 0xe0 && value < 0xa0) || (lead === 0xf0 && value < 0x90)
    if (overlong) return 'an overlong UTF-8 sequence in the path'
  }
  return ''
}

function hexValue(c: number): number {
  if (c >= 0x30 && c <= 0x39) return c - 0x30
  const letter = c | 0x20
  return letter >= 0x61 && letter <= 0x66 ? letter - 0x57 : NaN
}

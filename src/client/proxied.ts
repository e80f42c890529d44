import { parseIp } from '../ip.ts'

/**
 * The addresses that proxies write into fields: X-Forwarded-For's informal list and RFC 7239's `Forwarded`. All work on
 * a stretch of the field's value in place, so that the far left of a long hostile field is never copied.
 */

const TAB = 0x09
const SPACE = 0x20
const QUOTE = 0x22
const COMMA = 0x2c
const COLON = 0x3a
const SEMICOLON = 0x3b
const EQUALS = 0x3d
const BRACKET = 0x5b
const BACKSLASH = 0x5c
const CLOSING_BRACKET = 0x5d

/** Start of the comma-separated item that ends at `end`. */
export function itemStart(value: string, end: number): number {
  // lastIndexOf takes a negative position for 0, and would find a comma at 0 for ever.
  return end === 0 ? 0 : value.lastIndexOf(',', end - 1) + 1
}

/**
 * The same where items hold quoted strings, which may hold commas. Read from the right: what a proxy appended is well
 * formed and ends where it began, however many quotes a client left open on the left.
 */
export function elementStart(value: string, end: number): number {
  let quoted = false
  for (let i = end - 1; i >= 0; i--) {
    const c = value.charCodeAt(i)
    if (c === QUOTE && !isEscaped(value, i)) quoted = !quoted
    else if (c === COMMA && !quoted) return i + 1
  }
  return 0
}

function isEscaped(value: string, at: number): boolean {
  let i = at
  while (i > 0 && value.charCodeAt(i - 1) === BACKSLASH) i--
  return (at - i) % 2 === 1
}

/** Index of the first that is no blank from `start` on; `end` when all are. */
export function skipBlanks(value: string, start: number, end: number): number {
  let i = start
  while (i < end && isBlank(value.charCodeAt(i))) i++
  return i
}

/** Index behind the last that is no blank; `start` when all are. */
export function trimBlanks(value: string, start: number, end: number): number {
  let i = end
  while (i > start && isBlank(value.charCodeAt(i - 1))) i--
  return i
}

function isBlank(c: number): boolean {
  return c === SPACE || c === TAB
}

/** The address in `1.2.3.4`, `1.2.3.4:5678`, `2001:db8::1`, `[2001:db8::1]` or `[2001:db8::1]:5678`; null for anything else. */
export function listedAddress(value: string, start: number, end: number): Uint8Array | null {
  const colon = indexOf(value, COLON, start, end)
  if (value.charCodeAt(start) === BRACKET) {
    const close = indexOf(value, CLOSING_BRACKET, start, end)
    // Brackets are IPv6's alone.
    if (colon < 0 || colon > close) return null
    return close + 1 === end || isPort(value, close + 1, end) ? parseIp(value, start + 1, close) : null
  }
  // One colon parts a port off an IPv4 address; IPv6 has at least two.
  if (colon >= 0 && indexOf(value, COLON, colon + 1, end) < 0)
    return isPort(value, colon, end) ? parseIp(value, start, colon) : null
  return parseIp(value, start, end)
}

/** `:` and a port, or what RFC 7239 section 6.2 lets stand for one (`_` and some characters). */
function isPort(value: string, start: number, end: number): boolean {
  if (value.charCodeAt(start) !== COLON || start + 1 === end) return false
  if (value.charCodeAt(start + 1) === 0x5f) return start + 2 < end
  if (end - start > 6) return false
  for (let i = start + 1; i < end; i++) {
    const c = value.charCodeAt(i)
    if (c < 0x30 || c > 0x39) return false
  }
  return true
}

/**
 * The address that one element of `Forwarded` gives for `for`, from `start` to `end`. Null when it gives none
 * (`unknown`, an obfuscated `_name`, only `by=`), gives two, or isn't well formed.
 */
export function forwardedFor(value: string, start: number, end: number): Uint8Array | null {
  let address: Uint8Array | null = null
  for (let at = start; at < end;) {
    const name = skipBlanks(value, at, end)
    if (value.charCodeAt(name) === SEMICOLON) {
      at = name + 1
      continue
    }
    const equals = indexOf(value, EQUALS, name, end)
    if (equals < 0) return null
    const from = equals + 1
    const quoted = from < end && value.charCodeAt(from) === QUOTE
    const close = quoted ? closingQuote(value, from + 1, end) : -1
    if (quoted && close < 0) return null
    const semicolon = indexOf(value, SEMICOLON, quoted ? close + 1 : from, end)
    const next = semicolon < 0 ? end : semicolon
    const to = quoted ? close : trimBlanks(value, from, next)
    if (quoted && skipBlanks(value, close + 1, next) !== next) return null
    if (isFor(value, name, equals)) {
      if (address !== null) return null
      address = listedAddress(value, quoted ? from + 1 : from, to)
      if (address === null) return null
    }
    at = next + 1
  }
  return address
}

/** String's own would read on past `end`, and make a long list quadratic. */
function indexOf(value: string, char: number, start: number, end: number): number {
  for (let i = start; i < end; i++) if (value.charCodeAt(i) === char) return i
  return -1
}

function closingQuote(value: string, start: number, end: number): number {
  for (let i = start; i < end; i++) {
    const c = value.charCodeAt(i)
    if (c === QUOTE) return i
    if (c === BACKSLASH) i++
  }
  return -1
}

/** `for`, in any case (RFC 7239 section 4). */
function isFor(value: string, start: number, end: number): boolean {
  return (
    end - start === 3 &&
    (value.charCodeAt(start) | 0x20) === 0x66 &&
    (value.charCodeAt(start + 1) | 0x20) === 0x6f &&
    (value.charCodeAt(start + 2) | 0x20) === 0x72
  )
}

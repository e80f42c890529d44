/**
 * The two ways a value of the request is made fit for a place where some bytes have a meaning: header values and
 * URL components. Both are percent-encodings of UTF-8, so a receiver undoes either with one standard call.
 */

const HEX = Array.from({ length: 256 }, (_, byte) => `%${byte.toString(16).toUpperCase().padStart(2, '0')}`)
const encoder = new TextEncoder()

/** Bytes that stand for themselves: 1 in header values, 2 in URL components, 3 in both. */
const PLAIN = new Uint8Array(128)
for (let c = 0x21; c <= 0x7e; c++) if (c !== 0x2c && c !== 0x25) PLAIN[c] = 1
for (const c of 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~') {
  PLAIN[c.charCodeAt(0)] = 3
}

const IN_HEADER = 1
const IN_COMPONENT = 2

/**
 * Everything outside 0x21-0x7E, commas and `%` percent-encoded: what is left can neither end the field, add a list
 * member, nor be mistaken for an encoding that was not made here.
 */
export function encodeHeaderText(text: string): string {
  return encode(text, IN_HEADER)
}

/** Only RFC 3986's unreserved characters stay: safe as one path segment, and inside HTML, JSON or plain text too. */
export function encodeComponent(text: string): string {
  return encode(text, IN_COMPONENT)
}

function encode(text: string, place: number): string {
  for (let i = 0; i < text.length; i++) {
    const c = text.charCodeAt(i)
    if (c > 0x7f || ((PLAIN[c] ?? 0) & place) === 0) return encodeBytes(text, i, place)
  }
  return text
}

function encodeBytes(text: string, from: number, place: number): string {
  let out = text.slice(0, from)
  // A lone surrogate becomes U+FFFD here, so the result is always valid UTF-8.
  for (const byte of encoder.encode(text.slice(from))) {
    out += byte < 0x80 && ((PLAIN[byte] ?? 0) & place) !== 0 ? String.fromCharCode(byte) : HEX[byte]
  }
  return out
}

/**
 * Whether `text` may be a header value: visible ASCII, blanks, tabs and the bytes 0x80-0xFF (RFC 9110 section 5.5).
 * uWS and net sockets write what they are given, so a CR or LF let through here would be a second header or answer.
 */
export function isFieldValue(text: string): boolean {
  for (let i = 0; i < text.length; i++) {
    const c = text.charCodeAt(i)
    if (c < 0x20 ? c !== 0x09 : c === 0x7f || c > 0xff) return false
  }
  return true
}

/** The characters of a token (RFC 9110 section 5.6.2): methods, header names, media types. */
const TOKEN = new Uint8Array(128)
for (const c of "!#$%&'*+-.^_`|~0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz") {
  TOKEN[c.charCodeAt(0)] = 1
}

export function isToken(text: string): boolean {
  for (let i = 0; i < text.length; i++) {
    const c = text.charCodeAt(i)
    if (c > 0x7f || TOKEN[c] !== 1) return false
  }
  return text.length > 0
}

/** Text of the configuration as header values are held: one char per byte of its UTF-8. */
export function toLatin1(text: string): string {
  for (let i = 0; i < text.length; i++) {
    if (text.charCodeAt(i) > 0x7f) return Buffer.from(text, 'utf8').toString('latin1')
  }
  return text
}

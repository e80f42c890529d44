/**
 * JSON from a client, read strictly: the one place where `JSON.parse` meets text that a caller chose. What RFC 8259
 * leaves to the parser and attackers use is refused: a member named twice (two readers would see two messages),
 * nesting without end, half of a surrogate pair, a byte order mark, `__proto__`.
 */

/** How much structure is taken. */
export interface JsonBounds {
  /** Deepest nesting of objects and lists. */
  readonly depth: number
  /** Most members of one object. */
  readonly keys: number
  /** Most items of one list. */
  readonly items: number
}

export type JsonReading =
  | { readonly ok: true; readonly value: unknown }
  /** `reason` goes on from "the body ". `bound`: it may well be JSON, but goes beyond the bounds. */
  | { readonly ok: false; readonly reason: string; readonly bound: boolean }

const utf8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true })

/** Reads any JSON value out of UTF-8 bytes. */
export function readJson(bytes: Uint8Array, bounds: JsonBounds): JsonReading {
  let text
  try {
    text = utf8.decode(bytes)
  } catch {
    return malformed('is not UTF-8')
  }
  const complaint = scan(text, bounds)
  if (complaint !== null) return complaint
  try {
    return { ok: true, value: JSON.parse(text) as unknown }
  } catch {
    return NOT_JSON
  }
}

function malformed(reason: string): JsonReading {
  return { ok: false, reason, bound: false }
}

function beyond(reason: string): JsonReading {
  return { ok: false, reason, bound: true }
}

const NOT_JSON = malformed('is not JSON')
const QUOTE = 0x22
const BACKSLASH = 0x5c

/**
 * One walk before `JSON.parse`, which bounds what that will do: the depth, the sizes, and the names of each open
 * object. On text that isn't JSON its findings may be nonsense, but then `JSON.parse` refuses; on JSON they are exact,
 * because in JSON quotes, braces and commas outside strings mean one thing only. Null: nothing to complain about.
 */
function scan(text: string, { depth, keys, items }: JsonBounds): JsonReading | null {
  // Names seen in each open object; for a list, the commas so far.
  const open: (Set<string> | number)[] = []
  let nameNext = false
  for (let i = 0; i < text.length; i++) {
    switch (text.charCodeAt(i)) {
      case QUOTE: {
        const end = endOfString(text, i)
        if (end < 0) return malformed('has a string that does not end, or half of a surrogate pair')
        if (nameNext) {
          const name = unescape(text.slice(i, end + 1))
          const names = open.at(-1)
          if (name === null || !(names instanceof Set)) return NOT_JSON
          if (names.has(name)) return malformed('has a member twice')
          if (name === '__proto__') return malformed('has a member named __proto__')
          if (names.add(name).size > keys) return beyond(`has an object of more than ${keys} members`)
          nameNext = false
        }
        i = end
        break
      }
      case 0x7b: // {
        if (open.push(new Set()) > depth) return beyond(`is nested deeper than ${depth}`)
        nameNext = true
        break
      case 0x5b: // [
        if (open.push(0) > depth) return beyond(`is nested deeper than ${depth}`)
        nameNext = false
        break
      case 0x7d: // }
      case 0x5d: // ]
        open.pop()
        nameNext = false
        break
      case 0x2c: {
        // ,
        const commas = open.at(-1)
        nameNext = typeof commas === 'object'
        if (typeof commas !== 'number') break
        if (commas + 2 > items) return beyond(`has a list of more than ${items} items`)
        open[open.length - 1] = commas + 1
        break
      }
    }
  }
  return null
}

/** Index of the closing quote of the string that opens at `start`; -1 when there is none or a `\u` escape is half a pair. */
function endOfString(text: string, start: number): number {
  for (let i = start + 1; i < text.length; i++) {
    const c = text.charCodeAt(i)
    if (c === QUOTE) return i
    if (c !== BACKSLASH) continue
    i++
    if (text.charCodeAt(i) !== 0x75 /* u */) continue
    const unit = hex4(text, i + 1)
    i += 4
    if (unit < 0xd800 || unit > 0xdfff) continue
    // A high half must be followed at once by a low one, also escaped: raw halves cannot come out of UTF-8.
    const low = text.charCodeAt(i + 1) === BACKSLASH && text.charCodeAt(i + 2) === 0x75 ? hex4(text, i + 3) : -1
    if (unit > 0xdbff || low < 0xdc00 || low > 0xdfff) return -1
    i += 6
  }
  return -1
}

/** Four hexadecimal digits as a number, or -1. */
function hex4(text: string, at: number): number {
  let value = 0
  for (let i = at; i < at + 4; i++) {
    const c = text.charCodeAt(i)
    const digit = c >= 0x30 && c <= 0x39 ? c - 0x30 : (c | 0x20) >= 0x61 && (c | 0x20) <= 0x66 ? (c | 0x20) - 0x57 : -1
    if (digit < 0) return -1
    value = value * 16 + digit
  }
  return value
}

/** What a string literal, quotes included, says; null when it says nothing in JSON. */
function unescape(literal: string): string | null {
  if (!literal.includes('\\')) return literal.slice(1, -1)
  try {
    return String(JSON.parse(literal))
  } catch {
    return null
  }
}

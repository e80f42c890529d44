import { FIELD_BYTES } from '../../headers.ts'
import { MAX_FIELDS, MAX_HEAD } from '../bounds.ts'
import { removeNamed } from '../hop-by-hop.ts'
import {
  CONNECTION,
  CONTENT_LENGTH,
  type FieldName,
  fieldName,
  hashByte,
  KEEP_ALIVE,
  ORDINARY,
  TOKEN,
  TRANSFER_ENCODING
} from './field-names.ts'
import { type KnownHead, KnownHeads } from './known-heads.ts'

const HTAB = 0x09
const LF = 0x0a
const CR = 0x0d
const SP = 0x20
const COLON = 0x3a

/** `parse` has not seen the end of the head. */
export const INCOMPLETE = -1
/** `parse` met something that is no head; `error` says what. */
export const INVALID = -2

/** What an answer's head says. Fields hold what the last complete head said. */
export class HeadParser {
  status = 0
  /** Flat name, value pairs; names lower-case, values Latin-1; fields that end with the connection are left out. */
  headers: readonly string[] = []
  /** -1: none given. */
  contentLength = -1
  chunked = false
  /** As far as the head can say. */
  keepAlive = false
  /** Seconds of `Keep-Alive: timeout`, or -1. */
  keepAliveSeconds = -1
  #fields = 0
  /** After INVALID: what was wrong, for the log. */
  error = ''

  /**
   * Parses a head at `bytes[start, end)`, which begins there. Returns the offset behind it, INCOMPLETE or INVALID. A
   * head that is cut anywhere is INCOMPLETE and has to be given again as a whole.
   */
  parse(bytes: Buffer, start: number, end: number): number {
    const head = known.find(bytes, start, end)
    if (head !== null) return start + this.#recall(head)
    const fields = start + STATUS_LINE.length
    if (!this.#statusLineBegins(bytes, start, end)) return INVALID
    if (fields >= end) return INCOMPLETE
    const behind = this.#scan(bytes, fields, end)
    if (behind < 0) return behind
    if (behind - start > MAX_HEAD) return this.#invalid(`a head of more than ${MAX_HEAD} bytes`)
    // In range: the status line was checked to be there.
    const minor = bytes[start + 7]! - 0x30
    this.status = (bytes[start + 9]! - 0x30) * 100 + (bytes[start + 10]! - 0x30) * 10 + (bytes[start + 11]! - 0x30)
    if (!this.#understand(bytes.toString('latin1', start, behind), start, minor)) return INVALID
    known.keep(bytes, start, behind - start, this)
    return behind
  }

  /** Says what the known head said; returns its length. */
  #recall(head: KnownHead): number {
    this.status = head.status
    this.headers = head.headers
    this.contentLength = head.contentLength
    this.chunked = head.chunked
    this.keepAlive = head.keepAlive
    this.keepAliveSeconds = head.keepAliveSeconds
    return head.length
  }

  /** Checks every byte from the end of the status on and notes where the fields are. */
  #scan(bytes: Buffer, start: number, end: number): number {
    this.#fields = 0
    let i = start
    while (i < end && FIELD_BYTES[bytes[i]!] === 1) i++
    i = this.#lineEnd(bytes, i, end, 'a status line')
    while (i > 0) {
      if (i === end) return INCOMPLETE
      if (bytes[i] === CR) return this.#lineEnd(bytes, i, end, 'a head')
      if (this.#fields === MAX_FIELDS) return this.#invalid(`more than ${MAX_FIELDS} fields`)

      const nameStart = i
      let hash = 0
      for (let byte = 0; i < end && (byte = TOKEN[bytes[i]!]!) !== 0; i++) hash = hashByte(hash, byte)
      if (i === end) return INCOMPLETE
      if (bytes[i] !== COLON || i === nameStart) return this.#invalid('a field whose name is no token')
      const nameEnd = i++

      while (i < end && (bytes[i] === SP || bytes[i] === HTAB)) i++
      const valueStart = i
      while (i < end && FIELD_BYTES[bytes[i]!] === 1) i++
      let valueEnd = i
      while (valueEnd > valueStart && (bytes[valueEnd - 1] === SP || bytes[valueEnd - 1] === HTAB)) valueEnd--
      i = this.#lineEnd(bytes, i, end, 'a field')
      if (i < 0) return i

      NAMES[this.#fields] = fieldName(bytes, nameStart, nameEnd, hash)
      SPANS[this.#fields * 2] = valueStart
      SPANS[this.#fields * 2 + 1] = valueEnd
      this.#fields++
    }
    return i
  }

  /**
   * Takes the fields apart. `head` is the whole head's text, which begins at offset `start`: one string that all values
   * are slices of, where one string each would cost a call into native code each.
   */
  #understand(head: string, start: number, minor: number): boolean {
    const headers: string[] = []
    let connection = ''
    this.contentLength = -1
    this.chunked = false
    this.keepAlive = minor === 1
    this.keepAliveSeconds = -1
    for (let i = 0; i < this.#fields; i++) {
      // In range: the scan filled as many.
      const { name, meaning } = NAMES[i]!
      const value = head.slice(SPANS[i * 2]! - start, SPANS[i * 2 + 1]! - start)
      switch (meaning) {
        case ORDINARY:
          headers.push(name, value)
          break
        case CONTENT_LENGTH:
          if (this.contentLength >= 0) return this.#refuse('more than one content-length')
          this.contentLength = digits(value)
          if (this.contentLength < 0) return this.#refuse('a content-length that is no length')
          headers.push(name, value)
          break
        case TRANSFER_ENCODING:
          if (this.chunked) return this.#refuse('more than one transfer-encoding')
          if (value !== 'chunked' && value.toLowerCase() !== 'chunked') {
            return this.#refuse('a transfer coding other than chunked')
          }
          this.chunked = true
          break
        case CONNECTION:
          connection = connection === '' ? value : `${connection},${value}`
          break
        case KEEP_ALIVE:
          this.keepAliveSeconds = timeoutOf(value)
          break
      }
    }
    if (this.chunked && this.contentLength >= 0) return this.#refuse('both a length and chunks')
    // HTTP/1.0 has no transfer codings: whoever sends one is not to be believed (RFC 9112 section 6.1).
    if (this.chunked && minor === 0) return this.#refuse('a transfer coding in HTTP/1.0')
    this.headers = headers
    if (connection !== '' && connection !== 'keep-alive') this.#obey(connection, headers)
    return true
  }

  /** Whether what is there is `HTTP/1.x 000 `, or the beginning of it. */
  #statusLineBegins(bytes: Buffer, start: number, end: number): boolean {
    const stop = Math.min(end, start + STATUS_LINE.length)
    for (let i = start; i < stop; i++) {
      // In range: both loops' bounds.
      const expected = STATUS_LINE[i - start]!
      const byte = bytes[i]!
      const fits = expected === DIGIT ? byte >= 0x30 && byte <= 0x39 : expected === byte
      if (!fits) {
        this.error = 'no HTTP/1.1 status line'
        return false
      }
    }
    // The version's minor digit, 0 or 1, and the status's first, 1 to 5; more would be nobody's.
    if ((stop - start > 7 && bytes[start + 7]! > 0x31) || (stop - start > 9 && bytes[start + 9] === 0x30)) {
      this.error = 'no HTTP/1.1 status line'
      return false
    }
    if (stop - start < STATUS_LINE.length || end - start === STATUS_LINE.length) return true
    const behind = bytes[start + 12]
    if (behind === SP || behind === CR) return true
    this.error = 'a status that is not three digits'
    return false
  }

  /** The offset behind the CRLF at `i`, INCOMPLETE or INVALID. */
  #lineEnd(bytes: Buffer, i: number, end: number, what: string): number {
    if (i >= end) return INCOMPLETE
    if (bytes[i] !== CR) return this.#invalid(`${what} with a control character or a bare LF`)
    if (i + 1 >= end) return INCOMPLETE
    if (bytes[i + 1] !== LF) return this.#invalid(`${what} with a bare CR`)
    return i + 2
  }

  /** What `Connection: …` asks for. */
  #obey(connection: string, headers: string[]): void {
    for (const word of connection.toLowerCase().split(',')) {
      if (word.trim() === 'close') this.keepAlive = false
    }
    removeNamed(headers, connection)
  }

  #invalid(what: string): typeof INVALID {
    this.error = what
    return INVALID
  }

  #refuse(what: string): false {
    this.error = what
    return false
  }
}

/** The thread's, since its connections lead to few upstreams. */
const known = new KnownHeads()

/** The fields of the head that is being parsed, and where their values begin and end: no two are parsed at once. */
const NAMES: FieldName[] = []
const SPANS = new Int32Array(MAX_FIELDS * 2)

/** Stands for any digit in STATUS_LINE. */
const DIGIT = 0
const STATUS_LINE: readonly number[] = Array.from('HTTP/1.0 000', (char) => (char === '0' ? DIGIT : char.charCodeAt(0)))

/** 1 to 15 digits, which a double holds exactly; else -1. */
function digits(value: string): number {
  if (value.length === 0 || value.length > 15) return -1
  let number = 0
  for (let i = 0; i < value.length; i++) {
    const digit = value.charCodeAt(i) - 0x30
    if (digit < 0 || digit > 9) return -1
    number = number * 10 + digit
  }
  return number
}

/** The seconds of `timeout=5, max=100`, or -1. */
function timeoutOf(value: string): number {
  const at = value.toLowerCase().indexOf('timeout=')
  if (at < 0) return -1
  let end = at + 8
  while (end < value.length && value.charCodeAt(end) >= 0x30 && value.charCodeAt(end) <= 0x39) end++
  return digits(value.slice(at + 8, end))
}

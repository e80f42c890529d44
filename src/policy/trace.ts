import { randomFillSync } from 'node:crypto'
import { wallMs } from '../memory/clock.ts'

/** What names a request over several programs: W3C trace context (level 1), and our own request ids. */

/**
 * Random digits are drawn for hundreds of requests at once: a call for 8 bytes costs as much as one for 8,192, and
 * a slice of the text 20 times less than writing 24 bytes as hex.
 */
class Digits {
  readonly #bytes: Buffer
  readonly #write: (bytes: Buffer) => string
  #text = ''
  #used = 0

  constructor(bytes: number, write: (bytes: Buffer) => string) {
    this.#bytes = Buffer.alloc(bytes)
    this.#write = write
  }

  draw(count: number): string {
    if (this.#used + count > this.#text.length) {
      this.#text = this.#write(randomFillSync(this.#bytes))
      this.#used = 0
    }
    this.#used += count
    return this.#text.slice(this.#used - count, this.#used)
  }
}

const TRACEPARENT = '00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01'.length
const TRACE_ID = 32
const SPAN_ID = 16

const SPANS = new Digits(2048, (bytes) => bytes.toString('hex'))
/** Whole fields, so that one is a slice, and its trace id a slice of that: nothing is put together for each request. */
const NEW_TRACES = new Digits(6144, (bytes) => {
  const hex = bytes.toString('hex')
  const fields: string[] = []
  for (let at = 0; at < hex.length; at += TRACE_ID + SPAN_ID) {
    fields.push(`00-${hex.slice(at, at + TRACE_ID)}-${hex.slice(at + TRACE_ID, at + TRACE_ID + SPAN_ID)}-00`)
  }
  return fields.join('')
})

/**
 * The `traceparent` to send on. A trusted proxy's is continued: same trace, same flags, a span of our own; anyone
 * else's, or a broken one, is left for a new, unsampled trace.
 */
export function nextTraceparent(received: string | undefined, trusted: boolean): string {
  if (trusted && received !== undefined && isTraceparent(received)) {
    return `00-${received.slice(3, 35)}-${newSpan()}-${(parseInt(received.charAt(54), 16) & 1) === 1 ? '01' : '00'}`
  }
  let fresh = NEW_TRACES.draw(TRACEPARENT)
  while (isZero(fresh, 3, 35) || isZero(fresh, 36, 52)) fresh = NEW_TRACES.draw(TRACEPARENT)
  return fresh
}

/** Not all zeros, which would say "no id". */
function newSpan(): string {
  let id = SPANS.draw(SPAN_ID)
  while (isZero(id, 0, SPAN_ID)) id = SPANS.draw(SPAN_ID)
  return id
}

/** The 32 hex digits that name the trace in a `traceparent` of ours. */
export function traceIdOf(traceparent: string): string {
  return traceparent.slice(3, 35)
}

/**
 * Whether `value` is a traceparent (section 3.2.2): lower-case hex, no id of zeros, version ff forbidden, version 00
 * exactly 55 characters; a later version may go on behind another `-`, and is read as 00.
 */
export function isTraceparent(value: string): boolean {
  if (value.length < 55 || !isHex(value, 0, 2) || value.startsWith('ff')) return false
  if (value.length > 55 && (value.startsWith('00') || value.charAt(55) !== '-')) return false
  if (value.charAt(2) !== '-' || value.charAt(35) !== '-' || value.charAt(52) !== '-') return false
  if (!isHex(value, 3, 35) || !isHex(value, 36, 52) || !isHex(value, 53, 55)) return false
  return !isZero(value, 3, 35) && !isZero(value, 36, 52)
}

function isHex(text: string, start: number, end: number): boolean {
  for (let i = start; i < end; i++) {
    const c = text.charCodeAt(i)
    if (!((c >= 0x30 && c <= 0x39) || (c >= 0x61 && c <= 0x66))) return false
  }
  return true
}

function isZero(text: string, start: number, end: number): boolean {
  for (let i = start; i < end; i++) if (text.charCodeAt(i) !== 0x30) return false
  return true
}

/** Crockford's base 32: no I, L, O, U, so an id survives being read aloud. */
const BASE32 = '0123456789ABCDEFGHJKMNPQRSTVWXYZ'

const ID = 26
const TIME = 10
/**
 * Ids one behind the other, but for their times. An id is read out of it and not put together of two texts: it is written
 * three times, and such a text would have to be made one for that, which takes longer than all the rest.
 */
const IDS = Buffer.alloc(256 * ID)
let idsUsed = IDS.length

let idTime = -1
const TIME_LETTERS = Buffer.alloc(TIME)

/**
 * 26 characters: the time in ms (10) and 80 random bits (16), so ids sort by time and can't be guessed.
 *
 * @param now ms since the epoch, a whole number
 */
export function newRequestId(now = wallMs()): string {
  if (now !== idTime) {
    idTime = now
    for (let i = TIME - 1, rest = now; i >= 0; i--, rest = Math.floor(rest / 32)) TIME_LETTERS[i] = letter(rest % 32)
  }
  if (idsUsed === IDS.length) {
    randomFillSync(IDS)
    for (let i = 0; i < IDS.length; i++) IDS[i] = letter((IDS[i] ?? 0) & 31)
    idsUsed = 0
  }
  const start = idsUsed
  idsUsed += ID
  for (let i = 0; i < TIME; i++) IDS[start + i] = TIME_LETTERS[i] ?? 0
  return IDS.toString('latin1', start, idsUsed)
}

function letter(value: number): number {
  return BASE32.charCodeAt(value)
}

/** A trusted proxy's `X-Request-Id` if it can go into logs and headers as it is, else a new id. */
export function requestIdFor(received: string | undefined, trusted: boolean, now = wallMs()): string {
  return trusted && received !== undefined && isRequestId(received) ? received : newRequestId(now)
}

/** 1-128 letters, digits and `-._~+/=:@`: nothing that means something in JSON, in a shell or in a list. */
function isRequestId(id: string): boolean {
  if (id.length === 0 || id.length > 128) return false
  for (let i = 0; i < id.length; i++) {
    const c = id.charCodeAt(i)
    const alphanumeric = (c >= 0x30 && c <= 0x39) || (c >= 0x41 && c <= 0x5a) || (c >= 0x61 && c <= 0x7a)
    if (!alphanumeric && !'-._~+/=:@'.includes(id.charAt(i))) return false
  }
  return true
}

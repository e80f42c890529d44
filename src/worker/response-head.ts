import type { AnswerFields, SharedFields } from '../answer-fields.ts'
import { nodeHttp } from '../built-in.ts'
import { ByteViews } from '../byte-views.ts'
import { FIELD_TEXT, TextBytes } from '../text-bytes.ts'

/** Longer heads get memory of their own. */
const SIZE = 16 * 1024
/** Lengths that come again and again. */
const VIEWS = 2048
/** Longest text that is turned into bytes in the thread's own memory. */
const MAX_TEXT = 2048
/** Of a status line, amply: phrases are Node.js's own. */
const MAX_LINE = 64
const COLON = 0x3a
const SP = 0x20
const CR = 0x0d
const LF = 0x0a

/**
 * Where a thread puts together what it hands to uWS as bytes: an answer's head, in one piece, and small bodies. uWS
 * takes a field a call, each with two strings that it measures, flattens and encodes: 0.3 µs, nine times. What it is
 * given it copies before the call returns, so the same memory serves the next answer.
 */
const HEADS = new TextBytes(SIZE)
const TEXTS = Buffer.allocUnsafeSlow(MAX_TEXT)
const heads = new ByteViews(HEADS.bytes, VIEWS)
const texts = new ByteViews(TEXTS, MAX_TEXT + 1)

/**
 * What stands in HEADS since the answer before, which the next one often has, too, at the same place: HEADS begins with
 * the bytes of `standing`, and right behind them are the first `textsStanding` of `standingTexts`, each with what parts it
 * from the next. So whoever writes there lowers `textsStanding` before, to those in front of what he writes: a text that
 * throws half way leaves nothing that is taken for whole.
 */
let standing: Uint8Array | null = null
let textsStanding = 0
const standingTexts: string[] = []

/**
 * All of a head as if it were a status: `401 Unauthorized⏎name: value⏎name: value`. uWS writes the version before it and
 * the line's end behind. What comes here was checked long before; but uWS filters nothing, so a character that would end
 * a line or that is no byte is an exception here.
 *
 * @returns valid until the next call
 */
export function headBytes(status: number, fields: AnswerFields): Uint8Array {
  const size = sizeOf(status, fields)
  // The last line's end is written by uWS.
  if (size <= SIZE) return heads.of(putOwn(putShared(HEADS, status, fields.shared), fields.own) - 2)
  const into = new TextBytes(size)
  return into.bytes.subarray(0, putFields(into, putShared(into, status, fields.shared), fields.own) - 2)
}

/** A text's UTF-8. @returns valid until the next call when it is short */
export function textBytes(text: string): Uint8Array {
  const { length } = text
  if (length > MAX_TEXT) return Buffer.from(text)
  for (let i = 0; i < length; i++) {
    const char = text.charCodeAt(i)
    if (char > 0x7f) return Buffer.from(text)
    TEXTS[i] = char
  }
  return texts.of(length)
}

function sizeOf(status: number, { shared, own }: AnswerFields): number {
  const known = shared.status === status ? shared.bytes : null
  const size = known === null ? MAX_LINE + listSize(shared.list) : known.length
  return size + listSize(own)
}

function listSize(list: readonly string[]): number {
  let size = 2 * list.length
  for (let i = 0; i < list.length; i++) size += list[i]!.length // in range
  return size
}

function putShared(into: TextBytes, status: number, shared: SharedFields): number {
  const { bytes: known } = shared
  if (known !== null && shared.status === status) {
    if (into !== HEADS) into.bytes.set(known)
    else if (known !== standing) {
      standing = known
      textsStanding = 0
      into.bytes.set(known)
    }
    return known.length
  }
  if (into === HEADS) {
    standing = null
    textsStanding = 0
  }
  const end = putFields(into, putLine(into, status), shared.list)
  if (shared.again) {
    shared.bytes = new Uint8Array(into.bytes.subarray(0, end))
    shared.status = status
  }
  return end
}

/** Into HEADS, and only what does not stand there. @returns the offset behind */
function putOwn(start: number, list: readonly string[]): number {
  let at = start
  let stand = textsStanding
  for (let i = 0; i < list.length; i++) {
    const text = list[i]! // in range
    if (i < stand && text === standingTexts[i]) at += text.length
    else {
      // What stood behind a text of another length is not where it would be now; behind one as long it is.
      if (i < stand && text.length !== standingTexts[i]?.length) stand = i
      textsStanding = i
      at = put(HEADS, at, text)
      standingTexts[i] = text
    }
    at = (i & 1) === 0 ? putColon(HEADS, at) : putEnd(HEADS, at)
  }
  textsStanding = list.length
  return at
}

function putLine(into: TextBytes, status: number): number {
  return putEnd(into, put(into, 0, `${status} ${nodeHttp.STATUS_CODES[status] ?? 'Unknown'}`))
}

/** Each with its line's end. @returns the offset behind */
function putFields(into: TextBytes, start: number, list: readonly string[]): number {
  let at = start
  for (let i = 0; i + 1 < list.length; i += 2) {
    // In range: the loop's bound.
    at = putColon(into, put(into, at, list[i]!))
    at = putEnd(into, put(into, at, list[i + 1]!))
  }
  return at
}

function putColon(into: TextBytes, at: number): number {
  into.bytes[at] = COLON
  into.bytes[at + 1] = SP
  return at + 2
}

function putEnd(into: TextBytes, at: number): number {
  into.bytes[at] = CR
  into.bytes[at + 1] = LF
  return at + 2
}

function put(into: TextBytes, at: number, text: string): number {
  const end = into.put(text, at, FIELD_TEXT)
  if (end < 0) throw new Error('a field of an answer has a character that cannot be sent')
  return end
}

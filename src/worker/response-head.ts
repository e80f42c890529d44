import type { AnswerFields, SharedFields } from '../answer-fields.ts'
import { ByteViews } from '../byte-views.ts'
import { FIELD_TEXT, TextBytes } from '../text-bytes.ts'

/** Longer heads get memory of their own. */
const SIZE = 16 * 1024
/** Lengths that come again and again. */
const VIEWS = 2048
/** Longest text that is turned into bytes in the thread's own memory. */
const MAX_TEXT = 2048
const COLON = 0x3a
const SP = 0x20
const CR = 0x0d
const LF = 0x0a

/**
 * Where a thread puts together what it hands to uWS as bytes: an answer's fields, in one piece, and small bodies. uWS
 * takes a field a call, each with two strings that it measures, flattens and encodes: 0.3 µs, nine times. What it is
 * given it copies before the call returns, so the same memory serves the next answer.
 */
const HEADS = new TextBytes(SIZE)
const TEXTS = Buffer.allocUnsafeSlow(MAX_TEXT)
const heads = new ByteViews(HEADS.bytes, VIEWS)
const texts = new ByteViews(TEXTS, MAX_TEXT + 1)

/**
 * The fields as the value of the first of them: `value⏎name: value⏎name: value`. What comes here was checked long
 * before; but uWS filters nothing, so a character that would end a line or that is no byte is an exception here.
 *
 * @returns valid until the next call
 */
export function fieldBytes(fields: AnswerFields): Uint8Array {
  const size = sizeOf(fields)
  const into = size <= SIZE ? HEADS : new TextBytes(size)
  let at = putShared(into, fields.shared)
  at = putFields(into, at, fields.own)
  // The last line's end is written by uWS.
  const length = Math.max(0, at - 2)
  return into === HEADS ? heads.of(length) : into.bytes.subarray(0, length)
}

/** Name of the first field; '' when there is none. */
export function firstName({ shared, own }: AnswerFields): string {
  return shared.list[0] ?? own[0] ?? ''
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

function sizeOf({ shared, own }: AnswerFields): number {
  let size = shared.bytes === null ? listSize(shared.list) : shared.bytes.length
  size += listSize(own)
  return size
}

function listSize(list: readonly string[]): number {
  let size = 2 * list.length
  for (let i = 0; i < list.length; i++) size += list[i]!.length // in range
  return size
}

function putShared(into: TextBytes, shared: SharedFields): number {
  if (shared.bytes !== null) {
    into.bytes.set(shared.bytes, 0)
    return shared.bytes.length
  }
  const end = putFields(into, 0, shared.list)
  if (shared.again) shared.bytes = new Uint8Array(into.bytes.subarray(0, end))
  return end
}

/** Each with its line's end, the first of all without its name. @returns the offset behind */
function putFields(into: TextBytes, start: number, list: readonly string[]): number {
  const { bytes } = into
  let at = start
  for (let i = 0; i + 1 < list.length; i += 2) {
    // In range: the loop's bound.
    const name = list[i]!
    if (at > 0) {
      at = put(into, at, name)
      bytes[at++] = COLON
      bytes[at++] = SP
    }
    at = put(into, at, list[i + 1]!)
    bytes[at++] = CR
    bytes[at++] = LF
  }
  return at
}

function put(into: TextBytes, at: number, text: string): number {
  const end = into.put(text, at, FIELD_TEXT)
  if (end < 0) throw new Error('a field of an answer has a character that cannot be sent')
  return end
}

import type { Socket } from 'node:net'
import { ByteViews } from '../../byte-views.ts'
import { type Allowed, FIELD_TEXT, TARGET_TEXT, TextBytes } from '../../text-bytes.ts'
import type { RepeatedFields } from '../../repeated-fields.ts'
import type { UpstreamRequest } from '../transport.ts'
import { TOKEN } from './field-names.ts'

/** What `head` returns besides the number of bytes. */
export const NO_ROOM = -1
export const INVALID = -2

const SIZE = 64 * 1024
/** Lengths of writes that come again and again: those of one head. */
const VIEWS = 1024
const CR = 0x0d
const LF = 0x0a
const SP = 0x20
const COLON = 0x3a
const SLASH = 0x2f

/**
 * Where a thread puts together what one connection is about to write: heads of requests and small parts of bodies.
 *
 * Every string is checked and copied by itself: building the head as one string, checking it and having the socket
 * flatten and copy it took twice the time. The bytes are handed to the kernel within the write
 * nearly always, and then the same memory serves the next connection.
 */
export class Outgoing {
  #texts = new TextBytes(SIZE)
  #bytes = this.#texts.bytes
  #views = new ByteViews(this.#bytes, VIEWS)
  #length = 0
  /** Host fields in the head that is being put together. */
  #hosts = 0

  /**
   * Appends a request's head and returns its length; NO_ROOM when it doesn't fit behind what is there, or at all;
   * INVALID when something in it can't be sent. What comes here was checked long before; but nothing that writes bytes
   * may leave that to others (text-bytes.ts says what else).
   */
  head(request: UpstreamRequest): number {
    const { method, path, headers, repeated, bodyLength } = request
    if (path.charCodeAt(0) !== SLASH) return INVALID
    const start = this.#length
    let at = this.#put(method, start, TOKENS)
    if (at === start) return INVALID
    at = this.#put(' ', at, FIELD_TEXT)
    at = this.#put(path, at, TARGET_TEXT)
    at = this.#put(' HTTP/1.1', at, FIELD_TEXT)
    at = this.#endLine(at)
    this.#hosts = 0
    at = this.#fields(headers, at)
    // In range: the loop's bound.
    for (let i = 0; i < repeated.length; i++) at = this.#repeated(repeated[i]!, at)
    if (bodyLength > 0) at = this.#field('content-length', String(bodyLength), at)
    else if (bodyLength < 0) at = this.#field('transfer-encoding', 'chunked', at)
    // Where a body would be usual, its absence is said (RFC 9110 section 8.6); some servers answer 411 otherwise.
    else if (method === 'POST' || method === 'PUT' || method === 'PATCH') at = this.#field('content-length', '0', at)
    at = this.#endLine(at)
    if (at < 0) return at
    if (this.#hosts !== 1) return INVALID
    this.#length = at
    return at - start
  }

  get empty(): boolean {
    return this.#length === 0
  }

  /** Appends as much as fits of a body's part from `from` on, and returns how many bytes that were. */
  append(bytes: Uint8Array, from: number): number {
    const length = Math.min(bytes.length - from, SIZE - this.#length)
    this.#bytes.set(length === bytes.length ? bytes : bytes.subarray(from, from + length), this.#length)
    this.#length += length
    return length
  }

  /** Forgets what was appended and not written. */
  clear(): void {
    this.#length = 0
  }

  /** Writes what was appended, in one write. */
  writeTo(socket: Socket, tls: boolean): void {
    const bytes = this.#views.of(this.#length)
    this.#length = 0
    // TLS is never done with the bytes at once: of its own copy there is no more than was written.
    if (tls) {
      socket.write(Buffer.from(bytes))
      return
    }
    socket.write(bytes)
    // The kernel did not take all of it, so the memory is the socket's now.
    if (socket.writableLength > 0) {
      this.#texts = new TextBytes(SIZE)
      this.#bytes = this.#texts.bytes
      this.#views = new ByteViews(this.#bytes, VIEWS)
    }
  }

  #fields(list: readonly string[], start: number): number {
    if (list.length % 2 !== 0) return INVALID
    let at = start
    for (let i = 0; i < list.length; i += 2) {
      // In range: the length is even.
      const name = list[i]!
      if (name === 'host' || (name.length === 4 && name.toLowerCase() === 'host')) this.#hosts++
      if (name === '' || decidesFraming(name)) return INVALID
      at = this.#field(name, list[i + 1]!, at)
    }
    return at
  }

  /** What was checked here once is copied. */
  #repeated(fields: RepeatedFields, at: number): number {
    if (at < 0) return at
    const { lines } = fields
    if (lines !== null) {
      if (lines.length > SIZE - at) return NO_ROOM
      this.#bytes.set(lines, at)
      return at + lines.length
    }
    const hosts = this.#hosts
    const end = this.#fields(fields.list, at)
    if (end < 0) return end
    // A head's one Host is counted where it is not known already.
    if (this.#hosts !== hosts) return INVALID
    if (fields.again) fields.lines = new Uint8Array(this.#bytes.subarray(at, end))
    return end
  }

  /** `name: value` and the line's end. */
  #field(name: string, value: string, at: number): number {
    let next = this.#put(name, at, TOKENS)
    if (next < 0) return next
    if (next + 2 > SIZE) return NO_ROOM
    this.#bytes[next++] = COLON
    this.#bytes[next++] = SP
    return this.#endLine(this.#put(value, next, FIELD_TEXT))
  }

  #endLine(at: number): number {
    if (at < 0) return at
    if (at + 2 > SIZE) return NO_ROOM
    this.#bytes[at] = CR
    this.#bytes[at + 1] = LF
    return at + 2
  }

  /** Copies characters that `allowed` has, to offset `at`; a negative `at` is what was wrong before. Returns the offset behind. */
  #put(text: string, at: number, allowed: Allowed): number {
    if (at < 0) return at
    if (text.length > SIZE - at) return NO_ROOM
    const end = this.#texts.put(text, at, allowed)
    return end < 0 ? INVALID : end
  }
}

/** Fields that only the transport may write. Compared by length first: nearly every name ends there. */
function decidesFraming(name: string): boolean {
  switch (name.length) {
    case 6:
      return name.toLowerCase() === 'expect'
    case 7:
      return name.toLowerCase() === 'upgrade'
    case 10: {
      // Most often x-consumer or user-agent.
      const first = name.charCodeAt(0) | 0x20
      if (first !== 0x63 && first !== 0x6b) return false
      const lower = name.toLowerCase()
      return lower === 'connection' || lower === 'keep-alive'
    }
    case 14:
      return name.toLowerCase() === 'content-length'
    case 17:
      return name.toLowerCase() === 'transfer-encoding'
    default:
      return false
  }
}

const TOKENS: Allowed = { table: TOKEN, from: 0 }

import { MAX_FIELDS, MAX_HEAD, MAX_INTERIM } from '../bounds.ts'
import { TOKEN } from './field-names.ts'
import { HeadParser, INCOMPLETE, INVALID } from './head-parser.ts'

export interface ResponseReader {
  /** The head of the answer that counts; interim ones never show. */
  onHead(status: number, headers: readonly string[]): void
  /** The chunk is valid during the call only. False: stop here. */
  onBody(chunk: Buffer): boolean
}

/** Bytes of chunk extensions in one answer: nothing reads them, so more can only be there to keep us busy. */
const MAX_EXTENSIONS = 16 * 1024

// Where the parser stands in an answer.
const HEAD = 0
const LENGTH = 1
const UNTIL_CLOSE = 2
const SIZE_FIRST = 3
const SIZE = 4
const EXTENSION_FIRST = 5
const EXTENSION = 6
const QUOTED = 7
const ESCAPED = 8
const SIZE_LF = 9
const DATA = 10
const DATA_CR = 11
const DATA_LF = 12
const TRAILER_FIRST = 13
const TRAILER_NAME = 14
const TRAILER_VALUE = 15
const TRAILER_LF = 16
const LAST_LF = 17
const DONE = 18
const FAILED = 19

const HTAB = 0x09
const LF = 0x0a
const CR = 0x0d
const QUOTE = 0x22
const COLON = 0x3a
const SEMICOLON = 0x3b
const BACKSLASH = 0x5c

/** Hexadecimal digits of a chunk's size: 52 bits, which a double holds exactly. */
const MAX_SIZE_DIGITS = 13

/**
 * Reads one answer after another from the bytes of a connection, wherever they are cut, and takes nothing that two
 * readers could understand differently: whoever stands behind an upstream must not get to say where its answer ends.
 * Long because it is one state machine, whose states are best read in the order in which the bytes come.
 */
export class ResponseParser {
  readonly #reader: ResponseReader
  readonly #head = new HeadParser()
  #state = DONE
  #headRequest = false
  #interim = 0
  /** A head that came in pieces, and how much of it there is. */
  #pieces: Buffer | null = null
  #piecesLength = 0
  /** Bytes of a body or a chunk still to come. */
  #left = 0
  #sizeDigits = 0
  #overhead = 0
  #trailers = 0
  #reusable = false
  /** Any byte of the answer has come. */
  started = false
  /** What was wrong with the answer, for the log. */
  error = ''

  constructor(reader: ResponseReader) {
    this.#reader = reader
  }

  /** An answer is expected, to a HEAD request or another. */
  begin(headRequest: boolean): void {
    this.#state = HEAD
    this.#headRequest = headRequest
    this.#interim = 0
    this.#piecesLength = 0
    this.started = false
  }

  get done(): boolean {
    return this.#state === DONE
  }

  get failed(): boolean {
    return this.#state === FAILED
  }

  /** Whether both sides mean to keep the connection, as the last head said; false before the first. */
  get keepAlive(): boolean {
    return this.#reusable
  }

  /** Seconds that the upstream says it keeps the connection, or -1. */
  get keepAliveSeconds(): number {
    return this.#head.keepAliveSeconds
  }

  /**
   * Reads from `bytes[start, end)` and returns the offset where it stopped: at `end`, behind the answer when `done`,
   * or behind a chunk that the reader answered with false.
   */
  execute(bytes: Buffer, start: number, end: number): number {
    let i = start
    if (i < end) this.started = true
    while (i < end) {
      switch (this.#state) {
        case HEAD:
          i = this.#readHead(bytes, i, end)
          break
        case LENGTH:
        case DATA: {
          const stop = Math.min(end, i + this.#left)
          const chunk = bytes.subarray(i, stop)
          this.#left -= stop - i
          i = stop
          if (this.#left === 0) this.#state = this.#state === LENGTH ? DONE : DATA_CR
          if (!this.#reader.onBody(chunk)) return i
          break
        }
        case UNTIL_CLOSE:
          this.#reader.onBody(bytes.subarray(i, end))
          return end
        case DONE:
        case FAILED:
          return i
        default:
          // In range: i is below end.
          this.#frame(bytes[i]!)
          i++
      }
    }
    return i
  }

  /** The connection has ended. True: that was the end of the answer. */
  finish(): boolean {
    if (this.#state !== UNTIL_CLOSE) return false
    this.#state = DONE
    return true
  }

  #readHead(bytes: Buffer, start: number, end: number): number {
    let from = bytes
    let at = start
    let stop = end
    const before = this.#piecesLength
    if (before > 0) {
      from = this.#keepPiece(bytes, start, end)
      at = 0
      stop = this.#piecesLength
      // Only a line's end can complete a head; without this a head of single bytes would be parsed once for each.
      if (stop < MAX_HEAD && bytes.subarray(start, end).indexOf(LF) < 0) return end
    }
    const behind = this.#head.parse(from, at, stop)
    if (behind === INVALID) return this.#fail(this.#head.error, end)
    if (behind === INCOMPLETE) {
      if (stop - at >= MAX_HEAD) return this.#fail(`a head of more than ${MAX_HEAD} bytes`, end)
      if (before === 0) this.#keepPiece(bytes, start, end)
      return end
    }
    this.#piecesLength = 0
    this.#understand()
    return before > 0 ? start + behind - before : behind
  }

  /** Adds to the pieces of a head as much as a head may have. */
  #keepPiece(bytes: Buffer, start: number, end: number): Buffer {
    this.#pieces ??= Buffer.allocUnsafeSlow(MAX_HEAD)
    this.#piecesLength += bytes.copy(this.#pieces, this.#piecesLength, start, end)
    return this.#pieces
  }

  /** Decides where the body ends (RFC 9112 section 6.3), and hands on the head. */
  #understand(): void {
    const { status, chunked, contentLength, keepAlive, headers } = this.#head
    if (status < 200) {
      if (status === 101) this.#fail('a switch of protocols nobody asked for', 0)
      else if (++this.#interim > MAX_INTERIM) this.#fail(`more than ${MAX_INTERIM} interim answers`, 0)
      return
    }
    this.#reusable = keepAlive
    if (this.#headRequest || status === 304) {
      // Says how long a body would have been. Chunks that a 304 announces may follow all the same.
      if (chunked && !this.#headRequest) this.#reusable = false
      this.#state = DONE
    } else if (status === 204) {
      // A body it may not have: whoever announces one may send it.
      if (chunked || contentLength > 0) this.#reusable = false
      this.#state = DONE
    } else if (chunked) {
      this.#overhead = 0
      this.#trailers = 0
      this.#state = SIZE_FIRST
    } else if (contentLength >= 0) {
      this.#left = contentLength
      this.#state = contentLength === 0 ? DONE : LENGTH
    } else {
      this.#reusable = false
      this.#state = UNTIL_CLOSE
    }
    this.#reader.onHead(status, headers)
  }

  /** One byte of the framing of chunks (RFC 9112 section 7.1). */
  #frame(byte: number): void {
    switch (this.#state) {
      case SIZE_FIRST: {
        const digit = hex(byte)
        if (digit < 0) return this.#broken('a chunk without a size')
        this.#left = digit
        this.#sizeDigits = 1
        this.#state = SIZE
        return
      }
      case SIZE: {
        const digit = hex(byte)
        if (digit >= 0) {
          if (++this.#sizeDigits > MAX_SIZE_DIGITS) return this.#broken('a chunk of a size past counting')
          this.#left = this.#left * 16 + digit
        } else if (byte === CR) this.#state = SIZE_LF
        else if (byte === SEMICOLON) this.#state = EXTENSION_FIRST
        else this.#broken('a chunk whose size is no number')
        return
      }
      case EXTENSION_FIRST:
        if (TOKEN[byte] === 0) return this.#broken('an empty chunk extension')
        this.#state = EXTENSION
        return
      case EXTENSION:
        if (++this.#overhead > MAX_EXTENSIONS) return this.#broken('chunk extensions without end')
        if (byte === CR) this.#state = SIZE_LF
        else if (byte === SEMICOLON) this.#state = EXTENSION_FIRST
        else if (byte === QUOTE) this.#state = QUOTED
        else if (!isText(byte)) this.#broken('a control character in a chunk extension')
        return
      case QUOTED:
      case ESCAPED:
        if (++this.#overhead > MAX_EXTENSIONS) return this.#broken('chunk extensions without end')
        if (!isText(byte)) return this.#broken('a chunk extension whose quotes do not close')
        if (this.#state === ESCAPED) this.#state = QUOTED
        else if (byte === QUOTE) this.#state = EXTENSION
        else if (byte === BACKSLASH) this.#state = ESCAPED
        return
      case SIZE_LF:
        if (byte !== LF) return this.#broken('a chunk size that ends in a bare CR')
        this.#state = this.#left === 0 ? TRAILER_FIRST : DATA
        this.#overhead = this.#left === 0 ? 0 : this.#overhead
        return
      case DATA_CR:
        if (byte !== CR) return this.#broken('a chunk that is longer than its size')
        this.#state = DATA_LF
        return
      case DATA_LF:
        if (byte !== LF) return this.#broken('a chunk that ends in a bare CR')
        this.#state = SIZE_FIRST
        return
      default:
        this.#trailer(byte)
    }
  }

  /** One byte of the trailers, which are checked and dropped. */
  #trailer(byte: number): void {
    if (++this.#overhead > MAX_HEAD) return this.#broken('trailers without end')
    switch (this.#state) {
      case TRAILER_FIRST:
        if (byte === CR) this.#state = LAST_LF
        else if (TOKEN[byte] === 0) this.#broken('a trailer whose name is no token')
        else if (++this.#trailers > MAX_FIELDS) this.#broken(`more than ${MAX_FIELDS} trailers`)
        else this.#state = TRAILER_NAME
        return
      case TRAILER_NAME:
        if (byte === COLON) this.#state = TRAILER_VALUE
        else if (TOKEN[byte] === 0) this.#broken('a trailer whose name is no token')
        return
      case TRAILER_VALUE:
        if (byte === CR) this.#state = TRAILER_LF
        else if (!isText(byte)) this.#broken('a control character in a trailer')
        return
      case TRAILER_LF:
        if (byte !== LF) return this.#broken('a trailer with a bare CR')
        this.#state = TRAILER_FIRST
        return
      case LAST_LF:
        if (byte !== LF) return this.#broken('a last chunk that ends in a bare CR')
        this.#state = DONE
    }
  }

  #broken(what: string): void {
    this.#fail(what, 0)
  }

  #fail(what: string, at: number): number {
    this.error = what
    this.#state = FAILED
    return at
  }
}

/** Value of a hexadecimal digit, or -1. */
function hex(byte: number): number {
  if (byte >= 0x30 && byte <= 0x39) return byte - 0x30
  const letter = byte | 0x20
  return letter >= 0x61 && letter <= 0x66 ? letter - 0x57 : -1
}

function isText(byte: number): boolean {
  return (byte >= 0x20 && byte !== 0x7f) || byte === HTAB
}

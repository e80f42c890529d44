import type { UpstreamPlan } from '../../plan/upstream.ts'
import { BODY_BUFFER } from '../bounds.ts'
import { Exchange } from '../exchange.ts'
import type { Pool } from '../pool.ts'
import type { UpstreamRequest, UpstreamSink } from '../transport.ts'

/** The connection, as an exchange that it carries sees it. */
export interface ExchangeConnection {
  /** More of the body is gathered. `now`: it is much, or all, and to be written at once. False: wait for `drained`. */
  gathered(now: boolean): boolean
  /** Goes on reading after the exchange was paused. */
  resume(): void
  /** The exchange ended before its time. */
  abandon(exchange: WireExchange): void
}

const LAST_CHUNK = Buffer.from('0\r\n\r\n')
const END_OF_CHUNK = Buffer.from('\r\n')

export class WireExchange extends Exchange {
  readonly #pool: Pool<WireExchange>
  #connection: ExchangeConnection | null = null
  /** Body that waits to be written, framed: for the connection, or for more that comes in the same turn. */
  #body: Uint8Array[] | null = null
  #bodyBytes = 0
  /** Bytes of the body still to come; Infinity when its length is unknown. */
  #left: number
  #bodyEnded: boolean
  /** The target takes no more of the body for now. */
  #blocked = false
  /** The sink was told to wait. */
  #waits = false
  /** The answer is complete, but its last part not yet taken. */
  #answered = false
  /** Its head was written to the connection that carries it. */
  written = false
  /** It was given to a connection before, which could not answer it. */
  retried = false
  /** It was sent while the answer to another was outstanding. */
  behind = false

  constructor(
    request: UpstreamRequest,
    sink: UpstreamSink,
    pool: Pool<WireExchange>,
    timeouts: UpstreamPlan['timeouts']
  ) {
    super(request, sink, pool.target, pool.ticker, timeouts)
    this.#pool = pool
    this.#left = request.bodyLength < 0 ? Infinity : request.bodyLength
    this.#bodyEnded = request.bodyLength === 0
  }

  write(chunk: Uint8Array): boolean {
    if (this.over || this.#bodyEnded || chunk.length === 0) return true
    if (chunk.length > this.#left) {
      this.fail('invalid', `the request's body is longer than the ${this.request.bodyLength} bytes it was said to have`)
      this.release()
      return true
    }
    this.#left -= chunk.length
    const connection = this.#connection
    const chunked = this.request.bodyLength < 0
    if (connection !== null && this.#bodyBytes + chunk.length >= BODY_BUFFER) {
      this.#waits = !this.#writeNow(connection, chunk, chunked)
    } else {
      this.#gather(chunked ? framed(chunk) : Buffer.from(chunk))
      this.#waits = connection === null ? this.#bodyBytes >= BODY_BUFFER : !connection.gathered(false)
    }
    return !this.#waits
  }

  /**
   * Written before this returns, as nearly always, the chunk needs no copy of its own: those of a megabyte took V8 into a
   * full collection every 64 requests, whose threads had a third of the processor time.
   */
  #writeNow(connection: ExchangeConnection, chunk: Uint8Array, chunked: boolean): boolean {
    if (chunked) this.#gather(Buffer.from(`${chunk.length.toString(16)}\r\n`))
    const place = this.#gather(chunk)
    if (chunked) this.#gather(END_OF_CHUNK)
    try {
      return connection.gathered(true)
    } finally {
      // Not written: the connection is not ready, or it threw. The memory behind the chunk is the caller's, and holds
      // another client's bytes next.
      if (this.#body !== null) this.#body[place] = Buffer.from(chunk)
    }
  }

  end(): void {
    if (this.over || this.#bodyEnded) return
    if (this.#left > 0 && this.#left !== Infinity) {
      this.fail('invalid', `the request's body lacks ${this.#left} of the bytes it was said to have`)
      return this.release()
    }
    this.#bodyEnded = true
    if (this.request.bodyLength < 0) this.#gather(LAST_CHUNK)
    this.#connection?.gathered(true)
    if (this.sent) this.awaiting()
  }

  resume(): void {
    if (this.over || !this.paused) return
    this.paused = false
    if (this.#answered) return this.finish()
    this.answering()
    this.#connection?.resume()
  }

  get isPaused(): boolean {
    return this.paused
  }

  /** All of the request was given to the connection. */
  get requestComplete(): boolean {
    return this.#bodyEnded
  }

  /**
   * Whether it may be sent behind another and another behind it: a method without consequences, so that it can be sent
   * again if need be, and no body. One that was sent again already takes no second risk.
   */
  get pipelinable(): boolean {
    const { method, bodyLength } = this.request
    return bodyLength === 0 && (method === 'GET' || method === 'HEAD') && !this.retried
  }

  carriedBy(connection: ExchangeConnection): void {
    this.#connection = connection
    this.written = false
    this.connecting()
  }

  /** Its head is being written. */
  start(): void {
    this.sent = true
    this.written = true
    if (this.#bodyEnded) this.awaiting()
    else this.sending(false)
  }

  /** It is its turn to be answered: the target's time begins. */
  next(): void {
    this.awaiting()
  }

  /** What of the body waits to be written, or null. To be written or copied at once. */
  takeBody(): readonly Uint8Array[] | null {
    const body = this.#body
    this.#body = null
    this.#bodyBytes = 0
    return body
  }

  /** A part of the body was written. `more`: the connection takes more of it. */
  wrote(more: boolean): void {
    this.#blocked = !more
    this.sending(this.#blocked)
  }

  drained(): void {
    if (this.over) return
    if (this.#blocked) this.wrote(true)
    if (!this.#waits) return
    this.#waits = false
    this.sink.onDrain()
  }

  head(status: number, headers: readonly string[]): void {
    if (this.over) return
    this.answering()
    this.sink.onHead(status, headers)
  }

  /** False: stop reading. */
  data(chunk: Buffer): boolean {
    if (this.over) return false
    this.paused = !this.sink.onData(chunk)
    if (this.over) return false
    this.answering()
    return !this.paused
  }

  /** The answer is complete, and the connection no longer this exchange's. */
  answered(): void {
    this.leave()
    this.#answered = true
    if (!this.paused) this.finish()
  }

  leave(): void {
    this.#connection = null
  }

  protected override release(): void {
    this.#body = null
    const connection = this.#connection
    if (connection !== null) connection.abandon(this)
    else this.#pool.cancel(this)
  }

  /** Returns its place in `#body`. */
  #gather(bytes: Uint8Array): number {
    this.#body ??= []
    this.#bodyBytes += bytes.length
    return this.#body.push(bytes) - 1
  }
}

/** A chunk with its size before and CRLF behind it, in one copy. */
function framed(chunk: Uint8Array): Buffer {
  const size = chunk.length.toString(16)
  const bytes = Buffer.allocUnsafe(size.length + chunk.length + 4)
  bytes.write(size, 0, 'latin1')
  bytes[size.length] = 0x0d
  bytes[size.length + 1] = 0x0a
  bytes.set(chunk, size.length + 2)
  bytes[bytes.length - 2] = 0x0d
  bytes[bytes.length - 1] = 0x0a
  return bytes
}

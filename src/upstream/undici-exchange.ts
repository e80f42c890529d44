import { Readable } from 'node:stream'
import type { UpstreamPlan } from '../plan/upstream.ts'
import { BODY_BUFFER, MAX_FIELDS, MAX_INTERIM } from './bounds.ts'
import { Exchange } from './exchange.ts'
import { isHopByHop, removeNamed } from './hop-by-hop.ts'
import type { Pool } from './pool.ts'
import type { UpstreamRequest, UpstreamSink } from './transport.ts'
import { describe } from './socket-error.ts'
import { faultKind, isConnectionLoss } from './undici-fault.ts'

/** The part of undici's dispatch controller that is used. */
export interface Controller {
  readonly rawHeaders?: unknown
  abort(reason: Error): void
  pause(): void
  resume(): void
}

/** What an exchange asks of the client that carries it. */
export interface ExchangeCarrier {
  /** The socket in use had carried an exchange before this one. */
  readonly reused: boolean
  /** The socket in use reported an error. */
  readonly broken: boolean
  /** Gives up connecting. */
  stopConnecting(reason: Error): void
  /** undici is done with the exchange. `clean`: it ended as it should. */
  done(clean: boolean): void
  /** Sends it again over a new connection. */
  retry(exchange: UndiciExchange): void
}

const GIVEN_UP = new Error('the exchange was given up')

/** undici's dispatch handler and our call in one: an object per request less. */
export class UndiciExchange extends Exchange {
  readonly body: RequestBody | null
  readonly #pool: Pool<UndiciExchange>
  #carrier: ExchangeCarrier | null = null
  #controller: Controller | null = null
  #bodyEnded = false
  #answered = false
  #ended = false
  #retried = false
  #interim = 0
  /** Body that undici delivered while paused: it empties the socket when the target closes. Bounded by that buffer. */
  readonly #held: Buffer[] = []

  constructor(
    request: UpstreamRequest,
    sink: UpstreamSink,
    pool: Pool<UndiciExchange>,
    timeouts: UpstreamPlan['timeouts']
  ) {
    super(request, sink, pool.target, pool.ticker, timeouts)
    this.#pool = pool
    this.body = request.bodyLength === 0 ? null : new RequestBody(() => this.#onBodyWanted())
  }

  write(chunk: Uint8Array): boolean {
    if (this.over || this.body === null || chunk.length === 0) return true
    const more = this.body.offer(Buffer.from(chunk))
    if (this.sent) this.sending(!more)
    return more
  }

  end(): void {
    if (this.over || this.body === null) return
    this.#bodyEnded = true
    this.body.push(null)
    if (this.sent) this.awaiting()
  }

  resume(): void {
    if (this.over || !this.paused) return
    this.paused = false
    // undici delivers from inside its own resume and asserts that none of its parsers runs at that moment, which
    // nobody who resumes one exchange from a callback of another can promise.
    setImmediate(() => this.#continue())
  }

  /** Takes the exchange out of undici, wherever it stands there. */
  protected override release(): void {
    this.#held.length = 0
    this.body?.destroy()
    if (this.#ended || this.#pool.cancel(this)) return
    if (this.#controller !== null) this.#controller.abort(GIVEN_UP)
    else this.#carrier?.stopConnecting(GIVEN_UP)
  }

  carriedBy(carrier: ExchangeCarrier): void {
    this.#carrier = carrier
    this.connecting()
  }

  onRequestStart(controller: Controller): void {
    this.#controller = controller
    if (this.over) return controller.abort(GIVEN_UP)
    this.sent = true
    if (this.body === null || this.#bodyEnded) this.awaiting()
    else this.sending(this.body.full)
  }

  onRequestSent(): void {
    this.awaiting()
  }

  onResponseStarted(): void {
    this.#answered = true
  }

  onResponseStart(controller: Controller, status: number): void {
    if (this.over) return
    if (status < 200) {
      if (status === 101) this.#refuse('switches protocols unasked')
      else if (++this.#interim > MAX_INTERIM) this.#refuse(`has more than ${MAX_INTERIM} interim answers before it`)
      return
    }
    const raw: unknown[] = Array.isArray(controller.rawHeaders) ? controller.rawHeaders : []
    if (raw.length > MAX_FIELDS * 2) return this.#refuse(`has more than ${MAX_FIELDS} header fields`)
    const headers: string[] = []
    let connection = ''
    let codings = 0
    for (let i = 0; i + 1 < raw.length; i += 2) {
      const name = latin1(raw[i]).toLowerCase()
      const value = trimEnd(latin1(raw[i + 1]))
      // Anything but chunked is a coding of the bytes that the client could not know of once the field is gone.
      if (name === 'transfer-encoding' && (++codings > 1 || value.toLowerCase() !== 'chunked')) {
        return this.#refuse('has a transfer coding other than chunked')
      }
      if (name === 'connection') connection = connection === '' ? value : `${connection},${value}`
      if (!isHopByHop(name)) headers.push(name, value)
    }
    if (connection !== '') removeNamed(headers, connection)
    this.answering()
    this.sink.onHead(status, headers)
  }

  onResponseData(controller: Controller, chunk: Buffer): void {
    if (this.over) return
    if (this.paused || this.#held.length > 0) {
      this.#held.push(Buffer.from(chunk))
      return
    }
    if (!this.#deliver(chunk)) controller.pause()
  }

  onResponseEnd(): void {
    this.#ended = true
    // A close-delimited answer ends with the connection, but a reset is no end: undici takes it for one.
    const broken = this.#carrier?.broken === true
    this.#leaveCarrier(true)
    if (broken) return this.fail('reset', 'the connection was reset within the answer')
    if (!this.paused && this.#held.length === 0) this.finish()
  }

  onResponseError(_controller: Controller | null, error: Error): void {
    const carrier = this.#carrier
    if (
      !this.over &&
      !this.#retried &&
      !this.#answered &&
      carrier?.reused === true &&
      this.repeatable &&
      isConnectionLoss(error)
    ) {
      this.#retried = true
      this.#controller = null
      return carrier.retry(this)
    }
    this.#leaveCarrier(false)
    this.body?.destroy()
    this.fail(faultKind(error, this.#controller !== null, this.stage === 'answering'), describe(error))
  }

  #leaveCarrier(clean: boolean): void {
    const carrier = this.#carrier
    this.#carrier = null
    carrier?.done(clean)
  }

  /** Hands out a chunk; false when the sink wants no more for now. */
  #deliver(chunk: Buffer): boolean {
    const more = this.sink.onData(chunk)
    if (this.over) return true
    this.paused = !more
    this.answering()
    return more
  }

  #continue(): void {
    while (!this.over && !this.paused) {
      const chunk = this.#held.shift()
      if (chunk === undefined) break
      this.#deliver(chunk)
    }
    if (this.over || this.paused) return
    if (this.#ended) return this.finish()
    this.answering()
    this.#controller?.resume()
  }

  #refuse(what: string): void {
    this.fail('invalid', `the answer ${what}`)
    this.release()
  }

  #onBodyWanted(): void {
    if (this.over) return
    if (this.sent) this.sending(false)
    this.sink.onDrain()
  }
}

/**
 * A request's body as undici takes it. A plain Readable: undici looks into its state to tell streams apart, so a
 * lighter look-alike would hang on undici's insides.
 */
export class RequestBody extends Readable {
  readonly #onWanted: () => void
  /** The writer was told to wait. */
  full = false

  /** `onWanted` comes when there is room again after `offer` returned false. */
  constructor(onWanted: () => void) {
    super({ highWaterMark: BODY_BUFFER })
    this.#onWanted = onWanted
    // undici reports what went wrong to the exchange; without a listener the stream would throw it as well.
    this.on('error', () => {})
  }

  /** False: wait for `onWanted`. */
  offer(chunk: Buffer): boolean {
    const more = this.push(chunk)
    if (!more) this.full = true
    return more
  }

  override _read(): void {
    if (!this.full) return
    this.full = false
    this.#onWanted()
  }
}

function latin1(bytes: unknown): string {
  return Buffer.isBuffer(bytes) ? bytes.toString('latin1') : ''
}

/** Without the white space that may follow a value (RFC 9110 section 5.5); undici's parser only takes off what precedes. */
function trimEnd(value: string): string {
  let end = value.length
  while (end > 0 && (value.charCodeAt(end - 1) === 0x20 || value.charCodeAt(end - 1) === 0x09)) end--
  return end === value.length ? value : value.slice(0, end)
}

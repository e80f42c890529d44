import type { UpstreamPlan } from '../plan/upstream.ts'
import type { Target } from './target.ts'
import { NEVER, type Ticker } from './ticker.ts'
import type { UpstreamCall, UpstreamFault, UpstreamRequest, UpstreamSink } from './transport.ts'

type Stage = 'connecting' | 'sending' | 'awaiting' | 'answering'

/**
 * One request on its way and its answer: what every transport's exchange has in common.
 *
 * The rules about callbacks (transport.ts): a transport calls `finish` and `fail` as its events come, in any order;
 * the sink hears of the first alone, and never before `send` has returned.
 *
 * The deadlines: of the two sides, only the target's silence counts. So nothing is due while the client is slow with
 * its body or has paused the answer.
 */
export abstract class Exchange implements UpstreamCall {
  readonly request: UpstreamRequest
  readonly sink: UpstreamSink
  readonly target: string
  /** Tick at which waiting for a free connection ends. */
  waitsUntil = 0
  /** It stood on a connection that could not answer it. */
  displaced = false
  /** Tick at which its deadline passes, for the connection that carries it to look at; NEVER for none. */
  dueAt = NEVER
  /** The sink has heard its last, or asked to hear nothing more. */
  over = false
  /** A byte of the request may have reached the target. */
  sent = false
  protected stage: Stage = 'connecting'
  protected paused = false
  readonly #ticker: Ticker
  readonly #timeouts: UpstreamPlan['timeouts']
  #returned = false
  #aborted = false

  constructor(
    request: UpstreamRequest,
    sink: UpstreamSink,
    target: Target,
    ticker: Ticker,
    timeouts: UpstreamPlan['timeouts']
  ) {
    this.request = request
    this.sink = sink
    this.target = target.name
    this.#ticker = ticker
    this.#timeouts = timeouts
  }

  /** Key of its client; '' for the gateway itself, which has no share to keep to. */
  get client(): string {
    return this.request.client === null ? '' : this.request.client.shareKey
  }

  abstract write(chunk: Uint8Array): boolean
  abstract end(): void
  abstract resume(): void
  /** Lets go of whatever carries the exchange, which ended before its time. `over` is set. */
  protected abstract release(): void

  abort(): void {
    this.#aborted = true
    if (this.over) return
    this.over = true
    this.release()
  }

  /** `send` is about to return: callbacks may come from now on. */
  returns(): this {
    this.#returned = true
    return this
  }

  finish(): void {
    if (this.over) return
    this.over = true
    this.sink.onEnd()
  }

  fail(kind: UpstreamFault['kind'], detail: string): void {
    if (this.over) return
    this.over = true
    const fault: UpstreamFault = { kind, detail: `${this.target}: ${detail}`, sent: this.sent }
    if (this.#returned) return this.sink.onFault(fault)
    setImmediate(() => {
      if (!this.#aborted) this.sink.onFault(fault)
    })
  }

  /**
   * Whether sending it a second time can do no harm: its method is idempotent (RFC 9110 section 9.2.2) and there is
   * no body that was streamed away.
   */
  get repeatable(): boolean {
    if (this.request.bodyLength !== 0) return false
    switch (this.request.method) {
      case 'GET':
      case 'HEAD':
      case 'OPTIONS':
      case 'TRACE':
      case 'PUT':
      case 'DELETE':
        return true
      default:
        return false
    }
  }

  /** The deadline has passed: which one it was follows from how far the exchange got. */
  onDue(): void {
    const { connect, response, idle } = this.#timeouts
    switch (this.stage) {
      case 'connecting':
        this.fail('connect-timeout', `no connection within ${connect} ms`)
        break
      case 'sending':
        this.fail('idle-timeout', `took nothing of the request's body for ${idle} ms`)
        break
      case 'awaiting':
        this.fail('response-timeout', `no answer within ${response} ms`)
        break
      case 'answering':
        this.fail('idle-timeout', `silent for ${idle} ms within the answer`)
        break
    }
    this.dueAt = NEVER
    this.release()
  }

  /** A connection carries it: the deadline is that of connecting until `sending` or `awaiting` is called. */
  protected connecting(): void {
    this.stage = 'connecting'
    this.dueAt = this.#ticker.after(this.#timeouts.connect)
  }

  /** The body is on its way. `blocked`: the target takes no more of it; else the client is the one to wait for. */
  protected sending(blocked: boolean): void {
    if (this.stage === 'answering') return this.answering()
    if (this.stage === 'awaiting') return
    this.stage = 'sending'
    this.dueAt = blocked ? this.#ticker.after(this.#timeouts.idle) : NEVER
  }

  /** The client has given all of the request. */
  protected awaiting(): void {
    if (this.stage === 'answering') return
    this.stage = 'awaiting'
    this.dueAt = this.#ticker.after(this.#timeouts.response)
  }

  /** The answer's head or a part of its body came. */
  protected answering(): void {
    this.stage = 'answering'
    this.dueAt = this.paused ? NEVER : this.#ticker.after(this.#timeouts.idle)
  }
}

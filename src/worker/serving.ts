import type { AnswerFields } from '../answer-fields.ts'
import { accessRecord } from '../pipeline/access.ts'
import type { BodySource } from '../pipeline/body.ts'
import type { Exchange } from '../pipeline/exchange.ts'
import { Permit } from '../pipeline/authorize.ts'
import { run } from '../pipeline/index.ts'
import { answerHeaders, refusalHeaders } from '../pipeline/messages.ts'
import { revoked } from '../pipeline/revocation.ts'
import { judgeReceived } from '../pipeline/validate.ts'
import { Answer, type Outcome } from '../pipeline/verdict.ts'
import { newRequestId } from '../policy/trace.ts'
import { problemBody, refuse, type Refusal } from '../problems.ts'
import type { AccessRecord } from '../observe/record.ts'
import type { RevocationPlan } from '../plan/revocation.ts'
import type { BodyMemory } from './body-memory.ts'
import { Forward, type ForwardOwner } from './forward.ts'
import { linger } from './linger.ts'
import { problemBytes } from './problem-bytes.ts'
import { RequestBody } from './request-body.ts'
import { textBytes } from './response-head.ts'
import { type Afterwards, ResponseWriter, type WriterListener } from './response-writer.ts'
import type { NativeResponse } from './uws.ts'

/** What an exchange needs of its worker. */
export interface ServingWorker {
  readonly bodyMemory: BodyMemory
  /** Connections are to end after their answer: a stop, a retired app. */
  closing(appEpoch: number): boolean
  /** ms, monotonic. */
  now(): number
  /** Over: takes its record and forgets it. Called exactly once for each. */
  ended(serving: Serving): void
  stageFailed(error: unknown, x: Exchange): void
  /** Counts what is acted on in this turn of the event loop. False: it has been enough. */
  hasTime(): boolean
  /** Gives back the places that `x` holds. */
  release(x: Exchange): void
  /** Of answers without a body, so many bytes for this client: see UnreadAnswers. */
  unread(client: string, bytes: number): boolean
}

/** A body this small is read to its end after a refusal, so that the connection can go on. */
const SMALL_BODY = 1 << 20
/** What stands behind the request in the same packet ends the connection, and with it what waits in uWS's cork buffer of 16 KiB. A longer body is sent before. */
const PADDING = ' '.repeat(17 * 1024)

/**
 * One exchange from the worker's side: runs the stages, writes the one answer, watches the clock, and ends exactly
 * once. Everything a socket does to it arrives here. Long because that "once" is the care of every method.
 */
export class Serving implements BodySource, ForwardOwner, WriterListener {
  readonly x: Exchange
  readonly writer: ResponseWriter
  readonly appEpoch: number
  body: RequestBody | null = null
  /** Kept by UnderWay. */
  place = 0
  readonly #res: NativeResponse
  readonly #worker: ServingWorker
  readonly #startedAt: number
  #forward: Forward | null = null
  #state: 'deciding' | 'answering' | 'ended' = 'deciding'
  #lastWritable: number
  /** Bytes of the request's body at the last sweep that saw more of them, and when that was. */
  #bodySeen = 0
  #bodySeenAt = 0
  decision: AccessRecord['decision'] = 'error'

  constructor(x: Exchange, res: NativeResponse, worker: ServingWorker, appEpoch: number) {
    this.x = x
    x.body = this
    this.#res = res
    this.#worker = worker
    this.appEpoch = appEpoch
    this.#startedAt = this.#lastWritable = x.startedAt
    this.writer = new ResponseWriter(res, this)
  }

  get target(): string {
    return this.#forward?.target ?? ''
  }

  /** ms from handing the request over to the answer's head, -1 when there was none. */
  get upstreamTime(): number {
    const forward = this.#forward
    return forward === null || forward.headAt === 0 ? -1 : forward.headAt - forward.sentAt
  }

  /** Called inside the uWS handler. */
  begin(): void {
    // Before anything is written, also where all will be by the end of the handler: an answer that overflows uWS's cork buffer,
    // alone or behind others of one packet, goes to the kernel at once, and is not complete where the client has
    // reset the connection meanwhile. A handler that leaves one incomplete and uncared for ends the process.
    this.#res.onAborted(() => this.#guarded(() => this.#aborted()))
    this.#guarded(() => this.#start())
  }

  #start(): void {
    const outcome = this.#decide()
    // The body must be listened to before the handler returns. By now the route is known, and its limit with it.
    if (this.x.size !== 0) this.#takeBody()
    if (!(outcome instanceof Promise)) return this.#settled(outcome)
    outcome.then(
      (settled) => this.#guarded(() => this.#settled(settled)),
      (error: unknown) => {
        this.#releaseLate()
        this.escaped(error)
      }
    )
  }

  /**
   * Acts at once, as long as not too many did in this turn. uWS serves all that is pipelined in one read, some ten thousand
   * requests, before it looks at another connection; but it closes a connection whose request comes while the one before waits.
   */
  #settled(outcome: Outcome): void {
    const closes = 'close' in outcome && outcome.close
    if (closes || this.#worker.hasTime()) return this.#act(outcome)
    setImmediate(() => this.#guarded(() => this.#act(outcome)))
  }

  #decide(): Outcome | Promise<Outcome> {
    try {
      return run(this.x)
    } catch (error) {
      return this.#failure(error)
    }
  }

  #failure(error: unknown): Refusal {
    // It may have failed before the client stage named it, and whoever reports a 500 must have something to cite.
    if (this.x.id === '') this.x.id = newRequestId(this.x.now)
    this.#worker.stageFailed(error, this.x)
    return refuse('internal', 'internal', error instanceof Error ? error.message : String(error))
  }

  /** The one body of this exchange, from the first time it is asked for. */
  #takeBody(): RequestBody {
    const limit = this.x.route?.plan.validate.maxSize ?? 0
    const escaped = (error: unknown): void => this.escaped(error)
    this.body ??= new RequestBody(this.#res, limit, this.now(), escaped, () => this.#tooLarge(limit))
    return this.body
  }

  // BodySource

  whole(): Promise<Uint8Array | null> {
    return new Promise((resolve) => {
      // A stage may come here after the client left, or was told that it was too slow: nobody waits any more.
      if (this.#state !== 'deciding') return
      this.#takeBody().collect(this.#worker.bodyMemory.of(this.x.clientKey), resolve)
    })
  }

  #tooLarge(limit: number): void {
    const { route } = this.x
    this.#forward?.abort()
    const reason = `the body is longer than ${limit} bytes`
    this.broken(refuse('too-large', 'validate', reason, { where: route?.plan.validate.where ?? '' }))
  }

  /** It was over while a stage waited, and the stages behind that one may have taken places since. */
  #releaseLate(): void {
    if (this.#state === 'ended') this.#worker.release(this.x)
  }

  #act(outcome: Outcome): void {
    this.#releaseLate()
    if (this.#state !== 'deciding') return
    if (outcome instanceof Permit) {
      this.#state = 'answering'
      this.decision = 'forward'
      this.#forward = new Forward(outcome, this.x, this)
    } else if (outcome instanceof Answer) {
      this.#state = 'answering'
      this.decision = 'answer'
      this.#send(outcome.status, answerHeaders(this.x, outcome), textBytes(outcome.body))
    } else {
      this.#refuse(outcome)
    }
  }

  #refuse(refusal: Refusal): void {
    if (this.#state === 'ended') return
    this.#state = 'answering'
    const { problem } = refusal
    this.x.refusal = refusal
    this.decision = problem.fault === 'client' ? 'deny' : 'error'
    const headers = refusalHeaders(this.x, refusal)
    if (!refusal.close) this.#send(problem.status, headers, problemBytes(problem, this.x.id, refusal.invalid))
    else if (this.x.method !== 'HEAD') {
      const body = problemBody(problem, this.x.id, refusal.invalid) + PADDING
      this.writer.send(problem.status, headers, textBytes(body), false, 'single')
    } else {
      // An answer to HEAD can't be padded, so nothing could stop what stands behind it: no answer then.
      this.writer.status = problem.status
      this.#end()
      this.writer.cut()
    }
  }

  #send(status: number, headers: AnswerFields, body: Uint8Array): void {
    const after = this.#afterAnswer(status)
    this.body?.discard()
    this.writer.send(status, headers, body, this.x.method === 'HEAD', after)
  }

  /** After an answer of the gateway's own, which leaves what is still to come of the request's body unread. */
  #afterAnswer(status: number): Afterwards {
    const { size } = this.x
    const after = this.#afterwards()
    if (size === 0 || this.body?.complete) return after
    // uWS reads a small rest to its end by itself. Who was too slow for that already gets no more time for it.
    return after === 'keep' && size > 0 && size <= SMALL_BODY && status !== REQUEST_TIMEOUT ? 'keep' : 'linger'
  }

  #afterwards(): Afterwards {
    // A chunked request leaves its connection in a state that the parser may have misread.
    if (this.x.size < 0) return 'single'
    return this.x.closes || this.#worker.closing(this.appEpoch) ? 'last' : 'keep'
  }

  now(): number {
    return this.#worker.now()
  }

  // ForwardOwner

  afterwards(): Afterwards {
    return this.body !== null && !this.body.complete ? 'linger' : this.#afterwards()
  }

  broken(refusal: Refusal): void {
    if (!this.writer.begun) return this.#refuse(refusal)
    this.x.refusal = refusal
    this.decision = 'error'
    // Over before the cut, which aborts: that the client is gone then is our doing, not its own.
    this.#end()
    this.writer.cut()
  }

  // WriterListener

  drained(): void {
    this.#lastWritable = this.now()
    this.#forward?.resume()
  }

  unread(bytes: number): boolean {
    return this.#worker.unread(this.x.clientKey, bytes)
  }

  sent(): void {
    const { body } = this
    if (!this.writer.open) return this.#end()
    body?.discard()
    if (this.x.refusal?.close === true) {
      // The parser would answer what stands behind by itself. Over before the end, which aborts.
      this.#end()
      this.writer.hangUp()
      return
    }
    linger(this.writer, body)
    this.#end()
  }

  /** An exception out of any callback of this exchange: it fails, nothing else does. */
  escaped(error: unknown): void {
    if (this.#state === 'ended') return
    const refusal = this.#failure(error)
    try {
      this.#forward?.abort()
      this.broken(refusal)
    } catch (again) {
      this.#worker.stageFailed(again, this.x)
      this.#end()
      this.writer.cut()
    }
  }

  #guarded(work: () => void): void {
    try {
      work()
    } catch (error) {
      this.escaped(error)
    }
  }

  #aborted(): void {
    this.writer.abandon()
    if (this.#state === 'ended') return
    this.#forward?.abort()
    this.decision = 'abort'
    const waited = this.writer.blocked ? this.now() - Math.max(this.#forward?.lastAt ?? 0, this.#lastWritable) : 0
    this.x.refusal ??= refuse(
      'client-closed',
      'client',
      waited < NATIVE_PATIENCE ? 'the client closed the connection first' : tookNothing(waited)
    )
    this.#end()
  }

  /** Called every quarter of a second. */
  sweep(now: number): void {
    const { body } = this
    if (body !== null) {
      body.keepAlive(now)
      if (body.bytes > this.#bodySeen) {
        this.#bodySeen = body.bytes
        this.#bodySeenAt = now
      }
    }
    if (this.writer.swept(now, body?.paused === true)) this.#lastWritable = now
    const timeouts = this.x.route?.plan.timeouts ?? DEFAULT_TIMEOUTS
    const forward = this.#forward
    if (!this.writer.begun && (forward === null || forward.headAt === 0)) {
      if (now - this.#startedAt >= timeouts.request) this.#requestTimeout(timeouts.request)
      return
    }
    forward?.swept(now)
    const last = Math.max(forward?.lastAt ?? 0, this.#lastWritable, this.#bodySeenAt)
    if (now - last < timeouts.idle) return
    forward?.abort()
    this.broken(
      this.writer.blocked
        ? refuse('request-timeout', 'timeouts', tookNothing(timeouts.idle))
        : refuse('upstream-timeout', 'timeouts', `silence for ${timeouts.idle} ms within the answer`)
    )
  }

  #requestTimeout(limit: number): void {
    this.#forward?.abort()
    const { turn } = this.x
    if (turn !== null) return this.broken(turn.refuse())
    const uploading = this.body !== null && !this.body.complete
    this.broken(
      uploading
        ? refuse('request-timeout', 'timeouts', `the request was not complete after ${limit} ms`)
        : refuse('upstream-timeout', 'timeouts', `no answer began within ${limit} ms`)
    )
  }

  /** Its caller was revoked while it was under way. */
  revoked(entry: RevocationPlan): void {
    // Where `auth` is in shadow nobody is refused for a credential.
    if (this.#state === 'ended' || this.x.route?.auth.plan.mode === 'shadow') return
    this.#guarded(() => {
      this.#forward?.abort()
      this.broken(revoked(this.x, entry))
    })
  }

  /** The app is closing under it. */
  cutOff(): void {
    if (this.#state === 'ended') return
    this.#forward?.abort()
    this.broken(refuse('not-ready', 'stop', 'the gateway stopped before the exchange was over'))
  }

  #end(): void {
    if (this.#state === 'ended') return
    this.#state = 'ended'
    this.body?.abandon()
    this.#worker.ended(this)
  }

  /** Fills the worker's one record object. */
  record(into: AccessRecord): void {
    if (this.decision === 'forward' && this.body !== null) judgeReceived(this.x, this.body.bytes)
    accessRecord(this.x, into)
    into.decision = this.decision
    into.status = this.decision === 'abort' ? CLIENT_CLOSED : this.writer.status
    into.bytesIn = this.body?.bytes ?? 0
    into.bytesOut = this.writer.bytes
    into.target = this.target
    into.upstreamTime = this.upstreamTime < 0 ? -1 : Math.round(this.upstreamTime * 1000)
  }
}

/** From here on it is uWS that closed the connection of a client that takes nothing (within 12 s), ms. */
const NATIVE_PATIENCE = 8_000

function tookNothing(ms: number): string {
  return `the client took nothing of its answer for ${Math.round(ms)} ms`
}

/** What a client that left is logged as; nothing is sent. */
const CLIENT_CLOSED = 499
const REQUEST_TIMEOUT = 408
const DEFAULT_TIMEOUTS = { request: 30_000, idle: 60_000 }

import type { Exchange } from '../pipeline/exchange.ts'
import type { Permit } from '../pipeline/authorize.ts'
import { clientHeaders, upstreamRequest } from '../pipeline/messages.ts'
import { refuse, type Refusal } from '../problems.ts'
import type { UpstreamCall, UpstreamFault, UpstreamSink } from '../upstream/transport.ts'
import { Pace } from './pace.ts'
import type { BodySink, RequestBody } from './request-body.ts'
import type { Afterwards, ResponseWriter } from './response-writer.ts'

/** Who owns the exchange and is told how forwarding went. */
export interface ForwardOwner {
  readonly writer: ResponseWriter
  readonly body: RequestBody | null
  /** Nothing more can come from the upstream, and what came is not a whole answer. */
  broken(refusal: Refusal): void
  /** For an answer that begins now. */
  afterwards(): Afterwards
  /** ms (monotonic). */
  now(): number
  /** An exception out of a callback. */
  escaped(error: unknown): void
}

/** One request at an upstream: the two bodies and their back-pressure, each way. */
export class Forward implements UpstreamSink {
  readonly #x: Exchange
  readonly #owner: ForwardOwner
  readonly #call: UpstreamCall
  readonly sentAt: number
  /** ms (monotonic) of the answer's head; 0 before. */
  headAt = 0
  /** ms (monotonic) of the last byte of the answer, as far as sweeps have seen. */
  lastAt = 0
  /** Some of the answer came since the last sweep. */
  #moved = false
  #over = false
  /** Null: no limit of bandwidth. */
  #down: Pace | null = null
  #up: Pace | null = null
  /** The upstream takes no more of the body for now. */
  #upstreamFull = false

  /** Only a permit opens the way to an upstream. */
  constructor(permit: Permit, x: Exchange, owner: ForwardOwner) {
    const { action } = permit.route
    if (action.kind !== 'forward') throw new Error(`route ${permit.route.plan.name} has no upstream`)
    this.#x = x
    this.#owner = owner
    this.sentAt = owner.now()
    this.#call = action.transport.send(upstreamRequest(permit, x), this)
    if (x.meters !== null) {
      this.#down = new Pace(x, () => this.#guarded(() => this.#goOn()))
      this.#up = new Pace(x, () => this.#guarded(() => this.#drained()))
    }
    owner.body?.connect(this.#up === null ? this.#call : this.#pacedCall(this.#call, this.#up))
  }

  /** The request's body on its way up: what the upstream would take may still be too fast for the limit. */
  #pacedCall(call: UpstreamCall, pace: Pace): BodySink {
    return {
      write: (chunk) => {
        const taken = call.write(chunk)
        if (!taken) this.#upstreamFull = true
        return this.#passed(pace, chunk.length) && taken
      },
      end: () => call.end()
    }
  }

  /** False: to be held back. Silence of our own making is none of the client's or the upstream's. */
  #passed(pace: Pace, bytes: number): boolean {
    const wait = pace.passed(bytes)
    if (wait > 0) this.lastAt = Math.max(this.lastAt, this.#owner.now() + wait)
    return !pace.holds
  }

  #goOn(): void {
    if (!this.#over && !this.#owner.writer.blocked) this.#call.resume()
  }

  #drained(): void {
    if (!this.#upstreamFull) this.#owner.body?.drained()
  }

  #guarded(work: () => void): void {
    try {
      work()
    } catch (error) {
      this.#owner.escaped(error)
    }
  }

  #ended(): void {
    this.#over = true
    this.#down?.stop()
    this.#up?.stop()
  }

  get target(): string {
    return this.#call.target
  }

  onHead(status: number, headers: string[]): void {
    this.headAt = this.lastAt = this.#owner.now()
    const x = this.#x
    const answer = clientHeaders(x, headers)
    if (typeof answer === 'string') {
      this.abort()
      this.#owner.broken(refuse('upstream-invalid', 'upstream', `${this.target}: ${answer}`))
      return
    }
    this.#owner.writer.begin(status, answer.fields, answer.length, x.method === 'HEAD', this.#owner.afterwards())
  }

  onData(chunk: Uint8Array): boolean {
    // When, sweeps say: a look at the clock for each part is more than a deadline of seconds needs.
    this.#moved = true
    const taken = this.#owner.writer.write(chunk)
    return this.#down === null ? taken : this.#passed(this.#down, chunk.length) && taken
  }

  onEnd(): void {
    this.#ended()
    // An answer before the request's body was complete: nobody takes the rest.
    this.#owner.body?.discard()
    this.#owner.writer.finish()
  }

  onFault(fault: UpstreamFault): void {
    this.#ended()
    this.#owner.body?.discard()
    this.#owner.broken(faultRefusal(fault))
  }

  onDrain(): void {
    this.#upstreamFull = false
    if (this.#up === null || !this.#up.holds) this.#owner.body?.drained()
  }

  /** Called every quarter of a second, `now` in ms (monotonic). */
  swept(now: number): void {
    if (!this.#moved) return
    this.#moved = false
    this.lastAt = Math.max(this.lastAt, now)
  }

  /** The client took what was waiting. */
  resume(): void {
    this.lastAt = Math.max(this.lastAt, this.#owner.now())
    if (!this.#over && (this.#down === null || !this.#down.holds)) this.#call.resume()
  }

  abort(): void {
    if (this.#over) return
    this.#ended()
    this.#call.abort()
  }
}

function faultRefusal(fault: UpstreamFault): Refusal {
  const reason = `${fault.kind}: ${fault.detail}`
  switch (fault.kind) {
    case 'connect':
      return refuse('upstream-unreachable', 'upstream', reason)
    case 'connect-timeout':
    case 'response-timeout':
    case 'idle-timeout':
      return refuse('upstream-timeout', 'upstream', reason)
    case 'reset':
      return refuse('upstream-broke', 'upstream', reason)
    case 'invalid':
      return refuse('upstream-invalid', 'upstream', reason)
    case 'overload':
      return refuse('shedding', 'upstream', reason, { headers: ['retry-after', '1'] })
  }
}

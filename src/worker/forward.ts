import type { Exchange } from '../pipeline/exchange.ts'
import type { Permit } from '../pipeline/authorize.ts'
import { clientHeaders, upstreamRequest } from '../pipeline/messages.ts'
import { refuse, type Refusal } from '../problems.ts'
import type { UpstreamCall, UpstreamFault, UpstreamSink } from '../upstream/transport.ts'
import type { RequestBody } from './request-body.ts'
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
}

/** One request at an upstream: the two bodies and their back-pressure, each way. */
export class Forward implements UpstreamSink {
  readonly #x: Exchange
  readonly #owner: ForwardOwner
  readonly #call: UpstreamCall
  readonly sentAt: number
  /** ms (monotonic) of the answer's head; 0 before. */
  headAt = 0
  /** ms (monotonic) of the last byte of the answer. */
  lastAt = 0
  #over = false

  /** Only a permit opens the way to an upstream. */
  constructor(permit: Permit, x: Exchange, owner: ForwardOwner) {
    const { action } = permit.route
    if (action.kind !== 'forward') throw new Error(`route ${permit.route.plan.name} has no upstream`)
    this.#x = x
    this.#owner = owner
    this.sentAt = owner.now()
    this.#call = action.transport.send(upstreamRequest(permit, x), this)
    owner.body?.connect(this.#call)
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
    this.#owner.writer.begin(status, answer.headers, answer.length, x.method === 'HEAD', this.#owner.afterwards())
  }

  onData(chunk: Uint8Array): boolean {
    this.lastAt = this.#owner.now()
    return this.#owner.writer.write(chunk)
  }

  onEnd(): void {
    this.#over = true
    // An answer before the request's body was complete: nobody takes the rest.
    this.#owner.body?.discard()
    this.#owner.writer.finish()
  }

  onFault(fault: UpstreamFault): void {
    this.#over = true
    this.#owner.body?.discard()
    this.#owner.broken(faultRefusal(fault, this.target))
  }

  onDrain(): void {
    this.#owner.body?.drained()
  }

  /** The client took what was waiting. */
  resume(): void {
    this.lastAt = this.#owner.now()
    if (!this.#over) this.#call.resume()
  }

  abort(): void {
    if (this.#over) return
    this.#over = true
    this.#call.abort()
  }
}

function faultRefusal(fault: UpstreamFault, target: string): Refusal {
  const reason = `${target}: ${fault.kind}: ${fault.detail}`
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

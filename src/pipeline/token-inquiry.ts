/** Asking issuers about opaque tokens (RFC 7662) over the worker's own upstream connections. */
import type { TokenInquiry } from '../identity/introspection.ts'
import type { IntrospectionPlan } from '../plan/issuer.ts'
import { NOTHING_REPEATED } from '../repeated-fields.ts'
import type { Transport, UpstreamCall, UpstreamFault, UpstreamSink } from '../upstream/transport.ts'

/** For the whole of a question, ms: a caller waits for it. */
const DEADLINE = 5000
/** Longest answer taken, bytes: as much as a JWT's claims may be several times over. */
const MAX_ANSWER = 64 * 1024

const FIELDS: readonly string[] = [
  'content-type',
  'application/x-www-form-urlencoded',
  'accept',
  'application/json',
  'accept-encoding',
  'identity'
]

export class UpstreamInquiry implements TokenInquiry {
  #transports: readonly Transport[] = []

  /** The generation that serves from now on: those of its plan's upstreams, by position. */
  use(transports: readonly Transport[]): void {
    this.#transports = transports
  }

  async ask(plan: IntrospectionPlan, token: string): Promise<Uint8Array | Error> {
    const transport = this.#transports[plan.upstream]
    if (transport === undefined) return new Error('there is no connection to ask over')
    const first = await new Question(transport, plan, token).answer
    // An idle connection may be closed by the other side while the question is on its way; asking again is harmless.
    return first === 'again' ? asError(await new Question(transport, plan, token).answer) : first
  }
}

class Question implements UpstreamSink {
  readonly answer: Promise<Uint8Array | Error | 'again'>
  readonly #call: UpstreamCall
  readonly #timer: NodeJS.Timeout
  readonly #parts: Buffer[] = []
  #length = 0
  #resolve: (answer: Uint8Array | Error | 'again') => void = () => {}

  constructor(transport: Transport, { host, path, authorization }: IntrospectionPlan, token: string) {
    this.answer = new Promise((resolve) => (this.#resolve = resolve))
    const body = Buffer.from(new URLSearchParams({ token, token_type_hint: 'access_token' }).toString())
    const headers = ['host', host, 'authorization', authorization, ...FIELDS]
    this.#call = transport.send(
      { method: 'POST', path, headers, repeated: NOTHING_REPEATED, bodyLength: body.length, client: null },
      this
    )
    this.#timer = setTimeout(() => this.#giveUp(`no answer within ${DEADLINE} ms`), DEADLINE)
    this.#call.write(body)
    this.#call.end()
  }

  onHead(status: number, headers: readonly string[]): void {
    if (status !== 200) return this.#giveUp(`answered ${status}, expected 200`)
    const coding = headers[headers.indexOf('content-encoding') + 1]
    // Decoded, a small answer could unfold into any size.
    if (headers.includes('content-encoding') && coding !== 'identity') this.#giveUp(`answered in ${coding}, unasked`)
  }

  onData(chunk: Uint8Array): boolean {
    this.#length += chunk.length
    if (this.#length > MAX_ANSWER) this.#giveUp(`answered with more than ${MAX_ANSWER} bytes`)
    else this.#parts.push(Buffer.from(chunk))
    return true
  }

  onEnd(): void {
    this.#settle(Buffer.concat(this.#parts))
  }

  onFault({ kind, detail }: UpstreamFault): void {
    this.#settle(kind === 'reset' ? 'again' : new Error(detail))
  }

  onDrain(): void {}

  #giveUp(reason: string): void {
    this.#call.abort()
    this.#settle(new Error(`${this.#call.target}: ${reason}`))
  }

  #settle(answer: Uint8Array | Error | 'again'): void {
    clearTimeout(this.#timer)
    this.#resolve(answer)
  }
}

function asError(answer: Uint8Array | Error | 'again'): Uint8Array | Error {
  return answer === 'again' ? new Error('the connection ended before the answer did, twice') : answer
}

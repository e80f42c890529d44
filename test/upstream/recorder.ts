import type {
  Transport,
  UpstreamCall,
  UpstreamFault,
  UpstreamRequest,
  UpstreamSink
} from '../../src/upstream/transport.ts'
import type { TargetPlan, UpstreamPlan } from '../../src/plan/upstream.ts'
import { PATIENCE } from '../e2e/patience.ts'

/** A sink that writes down all it hears, and complains about calls that the contract rules out. */
export class Recorder implements UpstreamSink {
  status = 0
  headers: string[] = []
  #chunks: Buffer[] = []
  bytes = 0
  ended = false
  fault: UpstreamFault | null = null
  drains = 0
  readonly violations: string[] = []
  /** `send` has returned. */
  returned = false
  readonly #keep: boolean
  #paused = false
  readonly #resolve: () => void
  /** The answer's end or the fault. */
  readonly done: Promise<void>
  onChunk: (chunk: Uint8Array) => boolean = () => true
  onHeadSeen: () => void = () => {}
  onDrained: () => void = () => {}

  /** `keep`: false only counts the body's bytes. */
  constructor(keep = true) {
    this.#keep = keep
    let resolve = (): void => {}
    this.done = new Promise((done) => {
      resolve = done
    })
    this.#resolve = resolve
  }

  get body(): string {
    return Buffer.concat(this.#chunks).toString('latin1')
  }

  /** Says that `resume` was called. */
  resumed(): void {
    this.#paused = false
  }

  onHead(status: number, headers: string[]): void {
    this.#check('onHead')
    if (this.status !== 0) this.violations.push('a second onHead')
    this.status = status
    this.headers = headers
    this.onHeadSeen()
  }

  onData(chunk: Uint8Array): boolean {
    this.#check('onData')
    if (this.status === 0) this.violations.push('onData before onHead')
    if (this.#paused) this.violations.push('onData while paused')
    this.bytes += chunk.length
    if (this.#keep) this.#chunks.push(Buffer.from(chunk))
    const more = this.onChunk(chunk)
    if (!more) this.#paused = true
    return more
  }

  onEnd(): void {
    this.#check('onEnd')
    if (this.status === 0) this.violations.push('onEnd before onHead')
    if (this.#paused) this.violations.push('onEnd while paused')
    this.ended = true
    this.#resolve()
  }

  onFault(fault: UpstreamFault): void {
    this.#check('onFault')
    this.fault = fault
    this.#resolve()
  }

  onDrain(): void {
    this.#check('onDrain')
    this.drains++
    this.onDrained()
  }

  #check(callback: string): void {
    if (!this.returned) this.violations.push(`${callback} before send returned`)
    if (this.ended || this.fault !== null) this.violations.push(`${callback} after the end`)
  }
}

export interface Sent {
  call: UpstreamCall
  sink: Recorder
}

/** Sends a request without waiting for anything. A string `body` goes in one write. */
export function send(
  transport: Transport,
  request: Partial<UpstreamRequest> & { body?: string } = {},
  keep = true
): Sent {
  const { body } = request
  const sink = new Recorder(keep)
  const call = transport.send(
    {
      method: request.method ?? 'GET',
      path: request.path ?? '/',
      headers: request.headers ?? ['host', 'service.test'],
      repeated: request.repeated ?? [],
      bodyLength: request.bodyLength ?? (body === undefined ? 0 : body.length),
      client: request.client ?? null
    },
    sink
  )
  sink.returned = true
  if (body !== undefined) {
    call.write(Buffer.from(body, 'latin1'))
    call.end()
  }
  return { call, sink }
}

/** Sends a request and waits for its end. */
export async function exchange(
  transport: Transport,
  request?: Partial<UpstreamRequest> & { body?: string }
): Promise<Recorder> {
  const { sink } = send(transport, request)
  await sink.done
  return sink
}

/** A plan for the targets; whoever waits for a time-out sets it. */
export function plan(
  targets: readonly { host: string; port: number; origin: string }[],
  more: { timeouts?: Partial<UpstreamPlan['timeouts']>; max?: number; pipelining?: number } = {}
): UpstreamPlan {
  return {
    name: 'service:test',
    targets: targets.map(({ host, port, origin }): TargetPlan => ({
      host,
      port,
      origin,
      tls: origin.startsWith('https:')
    })),
    timeouts: { connect: 10_000, response: 10_000, idle: 10_000, ...more.timeouts },
    connections: { max: more.max ?? 16, pipelining: more.pipelining ?? 1 },
    where: 'test.yaml:1:1'
  }
}

/** Resolves once `condition` holds, or after all patience, so that the assertion behind it can say what is wrong. */
export async function eventually(condition: () => boolean): Promise<void> {
  for (const until = Date.now() + PATIENCE; !condition() && Date.now() < until;)
    await new Promise((resolve) => setTimeout(resolve, 5))
}

import { monotonicMs } from '../memory/clock.ts'
import type { ExternalPlan } from '../plan/external.ts'
import type { PlanHead } from '../plan/plan.ts'
import { type Decision, decisionOf, noDecision, type Question } from '../policy/external.ts'
import { NOTHING_REPEATED } from '../repeated-fields.ts'
import type { Transport, UpstreamCall, UpstreamFault, UpstreamSink } from '../upstream/transport.ts'
import { hostOf } from './action.ts'

/** One `external` policy with the connections it asks over. */
export interface PreparedExternal {
  readonly plan: ExternalPlan
  readonly transport: Transport
  readonly host: string
}

export function prepareExternal(
  plan: ExternalPlan,
  head: PlanHead,
  transports: readonly Transport[]
): PreparedExternal {
  const transport = transports[plan.upstream]
  const target = head.upstreams[plan.upstream]?.targets[0]
  if (transport === undefined || target === undefined) throw new Error(`${plan.where}: its service is not in the plan`)
  return { plan, transport, host: hostOf(target) }
}

/** What is read of an answer's body, so that its connection can be used again. Nothing in it decides. */
const MOST_READ = 64 * 1024

/**
 * One question on its way. The decision is known at the answer's head; the body is read to its end and thrown away.
 * Over `timeout` the question is given up, whatever it waits for.
 */
export class ExternalCheck implements UpstreamSink {
  readonly decision: Promise<Decision>
  /** ms (monotonic) of the question: a decision is as old as that. */
  readonly askedAt = monotonicMs()
  readonly #plan: ExternalPlan
  readonly #timer: NodeJS.Timeout
  readonly #call: UpstreamCall
  #decide: (decision: Decision) => void = () => {}
  #read = 0

  constructor({ plan, transport }: PreparedExternal, { headers }: Question) {
    this.#plan = plan
    this.decision = new Promise((resolve) => {
      this.#decide = resolve
    })
    this.#timer = setTimeout(() => this.#late(), plan.timeout)
    this.#call = transport.send(
      { method: 'GET', path: plan.path, headers, repeated: NOTHING_REPEATED, bodyLength: 0, client: null },
      this
    )
    this.#call.end()
  }

  onHead(status: number, headers: readonly string[]): void {
    this.#decide(decisionOf(this.#plan, status, headers))
  }

  onData(chunk: Uint8Array): boolean {
    this.#read += chunk.length
    if (this.#read > MOST_READ) this.#giveUp()
    return true
  }

  onEnd(): void {
    clearTimeout(this.#timer)
  }

  onFault(fault: UpstreamFault): void {
    clearTimeout(this.#timer)
    this.#decide(noDecision(`${this.#plan.url}: ${fault.kind}: ${fault.detail}`))
  }

  onDrain(): void {}

  #late(): void {
    this.#decide(noDecision(`${this.#plan.url} gave no answer within ${this.#plan.timeout} ms`))
    this.#giveUp()
  }

  #giveUp(): void {
    clearTimeout(this.#timer)
    this.#call.abort()
  }
}

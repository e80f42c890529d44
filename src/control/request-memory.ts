import { chainOf, type ChainLink, type ChainRecord } from '../observe/chain.ts'
import type { PlanBody } from '../plan/plan.ts'
import type { RequestReport } from './admin/report.ts'
import { RecentRequests, type AccessFields } from './recent.ts'

/** Generations whose lines are kept: the one that serves, and those before it that its requests may still speak of. */
const GENERATIONS = 4

/** What of a plan a chain is made of: consumers and their secrets are not kept. */
type Generation = Pick<PlanBody, 'listeners' | 'gatewayIp' | 'threats' | 'routes'>

/** The last requests with the policies they met, each by the generation that decided it: what `explain REQUEST-ID` asks. */
export class RequestMemory {
  readonly #recent: RecentRequests
  readonly #generations = new Map<number, Generation>()
  #serving = 0

  /** @param bytes of access lines remembered at most; 0: none */
  constructor(bytes: number) {
    this.#recent = new RecentRequests(bytes)
  }

  get enabled(): boolean {
    return this.#recent.enabled
  }

  /** `plan` decides from now on. */
  use({ generation, listeners, gatewayIp, threats, routes }: PlanBody): void {
    this.#serving = generation
    this.#generations.set(generation, { listeners, gatewayIp, threats, routes })
    for (const known of this.#generations.keys()) {
      if (this.#generations.size <= GENERATIONS) break
      this.#generations.delete(known)
    }
  }

  /** @param lines so many of observe/access-line.ts */
  add(lines: Buffer, count: number): void {
    this.#recent.add(lines, count)
  }

  /** null: no such request, or it is forgotten. */
  report(id: string): RequestReport | null {
    const line = this.#recent.find(id)
    return line === null ? null : this.#reportOf(line)
  }

  /** How far back one may ask, in words. */
  horizon(): string {
    if (!this.enabled) return 'none are (GATEHOUSE_EXPLAIN_BYTES is 0)'
    const oldest = this.#recent.oldest()
    if (oldest === null) return 'there was none yet'
    const { count } = this.#recent
    return `the last ${count === 1 ? 'one is' : `${count} are`}, back to ${text(oldest, 'time')}`
  }

  #reportOf(line: AccessFields): RequestReport {
    const generation = number(line, 'generation')
    const met = this.#generations.get(generation)
    const record = recordOf(line)
    const target = text(line, 'target')
    return {
      id: text(line, 'id'),
      time: text(line, 'time'),
      method: record.method,
      scheme: text(line, 'scheme'),
      host: text(line, 'host'),
      path: text(line, 'path'),
      query: text(line, 'query'),
      status: record.status,
      decision: record.decision,
      client: text(line, 'client'),
      listener: text(line, 'listener'),
      agent: text(line, 'agent'),
      trace: text(line, 'trace'),
      route: record.route,
      caller: {
        method: record.authMethod,
        consumer: record.consumer,
        subject: record.subject,
        issuer: text(line, 'issuer'),
        credential: text(line, 'credential')
      },
      upstream:
        target === '' ? null : { target, ms: typeof line['upstreamMs'] === 'number' ? line['upstreamMs'] : null },
      ms: number(line, 'ms'),
      bytesIn: number(line, 'bytesIn'),
      bytesOut: number(line, 'bytesOut'),
      worker: number(line, 'worker'),
      generation,
      serving: this.#serving,
      linesKnown: met !== undefined,
      shadow: record.shadow === '' ? [] : record.shadow.split(','),
      chain: met === undefined ? onlyDecision(record) : chainIn(met, record, text(line, 'listener'))
    }
  }
}

function chainIn(
  { listeners, gatewayIp, threats, routes }: Generation,
  record: ChainRecord,
  listener: string
): ChainLink[] {
  return chainOf(record, {
    listener: listeners.find(({ name }) => name === listener) ?? null,
    gatewayIp,
    threats,
    route: routes.find(({ name }) => name === record.route) ?? null
  })
}

/** What the record says by itself. */
function onlyDecision({ policy, rule, where, reason, decision }: ChainRecord): ChainLink[] {
  return policy === '' || decision === 'forward' ? [] : [{ policy, rule, where, verdict: 'deny', detail: reason }]
}

function recordOf(line: AccessFields): ChainRecord {
  return {
    // Written by AccessLines from a record, so it is one of its words.
    decision: text(line, 'decision') as ChainRecord['decision'],
    method: text(line, 'method'),
    status: number(line, 'status'),
    route: text(line, 'route'),
    policy: text(line, 'policy'),
    rule: text(line, 'rule'),
    where: text(line, 'where'),
    reason: text(line, 'reason'),
    shadow: text(line, 'shadow'),
    authMethod: text(line, 'auth'),
    consumer: text(line, 'consumer'),
    subject: text(line, 'subject'),
    target: text(line, 'target')
  }
}

/** '' for a field that was left out. */
function text(line: AccessFields, name: string): string {
  const value = line[name]
  return typeof value === 'string' ? value : ''
}

function number(line: AccessFields, name: string): number {
  const value = line[name]
  return typeof value === 'number' ? value : 0
}

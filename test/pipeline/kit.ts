/** The stages over a configuration of the test's own, in this thread, with no socket and no clock but the test's. */
import { Peer } from '../../src/client/peer.ts'
import { readEnv } from '../../src/env.ts'
import { HeaderList } from '../../src/headers.ts'
import { parseIp } from '../../src/ip.ts'
import { allocateShared } from '../../src/memory/shared.ts'
import { Exchange } from '../../src/pipeline/exchange.ts'
import { run } from '../../src/pipeline/index.ts'
import { Permit } from '../../src/pipeline/authorize.ts'
import { SameThreadSignatures } from '../../src/pipeline/same-thread-signatures.ts'
import { WorkerServices } from '../../src/pipeline/services.ts'
import type { Tables } from '../../src/pipeline/tables.ts'
import { TablesBuilder } from '../../src/pipeline/tables-builder.ts'
import { Answer, type Outcome } from '../../src/pipeline/verdict.ts'
import type { Plan } from '../../src/plan/plan.ts'
import type { ClientCertificate } from '../../src/request.ts'
import { planOf } from '../control/compile/configuration.ts'
import type { Owner } from '../e2e/gateway.ts'

export interface Described {
  method?: string
  /** Path and query as in the request line. */
  target?: string
  headers?: Record<string, string> | [string, string][]
  peer?: string
  /** Source that a PROXY protocol head names. */
  proxied?: string
  listener?: number
  certificate?: number
  clientCertificate?: ClientCertificate
}

export interface Decided {
  x: Exchange
  outcome: Outcome
  /** Of a refusal or an answer; 200 for a permit. */
  status: number
  /** A refusal's problem code, an answer's stage, or `permit`. */
  what: string
}

/** One worker's stages over one generation. */
export class Pipeline {
  readonly plan: Plan
  readonly services: WorkerServices
  readonly tables: Tables
  now = Date.UTC(2026, 10, 23)

  constructor(plan: Plan, services: WorkerServices, tables: Tables) {
    this.plan = plan
    this.services = services
    this.tables = tables
  }

  /** The request before any stage has seen it. */
  arrive({
    method = 'GET',
    target = '/',
    headers = {},
    peer = '192.0.2.1',
    proxied,
    listener = 0,
    certificate = -1,
    clientCertificate
  }: Described): Exchange {
    const list = new HeaderList()
    const pairs = Array.isArray(headers) ? headers : Object.entries(headers)
    if (!pairs.some(([name]) => name === 'host')) list.add('host', 'a.example')
    for (const [name, value] of pairs) list.add(name, value)
    const [path = '', ...query] = target.split('?')
    const table = this.tables.listeners[listener]
    if (table === undefined) throw new Error(`no listener ${listener}`)
    return new Exchange({
      tables: this.tables,
      listener: table,
      method,
      path,
      query: query.join('?'),
      headers: list,
      peer: new Peer(addressOf(peer)),
      proxied: proxied === undefined ? null : addressOf(proxied),
      certificate,
      clientCertificate: clientCertificate ?? null,
      startedAt: 0,
      now: this.now
    })
  }

  async decide(described: Described = {}): Promise<Decided> {
    const x = this.arrive(described)
    const outcome = await run(x)
    if (outcome instanceof Permit) return { x, outcome, status: 200, what: 'permit' }
    if (outcome instanceof Answer) return { x, outcome, status: outcome.status, what: outcome.by }
    return { x, outcome, status: outcome.problem.status, what: outcome.problem.code }
  }
}

export async function pipeline(t: Owner, yaml: string, folder?: string): Promise<Pipeline> {
  const plan = planOf(yaml, folder)
  const memory = allocateShared({ workers: 1, limitSlots: 4096, ringBytes: 1 << 16 })
  const services = new WorkerServices({
    memory,
    index: 0,
    env: readEnv({}).env,
    events: { unknownKid: () => {} },
    signatures: new SameThreadSignatures()
  })
  t.teardown(() => services.close())
  const builder = new TablesBuilder(plan, services)
  builder.addConsumers(plan.consumers)
  builder.addRevocations(plan.revocations)
  builder.addRoutes(plan.routes)
  const tables = await builder.finish(() => null)
  services.take(tables, null)
  return new Pipeline(plan, services, tables)
}

function addressOf(text: string): Uint8Array {
  const bytes = parseIp(text)
  if (bytes === null) throw new Error(`no address: ${text}`)
  return bytes
}

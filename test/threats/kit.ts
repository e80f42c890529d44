/** The stages and the exit over a configuration of the test's, in this thread, at a time that the test sets. */
import type { Test } from 'tap'
import type { BanReport } from '../../src/ban.ts'
import { Peer } from '../../src/client/peer.ts'
import { readEnv } from '../../src/env.ts'
import { HeaderList } from '../../src/headers.ts'
import { parseIp } from '../../src/ip.ts'
import { allocateShared } from '../../src/memory/shared.ts'
import { Permit } from '../../src/pipeline/authorize.ts'
import { countEvents } from '../../src/pipeline/events.ts'
import { Exchange } from '../../src/pipeline/exchange.ts'
import { run } from '../../src/pipeline/index.ts'
import { SameThreadSignatures } from '../../src/pipeline/same-thread-signatures.ts'
import { WorkerServices } from '../../src/pipeline/services.ts'
import type { Tables } from '../../src/pipeline/tables.ts'
import { TablesBuilder } from '../../src/pipeline/tables-builder.ts'
import { Answer } from '../../src/pipeline/verdict.ts'
import { planOf } from '../control/compile/configuration.ts'

export interface Visit {
  from: string
  path: string
  method?: string
  headers?: Record<string, string>
  /** What the service answers, if it is asked. Default 200. */
  service?: number
}

export interface Visited {
  status: number
  policy: string
  rule: string
  shadows: readonly string[]
}

/** One worker, whose clocks stand still unless they are moved. */
export class Town {
  /** ms since the epoch. */
  now = Date.UTC(2026, 10, 23)
  readonly bans: BanReport[] = []
  readonly services: WorkerServices
  #tables: Tables | null = null

  constructor(t: Pick<Test, 'teardown'>) {
    const memory = allocateShared({ workers: 1, limitSlots: 4096, ringBytes: 1 << 16 })
    const events = { unknownKid: () => {}, banned: (ban: BanReport) => void this.bans.push(ban) }
    this.services = new WorkerServices({
      memory,
      index: 0,
      env: readEnv({}).env,
      events,
      signatures: new SameThreadSignatures(),
      clock: () => this.now,
      monotonic: () => BigInt(Math.round(this.now * 1e6))
    })
    t.teardown(() => this.services.close())
  }

  async configure(yaml: string): Promise<void> {
    const plan = planOf(yaml)
    const builder = new TablesBuilder(plan, this.services)
    builder.addConsumers(plan.consumers)
    builder.addRoutes(plan.routes)
    const tables = await builder.finish(() => null)
    this.services.take(tables, this.#tables)
    this.#tables = tables
  }

  async visit({ from, path, method = 'GET', headers = {}, service = 200 }: Visit): Promise<Visited> {
    const tables = this.#tables
    const listener = tables?.listeners[0]
    const peer = parseIp(from)
    if (tables === null || listener === undefined || peer === null) throw new Error(`nobody can come from ${from}`)
    const list = new HeaderList()
    list.add('host', 'town.example')
    for (const [name, value] of Object.entries(headers)) list.add(name, value)
    const [target = '', query = ''] = path.split('?')
    const x = new Exchange({
      tables,
      listener,
      method,
      path: target,
      query,
      headers: list,
      peer: new Peer(peer),
      proxied: null,
      clientCertificate: null,
      certificate: -1,
      startedAt: 0,
      now: this.now
    })
    const outcome = await run(x)
    let status = service
    if (outcome instanceof Answer) status = outcome.status
    else if (!(outcome instanceof Permit)) {
      x.refusal = outcome
      status = outcome.problem.status
    }
    countEvents(x, status)
    return { status, policy: x.refusal?.policy ?? '', rule: x.refusal?.rule ?? '', shadows: x.shadows }
  }
}

export async function town(t: Pick<Test, 'teardown'>, yaml: string): Promise<Town> {
  const made = new Town(t)
  await made.configure(yaml)
  return made
}

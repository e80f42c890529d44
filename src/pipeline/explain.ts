/**
 * What would happen to a request, and why: the stages that serve, run over a request that somebody describes. Nothing
 * is sent anywhere, and limits start empty.
 */
import { readEnv } from '../env.ts'
import { HeaderList } from '../headers.ts'
import { parseIp } from '../ip.ts'
import { allocateShared } from '../memory/shared.ts'
import { monotonicMs, wallMs } from '../memory/clock.ts'
import type { KeySet, ListenerPlan, Plan } from '../plan.ts'
import { Permit } from './authorize.ts'
import { Exchange, step, type TraceStep } from './exchange.ts'
import { run } from './index.ts'
import { answerHeaders, refusalHeaders, upstreamRequest } from './messages.ts'
import { WorkerServices } from './services.ts'
import { SameThreadSignatures } from './same-thread-signatures.ts'
import { TablesBuilder, type Tables } from './tables.ts'
import { Staged, type Assumed } from './assumed-caller.ts'
import { Answer } from './verdict.ts'

/** A request as somebody describes it. */
export interface DescribedRequest {
  method: string
  /** Absolute. */
  url: string
  headers: [string, string][]
  body: string | null
  /** Consumer to call as, with whatever credential the route takes. */
  as: string | null
  /** Claims of a good token to call with; exp, iat and aud are filled in. */
  claims: Record<string, unknown> | null
  /** The connection's other end. */
  ip: string
  /** ms since the epoch; null: now. */
  time: number | null
  /** Name; null: the first that fits the URL's scheme. */
  listener: string | null
}

export interface Explanation {
  status: number
  decision: 'forward' | 'deny' | 'answer'
  route: string
  /** Name of the upstream; '' when none is asked. */
  upstream: string
  steps: TraceStep[]
  /** What the upstream would be told, or what the client would get. */
  headers: [string, string][]
}

/**
 * @param keys what is known of the issuers' keys, for real tokens in `headers`; a described caller needs none
 * @throws Error for people when the description can't be: no such listener or consumer, an unreadable address
 */
export async function explainRequest(
  plan: Plan,
  request: DescribedRequest,
  keys: readonly KeySet[] = []
): Promise<Explanation> {
  const now = request.time ?? wallMs()
  const staged = new Staged(plan, now)
  const services = offline(now)
  try {
    const bare = await prepare(plan, services)
    const route = await routeOf(bare, plan, request, now)
    const assumed = staged.credential(request, route)
    const tables = await prepare(staged.plan, services)
    for (const set of staged.withKeys(keys)) services.setKeys(set)
    services.take(tables, bare)
    return await explain(tables, request, now, assumed)
  } finally {
    await services.close()
  }
}

function offline(now: number): WorkerServices {
  const memory = allocateShared({ workers: 1, limitSlots: 4096, ringBytes: 1 << 16 })
  const services = new WorkerServices(
    memory,
    0,
    readEnv({}).env,
    { unknownKid: () => {} },
    new SameThreadSignatures(),
    () => now
  )
  services.beats.setReady(true)
  return services
}

async function prepare(plan: Plan, services: WorkerServices): Promise<Tables> {
  const builder = new TablesBuilder(plan, services)
  builder.addConsumers(plan.consumers)
  builder.addRoutes(plan.routes)
  return builder.finish(() => null)
}

/** Which route the request meets: its policies say where a credential goes. */
async function routeOf(tables: Tables, plan: Plan, request: DescribedRequest, now: number): Promise<Exchange['route']> {
  if (request.as === null && request.claims === null) return null
  const x = arrive(tables, plan, request, now, null)
  await run(x)
  return x.route
}

async function explain(
  tables: Tables,
  request: DescribedRequest,
  now: number,
  assumed: Assumed | null
): Promise<Explanation> {
  const x = arrive(tables, tables.head, request, now, assumed)
  const steps: TraceStep[] = []
  x.trace = steps
  const outcome = await run(x)
  const route = x.routeName
  if (outcome instanceof Permit) {
    const { action } = outcome.route
    const upstream = action.kind === 'forward' ? action.upstream.name : ''
    const { headers } = upstreamRequest(outcome, x)
    return { status: 200, decision: 'forward', route, upstream, steps, headers: pairs(headers) }
  }
  if (outcome instanceof Answer) {
    steps.push({ ...NOTHING, stage: outcome.by, verdict: 'answer', policy: outcome.by })
    const headers = pairs(answerHeaders(x, outcome))
    return { status: outcome.status, decision: 'answer', route, upstream: '', steps, headers }
  }
  steps.push(step(outcome))
  const headers = pairs(refusalHeaders(x, outcome))
  return { status: outcome.problem.status, decision: 'deny', route, upstream: '', steps, headers }
}

const NOTHING: TraceStep = { stage: '', verdict: '', policy: '', rule: '', where: '', detail: '', shadow: false }

function arrive(
  tables: Tables,
  plan: Pick<Plan, 'listeners' | 'certificates'>,
  request: DescribedRequest,
  now: number,
  assumed: Assumed | null
): Exchange {
  const url = new URL(request.url)
  const listener = listenerOf(plan.listeners, request.listener, url.protocol === 'https:')
  const table = tables.listeners[listener]
  const peer = parseIp(request.ip)
  if (table === undefined) throw new Error('the configuration has no listener')
  if (peer === null) throw new Error(`"${request.ip}" is no IP address`)
  const headers = new HeaderList()
  for (const [name, value] of request.headers) headers.add(name.toLowerCase(), value)
  for (const [name, value] of assumed?.headers ?? []) headers.add(name, value)
  if (!headers.has('host')) headers.add('host', url.host)
  if (request.body !== null && !headers.has('content-length')) {
    headers.add('content-length', String(Buffer.byteLength(request.body)))
  }
  const query = [url.search.slice(1), ...(assumed?.query ?? [])].filter((part) => part !== '').join('&')
  // The path as written: URL would have normalised it already, and an attack would explain as harmless.
  const written = /^[a-z]+:\/\/[^/?#]*([^?#]*)/i.exec(request.url)?.[1] ?? ''
  const x = new Exchange({
    tables,
    listener: table,
    method: request.method,
    path: written === '' ? '/' : written,
    query,
    headers,
    peer,
    proxied: null,
    clientCertificate: null,
    certificate: table.plan.tls ? certificateOf(plan, url.hostname) : -1,
    startedAt: monotonicMs(),
    now
  })
  const body = Buffer.from(request.body ?? '')
  x.body = { whole: () => Promise.resolve(body) }
  return x
}

function listenerOf(listeners: readonly ListenerPlan[], name: string | null, tls: boolean): number {
  if (name !== null) {
    const named = listeners.findIndex((listener) => listener.name === name)
    if (named < 0)
      throw new Error(`no listener is named "${name}": there are ${listeners.map((l) => l.name).join(', ')}`)
    return named
  }
  const fits = listeners.findIndex((listener) => listener.tls === tls && listener.redirect === null)
  return fits < 0
    ? Math.max(
        0,
        listeners.findIndex((listener) => listener.redirect === null)
      )
    : fits
}

/** The certificate that a client of that server name is shown. */
function certificateOf({ certificates }: Pick<Plan, 'certificates'>, host: string): number {
  const exact = certificates.findIndex(({ hosts }) => hosts.includes(host))
  if (exact >= 0) return exact
  const wildcard = certificates.findIndex(({ hosts }) => hosts.includes(`*${host.slice(host.indexOf('.'))}`))
  return Math.max(0, wildcard)
}

function pairs(flat: readonly string[]): [string, string][] {
  const list: [string, string][] = []
  for (let i = 0; i + 1 < flat.length; i += 2) list.push([flat[i] ?? '', flat[i + 1] ?? ''])
  return list
}

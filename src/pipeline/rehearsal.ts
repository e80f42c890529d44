/**
 * The stages that serve, run over requests that somebody describes. Nothing is sent anywhere. Each request meets
 * limits as they are after a start, and a clock that stands still: a refill between two of its repetitions would make
 * what comes of it a matter of luck.
 */
import { Peer } from '../client/peer.ts'
import { readEnv } from '../env.ts'
import { HeaderList } from '../headers.ts'
import { parseIp } from '../ip.ts'
import { monotonicMs, monotonicNs, wallMs } from '../memory/clock.ts'
import { allocateShared, forgetCounts, type SharedMemory, setClusterHeard } from '../memory/shared.ts'
import type { KeySet } from '../plan/keys.ts'
import type { ListenerPlan } from '../plan/listener.ts'
import type { Plan } from '../plan/plan.ts'
import { ContentJudge } from '../policy/validation/content-threads.ts'
import type { ClientCertificate } from '../request.ts'
import { DescriptionError, type DescribedRequest } from '../policy-test.ts'
import { AssumedCallers, type Assumed } from './assumed-caller.ts'
import { certificateOf } from './assumed-own.ts'
import { Permit } from './authorize.ts'
import { countEvents } from './events.ts'
import { describedTarget } from './described-target.ts'
import { Exchange, type TraceStep } from './exchange.ts'
import { UNASKED } from './external-checks.ts'
import { run, STAGES } from './index.ts'
import { SameThreadPasswords } from './same-thread-passwords.ts'
import { SameThreadSignatures } from './same-thread-signatures.ts'
import { WorkerServices } from './services.ts'
import { throwawayKeys } from './throwaway-keys.ts'
import type { Tables } from './tables.ts'
import { TablesBuilder } from './tables-builder.ts'
import { Answer, CONTINUE, type Outcome } from './verdict.ts'

/** Buckets that one request's repetitions can touch are few, and the tables are emptied for each request. Nothing is recorded. */
const SIZES = { workers: 1, limitSlots: 4096, banSlots: 4096, eventSlots: 4096, ringBytes: 1 << 16 }

export interface Rehearsed {
  x: Exchange
  outcome: Outcome
  steps: TraceStep[]
}

/** Stands in for a port that the kernel chooses or a reference gives: redirects lead there, and do not name it. */
const UNBOUND = 443

export class Rehearsal {
  readonly #plan: Plan
  readonly #memory: SharedMemory
  readonly #services: WorkerServices
  readonly #callers: AssumedCallers
  readonly #tables: Tables
  readonly #clock: { now: number }

  private constructor(parts: {
    plan: Plan
    memory: SharedMemory
    services: WorkerServices
    callers: AssumedCallers
    tables: Tables
    clock: { now: number }
  }) {
    this.#plan = parts.plan
    this.#memory = parts.memory
    this.#services = parts.services
    this.#callers = parts.callers
    this.#tables = parts.tables
    this.#clock = parts.clock
  }

  /**
   * @param callers names of all consumers that requests will call as
   * @param keys what is known of the issuers' keys, for real tokens in headers; a described caller needs none
   */
  static async open(plan: Plan, callers: ReadonlySet<string>, keys: readonly KeySet[]): Promise<Rehearsal> {
    const clock = { now: wallMs() }
    const memory = allocateShared(SIZES)
    // No store is asked offline, and none is missed: limits over several hosts count as on one.
    setClusterHeard(memory, true)
    const started = monotonicNs()
    const services = new WorkerServices({
      memory,
      index: 0,
      env: readEnv({}).env,
      events: { unknownKid: () => {} },
      signatures: new SameThreadSignatures(),
      passwords: new SameThreadPasswords(),
      bodies: new ContentJudge(0),
      // Nothing is sent anywhere: nobody is asked about opaque tokens, nor to decide.
      inquiry: null,
      external: UNASKED,
      clock: () => clock.now,
      monotonic: () => started
    })
    services.beats.setReady(true)
    services.minter.setKeys(throwawayKeys(plan))
    const assumed = new AssumedCallers(plan, callers, keys, (set) => services.setKeys(set))
    const builder = new TablesBuilder(assumed.plan, services)
    builder.addConsumers(assumed.plan.consumers)
    builder.addRevocations(assumed.plan.revocations)
    builder.addRoutes(assumed.plan.routes)
    const tables = await builder.finish(() => null)
    services.take(tables, null)
    tables.bindPorts(plan.listeners.map(() => UNBOUND))
    for (const set of keys) services.setKeys(set)
    return new Rehearsal({ plan, memory, services, callers: assumed, tables, clock })
  }

  /**
   * @param repeat times it is made at one moment, each under way beside the others; the last is told of
   * @throws DescriptionError: no such listener or consumer, an unreadable address
   */
  async play(request: DescribedRequest, repeat = 1): Promise<Rehearsed> {
    this.#clock.now = request.time ?? wallMs()
    const assumed = this.#callers.credential(request, this.#routeOf(request), this.#clock.now)
    forgetCounts(this.#memory)
    for (let i = 1; i < repeat; i++) {
      const before = this.#arrive(request, assumed)
      end(before, await settled(before))
    }
    const x = this.#arrive(request, assumed)
    const steps: TraceStep[] = []
    x.trace = steps
    const outcome = await settled(x)
    return { x, outcome, steps }
  }

  close(): Promise<void> {
    return this.#services.close()
  }

  /** Which route the request meets: its policies say where a credential goes. */
  #routeOf(request: DescribedRequest): Exchange['route'] {
    const x = this.#arrive(request, null)
    for (const { name, run: judge } of STAGES) {
      // What else may refuse is asked once the credential is there.
      if (FINDING.has(name) && judge(x) !== CONTINUE) break
    }
    return x.route
  }

  #arrive(request: DescribedRequest, assumed: Assumed | null): Exchange {
    const url = new URL(request.url)
    const certificate = assumed?.certificate ?? shown(request.certificate)
    const at = listenerOf(this.#plan.listeners, request.listener, certificate !== null, url.protocol === 'https:')
    const table = this.#tables.listeners[at]
    const peer = parseIp(request.ip)
    if (table === undefined) throw new Error('the configuration has no listener')
    if (peer === null) throw new DescriptionError(`"${request.ip}" is no IP address`)
    const headers = new HeaderList()
    for (const [name, value] of request.headers) headers.add(name.toLowerCase(), value)
    for (const [name, value] of assumed?.headers ?? []) headers.add(name, value)
    if (assumed !== null && assumed.proof !== null) headers.add('dpop', assumed.proof(request))
    if (!headers.has('host')) headers.add('host', url.host)
    if (request.body !== null && !headers.has('content-length')) {
      headers.add('content-length', String(Buffer.byteLength(request.body)))
    }
    const { path, query } = describedTarget(request, assumed?.query ?? [])
    const x = new Exchange({
      tables: this.#tables,
      listener: table,
      method: request.method,
      path,
      query,
      headers,
      peer: new Peer(peer),
      proxied: null,
      clientCertificate: table.asksCertificate ? certificate : null,
      certificate: table.plan.tls ? serverCertificate(this.#plan, url.hostname) : -1,
      startedAt: monotonicMs(),
      now: this.#clock.now
    })
    const body = Buffer.from(request.body ?? '')
    x.body = { whole: () => Promise.resolve(body) }
    return x
  }
}

/** None of the requests before it ends, so whoever stands in a queue is refused as when its patience is over. */
async function settled(x: Exchange): Promise<Outcome> {
  const outcome = run(x)
  if (!(outcome instanceof Promise)) return outcome
  let over = false
  const ended = outcome.finally(() => (over = true))
  while (!over && x.turn === null) await new Promise(setImmediate)
  if (x.turn === null) return ended
  const refusal = x.turn.refuse()
  x.turn.abandon()
  return refusal
}

/** Detection is told, as at the worker's exit. What an upstream would have answered is not known. */
function end(x: Exchange, outcome: Outcome): void {
  if (outcome instanceof Permit) return countEvents(x, UNKNOWN_STATUS)
  if (outcome instanceof Answer) return countEvents(x, outcome.status)
  x.refusal = outcome
  countEvents(x, outcome.problem.status)
}

/** Of no scenario's interest. */
const UNKNOWN_STATUS = 0

/** The stages that lead to the route. */
const FINDING: ReadonlySet<string> = new Set(['framing', 'client', 'route'])

function shown(sans: readonly string[] | null): ClientCertificate | null {
  return sans === null ? null : certificateOf(sans)
}

/** @param name of the one that is asked for; null: one that asks for a certificate where there is one to show, else one that fits `tls` */
function listenerOf(
  listeners: readonly ListenerPlan[],
  name: string | null,
  showsCertificate: boolean,
  tls: boolean
): number {
  if (name !== null) {
    const named = listeners.findIndex((listener) => listener.name === name)
    if (named < 0)
      throw new DescriptionError(`no listener is named "${name}": there are ${listeners.map((l) => l.name).join(', ')}`)
    return named
  }
  const asking = listeners.findIndex(({ clientCertificates }) => clientCertificates !== null)
  if (showsCertificate && asking >= 0) return asking
  const fits = listeners.findIndex((listener) => listener.tls === tls && listener.redirect === null)
  return fits < 0
    ? Math.max(
        0,
        listeners.findIndex((listener) => listener.redirect === null)
      )
    : fits
}

/** The certificate that a client of that server name is shown. */
function serverCertificate({ certificates }: Pick<Plan, 'certificates'>, host: string): number {
  const exact = certificates.findIndex(({ hosts }) => hosts.includes(host))
  if (exact >= 0) return exact
  const wildcard = certificates.findIndex(({ hosts }) => hosts.includes(`*${host.slice(host.indexOf('.'))}`))
  return Math.max(0, wildcard)
}

/**
 * The numbers of a running gateway in Prometheus' text format. In the control thread; the only importer of prom-client.
 *
 * Cardinality is bounded by construction. A label's value is a name of the configuration (routes, policies) or from
 * a closed list (methods, status classes, decisions); nothing that a client sends is ever one, nor is a consumer. Of
 * names, the first MOST_ROUTES and MOST_POLICIES seen are told apart, further ones are `other`.
 *
 * Long because it is the list of all metrics, each with its meaning.
 */
import { createRequire } from 'node:module'
import type * as Prom from 'prom-client'
import { COUNTER, COUNTER_NAMES, type CounterName, type CounterReader } from '../memory/counters.ts'
import { DurationHistogram, type DurationSeries } from './histogram.ts'
import { Labelled, type Metric } from './labelled.ts'
import type { Outcome, OwnNumbers } from './record.ts'

// The three classes by their files: the whole package loads 85 modules, OpenTelemetry's among them, and the start waits
// for 20 ms of processor time that nothing here makes use of.
const load = createRequire(import.meta.url)
const Counter = load('prom-client/lib/counter') as typeof Prom.Counter
const Gauge = load('prom-client/lib/gauge') as typeof Prom.Gauge
const Registry = load('prom-client/lib/registry') as typeof Prom.Registry

/** Media type of `exposition`. */
export const METRICS_TYPE = 'text/plain; version=0.0.4; charset=utf-8'

/** Names of routes and policies told apart: see above. */
export const MOST_ROUTES = 1000
export const MOST_POLICIES = 64

const OTHER = 'other'
const NAME = /^[A-Za-z0-9][A-Za-z0-9._:-]{0,127}$/
const METHODS = ['GET', 'HEAD', 'POST', 'PUT', 'PATCH', 'DELETE', 'OPTIONS']
const DECISIONS: readonly Outcome['decision'][] = ['forward', 'answer', 'deny', 'error', 'abort']
/** Of statuses: 1xx to 5xx, and 0 for none of these. */
const CLASSES = 6

/** Metric and meaning of each of the threads' counters. */
const FROM_COUNTERS: { readonly [N in CounterName]: readonly [metric: string, help: string] } = {
  requests: ['exchanges_total', 'Exchanges that ended, whether or not their record reached the log'],
  refusalsNotRecorded: ['refusals_not_recorded_total', 'Refusals counted instead of logged, to keep room for the rest'],
  recordsDropped: ['access_records_dropped_total', 'Access records lost because the control thread was too slow'],
  tokenVerifications: ['token_verifications_total', 'Token signatures verified'],
  verifyCacheHits: ['verify_cache_hits_total', 'Tokens found in the verification cache'],
  verifyCacheMisses: ['verify_cache_misses_total', 'Tokens not found in the verification cache'],
  verifyCacheEvictions: ['verify_cache_evictions_total', 'Tokens removed from the verification cache to make room'],
  verifyQueueRefusals: ['verify_queue_refusals_total', 'Tokens refused because too many waited for verification'],
  introspections: ['token_introspections_total', 'Questions to issuers about opaque tokens'],
  introspectionFailures: ['token_introspection_failures_total', 'Such questions that got no usable answer'],
  connectionsOpened: ['connections_opened_total', 'Client connections taken'],
  connectionsClosed: ['connections_closed_total', 'Client connections ended'],
  underscoreHeadersDropped: ['underscore_headers_dropped_total', 'Header fields dropped for an underscore in the name'],
  limitTableFull: ['limit_table_full_total', 'Requests refused because no slot was free to count a new key'],
  limitRefusals: ['limit_refusals_total', 'Requests found over a limit, in shadow mode too'],
  upstreamConnects: ['upstream_connects_total', 'Connections opened to upstreams'],
  upstreamRetries: ['upstream_retries_total', 'Exchanges tried again on another upstream connection'],
  stageExceptions: ['stage_exceptions_total', 'Requests answered 500 because of an exception'],
  callbackExceptions: ['callback_exceptions_total', 'Exceptions outside any request'],
  workerRestarts: ['worker_restarts_total', 'Workers replaced'],
  reloads: ['reloads_total', 'Configurations taken over while running'],
  reloadFailures: ['reload_failures_total', 'Configurations refused while running'],
  bans: ['bans_total', 'Bans made by detection'],
  addressesLimited: ['addresses_limited_total', 'Addresses limited instead of banned: several identities use them'],
  eventTableFull: ['event_table_full_total', 'Events not counted by detection because no slot was free'],
  externalChecks: ['external_checks_total', 'Questions sent to external decision services'],
  externalCacheHits: ['external_cache_hits_total', 'External decisions reused or shared'],
  externalFailures: ['external_failures_total', 'External questions that no decision came of'],
  externalFailedOpen: ['external_failed_open_total', 'Requests let pass without an external decision'],
  connectionsOverMax: ['connections_over_max_total', 'Connections closed because their client had as many as it may'],
  connectionsOverRate: ['connections_over_rate_total', 'Connections closed because their client opened them too fast'],
  connectionTableFull: ['connection_table_full_total', 'Connections not counted because no slot was free'],
  strictDecisions: ['cluster_strict_decisions_total', 'Questions of strict limits to the store of the cluster'],
  strictFailures: ['cluster_strict_failures_total', 'Such questions without an answer in time'],
  clusterAdmissionsLost: ['cluster_admissions_lost_total', 'Admissions that other hosts were not told of'],
  clusterExchanges: ['cluster_exchanges_total', 'Exchanges with the store of the cluster'],
  clusterKeys: ['cluster_exchanged_keys_total', 'Keys in these exchanges'],
  clusterFailures: ['cluster_failures_total', 'Exchanges that failed'],
  clusterReceived: ['cluster_received_total', 'Bans and revocations taken over from other hosts'],
  strangersShed: ['shed_strangers_total', 'Requests without a credential turned away by an overloaded worker'],
  newcomersShed: ['shed_newcomers_total', 'Credentials not known yet turned away by an overloaded worker'],
  callersShed: ['shed_callers_total', 'Requests of known callers turned away by an overloaded worker']
}

/** What is read at the moment of an exposition. */
export interface MetricSources {
  readonly workers: number
  readonly counters: CounterReader
  /** Share of a worker's ring that waits, 0 to 1. */
  ringFill(worker: number): number
  /** Share of the slots in use, 0 to 1, of each table of the limits. */
  limitFill(): Iterable<{ readonly table: string; readonly half: string; readonly fill: number }>
  /** Share of the slots for bans, and for the events that lead to them, in use, 0 to 1. */
  banFill(): number
  eventFill(): number
  /** Bans that had to make room for others before their time. */
  bansEvicted(): number
  /** ms since a worker's last sign of life. */
  beatAge(worker: number): number
  /** Level of a worker's admission, 0 to 3. */
  shedding(worker: number): number
  /** What the configuration has the metrics of a route carry; undefined where it says nothing of it. */
  labelsOf(route: string): Readonly<Record<string, string>> | undefined
  /** Generation being served. */
  generation(): number
  ready(): boolean
  /** `name` is the first host of the certificate, from the configuration; `notAfter` ms since the epoch. */
  certificates(): Iterable<{ readonly name: string; readonly notAfter: number }>
  /** Names of the configuration; `age` in ms since the keys in use were fetched, null without keys. */
  issuers(): Iterable<{
    readonly issuer: string
    readonly keys: number
    readonly age: number | null
    readonly stale: boolean
  }>
  /** Bans in the kernel, and changes there that failed since the start; null where it keeps nobody out. */
  firewall(): { readonly bans: number; readonly failures: number } | null
  /** Decisions of CrowdSec's that ban, ms since it last answered, and questions that failed; null where none is asked. */
  crowdsec(): { readonly decisions: number; readonly age: number | null; readonly failures: number } | null
  /** Access lines lost by the log's destination. */
  linesDropped(): number
}

interface Child {
  inc(n?: number): void
}

/** Counted here, told to prom-client at the next exposition: one addition per request instead of a hash of labels. */
interface Tally {
  readonly child: Child
  n: number
}

interface RouteNumbers {
  /** By method, status class, decision and policy in one number. */
  readonly requests: Map<number, Tally>
  readonly duration: DurationSeries
  readonly upstream: DurationSeries
  readonly received: Tally
  readonly sent: Tally
}

/** What an exchange adds to, looked up once for all that end the same way. */
export class ExchangeNumbers {
  readonly #route: RouteNumbers
  readonly #requests: Tally
  readonly #shadows: readonly Tally[]

  constructor(route: RouteNumbers, requests: Tally, shadows: readonly Tally[]) {
    this.#route = route
    this.#requests = requests
    this.#shadows = shadows
  }

  count({ duration, upstreamTime, bytesIn, bytesOut }: OwnNumbers): void {
    const route = this.#route
    this.#requests.n++
    route.duration.observe(duration / 1e6)
    if (upstreamTime >= 0) route.upstream.observe(upstreamTime / 1e6)
    route.received.n += bytesIn
    route.sent.n += bytesOut
    for (let i = 0; i < this.#shadows.length; i++) (this.#shadows[i] as Tally).n++
  }
}

export class Metrics {
  readonly #registry = new Registry()
  readonly #sources: MetricSources
  readonly #routes = new Names(MOST_ROUTES)
  readonly #policies = new Names(MOST_POLICIES)
  readonly #byRoute = new Map<string, RouteNumbers>()
  readonly #shadow = new Map<string, Tally>()
  /** All that are to be told. */
  readonly #tallies: Tally[] = []
  readonly #fromCounters = new Map<CounterName, { readonly counter: Prom.Counter; seen: number }>()
  readonly #requestsTotal
  readonly #duration
  readonly #upstream
  readonly #received
  readonly #sent
  readonly #shadowTotal
  readonly #gauges

  constructor(sources: MetricSources) {
    this.#sources = sources
    this.#requestsTotal = this.#counter('requests_total', 'Requests, as recorded', [
      'route',
      'method',
      'status',
      'decision',
      'policy'
    ])
    this.#duration = this.#histogram('request_duration_seconds', 'First byte in to last byte out')
    this.#upstream = this.#histogram('upstream_duration_seconds', "Request handed over to the upstream's head")
    this.#received = this.#counter('request_bytes_total', 'Body bytes from clients', ['route'])
    this.#sent = this.#counter('response_bytes_total', 'Body bytes to clients', ['route'])
    this.#shadowTotal = this.#counter('shadow_denials_total', 'Requests a policy in shadow mode would have denied', [
      'policy'
    ])
    for (const name of COUNTER_NAMES) {
      const [metric, help] = FROM_COUNTERS[name]
      this.#fromCounters.set(name, { counter: this.#counter(metric, help, []), seen: 0 })
    }
    this.#gauges = {
      ringFill: this.#gauge('ring_fill_ratio', 'Share of the room for access records in use', ['worker']),
      beatAge: this.#gauge('worker_beat_age_seconds', "Time since the worker's last sign of life", ['worker']),
      shedding: this.#gauge(
        'shedding_level',
        'Whom an overloaded worker turns away: 0 nobody, 1 requests without a credential, 2 credentials not known, too, 3 callers',
        ['worker']
      ),
      limitFill: this.#gauge('limit_table_fill_ratio', 'Share of the slots of a limit table in use', ['table', 'half']),
      banFill: this.#gauge('ban_table_fill_ratio', 'Share of the slots for bans in use', []),
      eventFill: this.#gauge('event_table_fill_ratio', 'Share of the slots for detection in use', []),
      bansEvicted: this.#gauge('bans_evicted', 'Bans ended early to make room for others, since the start', []),
      kernelBans: this.#gauge('kernel_bans', "Addresses and networks in the kernel's sets", []),
      kernelFailures: this.#gauge('kernel_ban_failures', "Failed changes of the kernel's sets, since the start", []),
      crowdsecDecisions: this.#gauge('crowdsec_decisions', "Addresses and networks that CrowdSec's decisions ban", []),
      crowdsecAge: this.#gauge('crowdsec_age_seconds', 'Time since CrowdSec last answered', []),
      crowdsecFailures: this.#gauge('crowdsec_failures', 'Questions to CrowdSec that failed, since the start', []),
      generation: this.#gauge('generation', 'Configuration generation being served', []),
      ready: this.#gauge('ready', '1 while ready for traffic', []),
      certificates: this.#gauge('certificate_expiry_timestamp_seconds', 'End of validity', ['certificate']),
      issuerKeys: this.#gauge('issuer_keys', "Keys that an issuer's tokens may be verified with", ['issuer']),
      issuerKeyAge: this.#gauge('issuer_keys_age_seconds', "Time since an issuer's keys were fetched", ['issuer']),
      issuerStale: this.#gauge('issuer_keys_stale', '1 while keys are kept because the issuer gives no newer ones', [
        'issuer'
      ]),
      linesDropped: this.#gauge('access_lines_dropped', 'Access lines lost by their destination since the start', []),
      memory: this.#gauge('process_resident_memory_bytes', 'Memory of the process, all threads', []),
      cpu: this.#gauge('process_cpu_seconds', 'Processor time of the process since the start, all threads', [])
    }
  }

  /** Where exchanges with this outcome are counted. */
  numbersOf(outcome: Outcome): ExchangeNumbers {
    const route = this.#routes.known(outcome.route)
    const of = this.#byRoute.get(route) ?? this.#newRoute(route)
    const shadows = outcome.shadow === '' ? [] : outcome.shadow.split(',')
    return new ExchangeNumbers(
      of,
      this.#requestsOf(of, route, outcome),
      shadows.map((name) => this.#shadowOf(this.#policies.known(name)))
    )
  }

  /** The whole text, in METRICS_TYPE. */
  exposition(): Promise<string> {
    const { counters } = this.#sources
    counters.update()
    for (const [name, of] of this.#fromCounters) {
      const total = counters.total(COUNTER[name])
      of.counter.inc(total - of.seen)
      of.seen = total
    }
    for (const tally of this.#tallies) {
      if (tally.n > 0) tally.child.inc(tally.n)
      tally.n = 0
    }
    this.#readGauges()
    return this.#registry.metrics()
  }

  #readGauges(): void {
    const sources = this.#sources
    const gauges = this.#gauges
    for (let worker = 0; worker < sources.workers; worker++) {
      gauges.ringFill.set({ worker }, sources.ringFill(worker))
      gauges.shedding.set({ worker }, sources.shedding(worker))
      const age = sources.beatAge(worker)
      if (Number.isFinite(age)) gauges.beatAge.set({ worker }, age / 1000)
      else gauges.beatAge.remove({ worker })
    }
    for (const { table, half, fill } of sources.limitFill()) gauges.limitFill.set({ table, half }, fill)
    gauges.banFill.set(sources.banFill())
    gauges.eventFill.set(sources.eventFill())
    gauges.bansEvicted.set(sources.bansEvicted())
    const firewall = sources.firewall()
    gauges.kernelBans.set(firewall?.bans ?? 0)
    gauges.kernelFailures.set(firewall?.failures ?? 0)
    const crowdsec = sources.crowdsec()
    gauges.crowdsecDecisions.set(crowdsec?.decisions ?? 0)
    gauges.crowdsecFailures.set(crowdsec?.failures ?? 0)
    if (crowdsec === null || crowdsec.age === null) gauges.crowdsecAge.remove({})
    else gauges.crowdsecAge.set(crowdsec.age / 1000)
    gauges.generation.set(sources.generation())
    gauges.ready.set(sources.ready() ? 1 : 0)
    gauges.linesDropped.set(sources.linesDropped())
    gauges.memory.set(process.memoryUsage.rss())
    const cpu = process.cpuUsage()
    gauges.cpu.set((cpu.user + cpu.system) / 1e6)
    // Certificates come and go with generations; one that is gone must not go on alarming.
    gauges.certificates.reset()
    for (const { name, notAfter } of sources.certificates())
      gauges.certificates.set({ certificate: name }, notAfter / 1000)
    for (const gauge of [gauges.issuerKeys, gauges.issuerKeyAge, gauges.issuerStale]) gauge.reset()
    for (const { issuer, keys, age, stale } of sources.issuers()) {
      gauges.issuerKeys.set({ issuer }, keys)
      if (age !== null) gauges.issuerKeyAge.set({ issuer }, age / 1000)
      gauges.issuerStale.set({ issuer }, stale ? 1 : 0)
    }
  }

  /** A lookup by number: prom-client would make and hash a string of the five labels each time. */
  #requestsOf(of: RouteNumbers, route: string, r: Outcome): Tally {
    const method = METHODS.indexOf(r.method) + 1
    const status = r.status >= 100 && r.status < 600 ? Math.floor(r.status / 100) : 0
    const decision = DECISIONS.indexOf(r.decision)
    const policy = this.#policies.known(r.policy)
    const place =
      ((this.#policies.index(policy) * DECISIONS.length + decision) * CLASSES + status) * (METHODS.length + 1) + method
    let tally = of.requests.get(place)
    if (!tally) {
      const child = this.#requestsTotal.labels({
        route,
        method: METHODS[method - 1] ?? OTHER,
        status: status === 0 ? OTHER : `${status}xx`,
        decision: r.decision,
        policy
      })
      tally = this.#tally(child)
      of.requests.set(place, tally)
    }
    return tally
  }

  #newRoute(route: string): RouteNumbers {
    const numbers: RouteNumbers = {
      requests: new Map(),
      duration: this.#duration.series(route),
      upstream: this.#upstream.series(route),
      received: this.#tally(this.#received.labels({ route })),
      sent: this.#tally(this.#sent.labels({ route }))
    }
    this.#byRoute.set(route, numbers)
    return numbers
  }

  #shadowOf(policy: string): Tally {
    let tally = this.#shadow.get(policy)
    if (!tally) this.#shadow.set(policy, (tally = this.#tally(this.#shadowTotal.labels({ policy }))))
    return tally
  }

  #tally(child: Child): Tally {
    const tally = { child, n: 0 }
    this.#tallies.push(tally)
    return tally
  }

  #counter<L extends string>(name: string, help: string, labelNames: L[]): Prom.Counter<L> {
    const full = `gatehouse_${name}`
    const counter = new Counter({ name: full, help, labelNames, registers: [] })
    this.#register(full, counter)
    return counter
  }

  #gauge<L extends string>(name: string, help: string, labelNames: L[]): Prom.Gauge<L> {
    return new Gauge({ name: `gatehouse_${name}`, help, labelNames, registers: [this.#registry] })
  }

  #histogram(name: string, help: string): DurationHistogram {
    const full = `gatehouse_${name}`
    const histogram = new DurationHistogram(full, help)
    this.#register(full, histogram)
    return histogram
  }

  #register(name: string, metric: Metric): void {
    const told = new Labelled(name, metric, (route) => this.#sources.labelsOf(route))
    // The registry only ever asks for get(), which is all that the type's other members are for.
    this.#registry.registerMetric(told as unknown as Prom.Metric)
  }
}

/** Names told apart, up to a number; '' stays ''. What doesn't look like a name of the configuration is `other`. */
class Names {
  readonly #most: number
  readonly #seen = new Map<string, number>([
    ['', 0],
    [OTHER, 1]
  ])

  constructor(most: number) {
    this.#most = most
  }

  known(name: string): string {
    if (this.#seen.has(name)) return name
    // The two names there from the start are not counted.
    if (this.#seen.size - 2 >= this.#most || !NAME.test(name)) return OTHER
    this.#seen.set(name, this.#seen.size)
    return name
  }

  /** A small number for a name that `known` returned. */
  index(name: string): number {
    return this.#seen.get(name) ?? 1
  }
}

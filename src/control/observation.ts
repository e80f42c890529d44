import { Beats } from '../memory/beats.ts'
import { BanTable } from '../memory/ban-table.ts'
import { monotonicNs, wallMs } from '../memory/clock.ts'
import { COUNTER, CounterReader, Counters } from '../memory/counters.ts'
import { Once } from '../memory/once.ts'
import type { SharedMemory } from '../memory/shared.ts'
import { ConnectionLimits } from '../limits/connections.ts'
import { Limiter, type TableFill } from '../limits/limiter.ts'
import { AccessLines, labelsJson } from '../observe/access-line.ts'
import { openAccessLog, type AccessLog } from '../observe/log.ts'
import { Metrics, type MetricSources } from '../observe/metrics.ts'
import { RecordReader, type OwnPart } from '../observe/record-reader.ts'
import { Detector } from '../threats/detector.ts'
import type { PlanBody } from '../plan/plan.ts'
import type { ReloadVerdict, RequestReport } from './admin/report.ts'
import type { KeyUses } from './api-keys/uses.ts'
import { RequestMemory } from './request-memory.ts'
import { SeenClient, SeenOutcome } from './seen.ts'

/** Between two looks at the rings, ms: how late a line may be in the log. */
const LOOK = 50
/** Records of one worker in one look: other work of this thread waits no longer than these take (about 5 ms). */
const MOST = 5_000

const NOTHING_NEW = { commit: () => {}, cancel: () => {} }

/** Turns the workers' records into access lines and metrics. */
export class Observation {
  readonly #readers: readonly RecordReader<SeenOutcome, SeenClient>[]
  readonly #metrics: Metrics
  readonly #counters: Counters
  /** Looked at with the rings: its counts wrap at 2^32, and nobody may ever scrape. */
  readonly #counterReader: CounterReader
  readonly #timer: NodeJS.Timeout
  readonly #onError: (error: Error) => void
  readonly #stdout: number
  /** How full the tables of the limits are now. */
  readonly limitTables: () => TableFill[]
  #log: AccessLog | null = null
  #access: PlanBody['log']['access'] | null = null
  #plan: PlanBody | null = null
  readonly #requests: RequestMemory
  readonly #keyUses: KeyUses
  readonly #lines = new AccessLines()
  /** Labels by route name, of those that have any: of 10,000 names one in use is in no cache. */
  #labels = new Map<string, { readonly json: string; readonly labels: Readonly<Record<string, string>> }>()

  /** @param stdout descriptor of `log.access: stdout` */
  constructor(
    memory: SharedMemory,
    stdout: number,
    around: Pick<MetricSources, 'issuers' | 'firewall' | 'crowdsec'> & {
      linesLost: (error: Error) => void
      explainBytes: number
      keyUses: KeyUses
    }
  ) {
    const beats = new Beats(memory)
    const newOutcome = (): SeenOutcome => new SeenOutcome(this.#metrics, this.#labelsOf)
    const newClient = (): SeenClient => new SeenClient()
    const readers = memory.rings.map((_, worker) => new RecordReader(memory, worker, newOutcome, newClient))
    this.#readers = readers
    this.#onError = around.linesLost
    this.#requests = new RequestMemory(around.explainBytes)
    this.#keyUses = around.keyUses
    this.#stdout = stdout
    this.#counters = new Counters(memory, 'control')
    const counterReader = new CounterReader(memory)
    this.#counterReader = counterReader
    const limiter = new Limiter(memory, 0, this.#counters)
    const connections = new ConnectionLimits(memory, 0, this.#counters)
    const proofs = new Once(memory, 'fill', 1)
    this.limitTables = () => [
      ...limiter.fill(monotonicNs()),
      { table: 'connections', half: 'strangers', fill: connections.fill() },
      // A proof is remembered when it is good, so only callers' are.
      { table: 'proofs', half: 'callers', fill: proofs.fill() }
    ]
    const bans = new BanTable(memory)
    const detector = new Detector(memory, this.#counters)
    this.#metrics = new Metrics({
      workers: memory.workers,
      counters: counterReader,
      ringFill: (worker) => readers[worker]?.fill() ?? 0,
      limitFill: this.limitTables,
      banFill: () => bans.fill(wallMs() / 1000),
      bansEvicted: () => bans.evicted,
      eventFill: () => detector.fill(),
      beatAge: (worker) => beats.ageMs(worker),
      shedding: (worker) => beats.shedding(worker),
      labelsOf: (route) => this.#labels.get(route)?.labels,
      generation: () => this.#plan?.generation ?? 0,
      ready: () => beats.isReady() && !beats.isDraining(),
      certificates: () =>
        (this.#plan?.certificates ?? []).map(({ hosts, notAfter }) => ({ name: hosts[0] ?? '', notAfter })),
      issuers: around.issuers,
      firewall: around.firewall,
      crowdsec: around.crowdsec,
      linesDropped: () => this.#log?.dropped ?? 0
    })
    this.#timer = setInterval(() => this.#look(), LOOK)
  }

  /** Opens what `plan` logs to beside what is in use. Throws when that can't be opened. Exactly one of the two is called. */
  prepare(plan: PlanBody): { commit(): void; cancel(): void } {
    if (JSON.stringify(plan.log.access) === JSON.stringify(this.#access)) return NOTHING_NEW
    const log = openAccessLog(plan.log.access, this.#onError, this.#stdout)
    return {
      commit: () => {
        void this.#log?.close()
        this.#log = log
        this.#access = plan.log.access
      },
      cancel: () => void log.close()
    }
  }

  /** Records are read by this plan from now on. */
  use(plan: PlanBody): void {
    this.#plan = plan
    this.#requests.use(plan)
    const labels = plan.routes.map(({ name, labels }) => [name, { json: labelsJson(labels), labels }] as const)
    this.#labels = new Map(labels.filter(([, { json }]) => json !== ''))
    for (const reader of this.#readers) for (const outcome of reader.outcomes()) outcome.label()
  }

  reloaded(outcome: ReloadVerdict['outcome']): void {
    if (outcome === 'applied') this.#counters.add(COUNTER.reloads)
    if (outcome === 'refused') this.#counters.add(COUNTER.reloadFailures)
  }

  workerReplaced(): void {
    this.#counters.add(COUNTER.workerRestarts)
  }

  exposition(): Promise<string> {
    this.#look()
    return this.#metrics.exposition()
  }

  reopen(): void {
    this.#log?.reopen()
  }

  #look(): void {
    this.#counterReader.update()
    for (const reader of this.#readers) reader.drain(MOST, this.#take)
    this.#writeOut()
  }

  #labelsOf = (route: string): string => this.#labels.get(route)?.json ?? ''

  #take = (own: OwnPart, outcome: SeenOutcome, client: SeenClient): void => {
    outcome.numbers?.count(own)
    this.#lines.add(own, outcome.text, client.text)
    if (client.caller !== null) this.#keyUses.record(client.caller, own.time)
  }

  #writeOut(): void {
    const { count } = this.#lines
    const lines = this.#lines.take()
    if (lines === null) return
    this.#requests.add(lines, count)
    this.#log?.write(lines, count)
  }

  /** What became of a request that is over; null when it is not remembered. */
  request(id: string): RequestReport | null {
    this.#look()
    // A look reads no more than its share: a request that is over may still wait behind others.
    const report = this.#requests.report(id)
    if (report !== null) return report
    this.catchUp()
    return this.#requests.report(id)
  }

  /** Reads every record there is. */
  catchUp(): void {
    for (const reader of this.#readers) while (reader.drain(MOST, this.#take) > 0) this.#writeOut()
  }

  /** How far back `request` knows, and what it never knew, in words. */
  horizon(): string {
    const counted = this.#counterReader.total(COUNTER.refusalsNotRecorded)
    const lost = this.#counterReader.total(COUNTER.recordsDropped)
    return [
      this.#requests.horizon(),
      counted > 0 ? `${counted} refusals were only counted, because they came as a flood` : '',
      lost > 0 ? `${lost} records were lost, because they came faster than they could be read` : ''
    ]
      .filter(Boolean)
      .join('; ')
  }

  /** Reads what is left and writes it out. */
  async close(): Promise<void> {
    clearInterval(this.#timer)
    this.catchUp()
    await this.#log?.close()
  }

  /** The same in the little time before the process is killed. */
  async flush(): Promise<void> {
    this.catchUp()
    await this.#log?.flush(200)
  }
}

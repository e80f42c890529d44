import { HeaderList } from '../headers.ts'
import { ClientCertificates } from '../client/certificate.ts'
import { Peers } from '../client/peer.ts'
import { fromBinary } from '../ip.ts'
import { monotonicMs, wallMs } from '../memory/clock.ts'
import { countUnderWay } from '../pipeline/admission.ts'
import { countEvents } from '../pipeline/events.ts'
import { Exchange } from '../pipeline/exchange.ts'
import type { WorkerServices } from '../pipeline/services.ts'
import type { Tables } from '../pipeline/tables.ts'
import type { Apps, AppsOwner } from './apps.ts'
import type { BodyMemory } from './body-memory.ts'
import type { OpenConnections } from './open-connections.ts'
import { handling } from './response-writer.ts'
import { Serving, type ServingWorker } from './serving.ts'
import { UnderWay } from './under-way.ts'
import type { UnreadAnswers } from './unread.ts'
import { clientCertificateOf, type NativeRequest, type NativeResponse } from './uws.ts'

const SWEEP = 250
/** Outcomes from which on the end of the turn is looked for, so that it costs few of them anything. */
const LOOKED_AFTER = 32
/** Outcomes acted on in one turn of the event loop, some 10 ms of them. More connections than that are rarely ready at once. */
const MOST_IN_A_TURN = 256
/** While draining: how often it is looked whether all is over, ms. */
const LOOK = 20
/**
 * While draining: how long connections without a request are kept, ms. A client that is just sending its next one gets
 * an answer and is told to close, where a close would be a request lost.
 */
const IDLE_GRACE = 500

/** All exchanges of one worker: begins them, watches their time, counts them out at a stop. */
export class Traffic implements AppsOwner, ServingWorker {
  readonly bodyMemory: BodyMemory
  readonly #services: WorkerServices
  readonly #underWay = new UnderWay()
  readonly #openConnections: OpenConnections
  readonly #sweep: NodeJS.Timeout
  readonly #certificates = new ClientCertificates()
  readonly #peers = new Peers()
  readonly #unread: UnreadAnswers
  #apps: Apps | null = null
  #tables: Tables | null = null
  #ports: readonly number[] = []
  #draining = false
  /** Outcomes acted on since the end of the last turn that had many. */
  #acted = 0
  /** ms, monotonic. */
  #drainedBy = Infinity
  #connections = 0
  /** The revocations that what is under way was last held against: once per sweep, however many come. */
  #revocationsSeen = 0

  readonly #report: (error: unknown, request: string) => void

  /**
   * @param bodyMemory for request bodies that are held whole
   * @param unread who is to open another connection after so many answers without a body
   * @param report what a callback or a stage threw, and the request's id, '' before it has one: for the owner's log.
   */
  constructor(
    services: WorkerServices,
    openConnections: OpenConnections,
    bodyMemory: BodyMemory,
    unread: UnreadAnswers,
    report: (error: unknown, request: string) => void
  ) {
    this.#services = services
    this.#openConnections = openConnections
    this.bodyMemory = bodyMemory
    this.#unread = unread
    this.#report = report
    this.#sweep = setInterval(() => this.#look(), SWEEP)
  }

  use(apps: Apps): void {
    this.#apps = apps
  }

  /** From the next request on, this generation decides. Exchanges under way keep theirs. */
  swap(tables: Tables): void {
    const before = this.#tables
    this.#tables = tables
    tables.bindPorts(this.#ports)
    this.#services.take(tables, before)
  }

  setPorts(ports: readonly number[]): void {
    this.#ports = ports
    this.#tables?.bindPorts(ports)
  }

  request(res: NativeResponse, req: NativeRequest, certificate: number, epoch: number, listener: number): void {
    const tables = this.#tables
    const table = tables?.listeners[listener]
    // Can't be: no app is hooked before its generation serves.
    if (tables === null || table === undefined) throw new Error(`no plan for listener ${listener}`)
    collected = new HeaderList()
    req.forEach(collect)
    const proxied = table.proxyProtocol ? fromBinary(res.getProxiedRemoteAddress()) : null
    const x = new Exchange({
      tables,
      listener: table,
      method: req.getCaseSensitiveMethod(),
      path: req.getUrl(),
      query: req.getQuery() ?? '',
      headers: collected,
      peer: this.#peers.at(fromBinary(res.getRemoteAddress())),
      proxied: proxied !== null && proxied.length > 0 ? proxied : null,
      certificate,
      clientCertificate: table.asksCertificate ? this.#certificates.read(clientCertificateOf(res)) : null,
      startedAt: monotonicMs(),
      now: wallMs()
    })
    const serving = new Serving(x, res, this, epoch)
    this.#underWay.add(serving)
    handling(res)
    try {
      serving.begin()
    } catch (error) {
      serving.escaped(error)
    } finally {
      handling(null)
    }
  }

  opened(res: NativeResponse, listener: number): boolean {
    this.#connections++
    this.#services.connection(true)
    const table = this.#tables?.listeners[listener]
    return table?.connections == null || this.#openConnections.admit(res, listener, table, table.connections)
  }

  closed(res: NativeResponse | null, listener: number): void {
    this.#connections--
    this.#services.connection(false)
    if (res !== null) this.#openConnections.ended(res, listener)
  }

  escaped(error: unknown, res: NativeResponse | null): void {
    this.#services.exception(null)
    this.#report(error, '')
    // A request that never became an exchange. A handler that returns without an answer ends the process.
    try {
      res?.onAborted(() => {})
      res?.cork(() => res.writeStatus('500 Internal Server Error').end('', true))
    } catch {
      // It was answered before it failed.
    }
  }

  // ServingWorker

  now(): number {
    return monotonicMs()
  }

  closing(epoch: number): boolean {
    return this.#draining || this.#services.beats.isDraining() || (this.#apps?.retiring(epoch) ?? false)
  }

  stageFailed(error: unknown, x: Exchange): void {
    this.#services.exception(x)
    this.#report(error, x.id)
  }

  hasTime(): boolean {
    if (++this.#acted === LOOKED_AFTER) setImmediate(() => (this.#acted = 0))
    return this.#acted <= MOST_IN_A_TURN
  }

  ended(serving: Serving): void {
    this.#underWay.remove(serving)
    this.release(serving.x)
    serving.record(this.#services.record)
    countEvents(serving.x, this.#services.record.status)
    this.#services.write()
  }

  release(x: Exchange): void {
    this.#services.release(x)
  }

  unread(client: string, bytes: number): boolean {
    return this.#unread.ends(client, bytes, monotonicMs())
  }

  #look(): void {
    const now = monotonicMs()
    this.#underWay.forEach((serving) => serving.sweep(now))
    const { epoch } = this.#services.revocations
    if (epoch !== this.#revocationsSeen) {
      this.#revocationsSeen = epoch
      this.#cutRevoked()
    }
  }

  /** Tells the worker's admission whose requests are under way. */
  countUnderWay(): void {
    this.#underWay.forEach(({ x }) => countUnderWay(x))
  }

  /** Ends what callers have open who were revoked meanwhile: streams, long downloads, uploads. */
  #cutRevoked(): void {
    const now = wallMs()
    this.#underWay.forEach((serving) => {
      const { standing } = serving.x
      const entry = standing === null ? null : this.#services.revocations.of(standing, now)
      if (entry !== null) serving.revoked(entry)
    })
  }

  /** What drains has this many ms from now, if it has not less already. */
  hasten(deadline: number): void {
    this.#drainedBy = Math.min(this.#drainedBy, monotonicMs() + deadline)
  }

  /** Resolves when nothing is under way, or at the deadline (ms from now), when what is left has been cut off. */
  async drain(deadline: number): Promise<void> {
    this.#draining = true
    this.hasten(deadline)
    const began = monotonicMs()
    for (;;) {
      const now = monotonicMs()
      const idle = this.#underWay.size === 0 && (this.#connections === 0 || now - began >= IDLE_GRACE)
      if (idle || now >= this.#drainedBy) break
      await new Promise((resolve) => setTimeout(resolve, LOOK))
    }
    clearInterval(this.#sweep)
    for (const serving of this.#underWay.all()) serving.cutOff()
  }
}

// One callback for all requests: forEach calls it before it returns.
let collected = new HeaderList()
function collect(name: string, value: string): void {
  collected.add(name, value)
}

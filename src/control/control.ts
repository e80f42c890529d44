import { join } from 'node:path'
import type { MessagePort } from 'node:worker_threads'
import { readEnv } from '../env.ts'
import { Beats } from '../memory/beats.ts'
import { Counters } from '../memory/counters.ts'
import type { ControlStart, ControlToMain } from '../messages.ts'
import type { ClusterPlan } from '../plan/cluster.ts'
import type { Plan } from '../plan/plan.ts'
import type { Log } from '../observe/log.ts'
import { createLog } from '../observe/log.ts'
import type { fetchDocument } from '../upstream/undici.ts'
import { AdminAddress } from './admin/address.ts'
import { keyResources } from './api-keys/resources.ts'
import { KeyUses } from './api-keys/uses.ts'
import { BanBook } from './bans/book.ts'
import { Crowdsec } from './bans/crowdsec.ts'
import { Firewall } from './bans/firewall.ts'
import { nft } from './bans/nft.ts'
import { banResources } from './bans/resources.ts'
import { startControlSocket } from './admin/control-socket.ts'
import { gatewayResources } from './admin/gateway-resources.ts'
import { startMetricsServer } from './admin/metrics-server.ts'
import type { ReloadVerdict, StatusReport } from './admin/report.ts'
import { requestResources } from './admin/request-resources.ts'
import type { Resource } from './admin/resource.ts'
import type { Finding } from './config/load.ts'
import { GuardPipe } from './guard-pipe.ts'
import { KeyStore } from './keys/key-store.ts'
import { readLastGood, saveLastGood } from './last-good.ts'
import { Observation } from './observation.ts'
import { ConfigurationReader, type Reading } from './reading.ts'
import type { KnownNames } from './revocations/entry.ts'
import { RevocationRegistry } from './revocations/registry.ts'
import { revocationResources } from './revocations/resources.ts'
import { Rollout } from './rollout.ts'
import { jwksResource, SigningKeys } from './signing-keys.ts'
import { ClusterLink } from './cluster/link.ts'
import { removeUnusedCopies } from './private-copies.ts'
import { lockStateDir, probeAddress } from './state-dir.ts'
import { BanRows } from './store/bans.ts'
import { KeyUseRows } from './store/key-uses.ts'
import { RevocationTable } from './store/revocations.ts'
import { QuotaKeeper } from './quota-keeper.ts'
import { QuotaCounts } from './store/quotas.ts'
import { Store } from './store/store.ts'
import { Detector } from '../threats/detector.ts'
import { gatehouseVersion } from '../version.ts'
import { FileWatch } from './watch.ts'
import { WorkerStates } from './worker-states.ts'

/** A generation that served this long without the process ending is one to come back to, ms. */
const PROVEN = 10_000

/** What a worker's admission does at each level (limits/admission.ts). */
const SHEDDING = [
  'takes every request again',
  'is overloaded and turns away requests without a credential',
  'is overloaded and turns away credentials that it does not know',
  'is overloaded and turns away known callers, too'
]

const FILE_CHANGE = 'a changed file'

/** Loading undici is a fifth of what this thread does to start, and most gateways fetch nothing before they serve. */
const fetchLazily: typeof fetchDocument = async (url, limits) => {
  const undici = await import('../upstream/undici.ts')
  return undici.fetchDocument(url, limits)
}

/**
 * The control thread's conductor: reads and compiles the configuration, rolls generations out, keeps keys fresh, and
 * answers the owner. Workers go on serving what they have while any of this fails.
 */
export class Control {
  readonly #start: ControlStart
  readonly #toMain: (message: ControlToMain) => void
  readonly #beats: Beats
  readonly #rollout: Rollout
  readonly #workers: WorkerStates
  readonly #startedAt = new Date()
  readonly #observation: Observation
  readonly #closers: (() => void | Promise<void>)[] = []
  #log: Log
  #logLevel: Plan['log']['level']
  #keys: KeyStore | null = null
  /** What outlives a restart; null until the state directory is ours. */
  #store: Store | null = null
  readonly #bans: BanBook
  readonly #firewall: Firewall
  readonly #keyUses = new KeyUses()
  readonly #crowdsec: Crowdsec
  #revocations: RevocationRegistry | null = null
  #quotas: QuotaKeeper | null = null
  #cluster: ClusterLink | null = null
  readonly #reader = new ConfigurationReader()
  readonly #watch = new FileWatch(() => void this.reload(FILE_CHANGE))
  #admin: AdminAddress | null = null
  #signing: SigningKeys | null = null
  #guardPipe: GuardPipe | null = null
  #stateDir = ''
  /** The newest that workers were asked to build: a number is never used twice, whether or not its generation came to serve. */
  #generation = 0
  /** What serves is the last plan that ran well, not what the configuration file says. */
  #onLastGood = false
  #proving: NodeJS.Timeout | undefined
  #stopping = false
  #since: Date | null = null
  #ports: number[] = []
  #listened: (failure: string | null) => void = () => {}
  #noteAllUp: () => void = () => {}
  /** No port opens before every worker has acknowledged its first plan, so each must have come up. */
  readonly #allUp = new Promise<void>((resolve) => {
    this.#noteAllUp = resolve
  })
  #lastReload: StatusReport['lastReload'] = null
  #reloading: Promise<ReloadVerdict> | null = null
  /** Who asked for one more while one was under way; an owner's word goes before a file's. */
  #again: string | null = null
  /** Limits of the cluster are to be prepared anew, though the configuration says what it said. */
  #reseeded = false

  constructor(start: ControlStart, toMain: (message: ControlToMain) => void) {
    this.#start = start
    this.#toMain = toMain
    this.#beats = new Beats(start.memory)
    this.#workers = new WorkerStates(start.workers)
    this.#logLevel = readEnv(process.env).env.GATEHOUSE_LOG_LEVEL || 'info'
    this.#log = createLog({ level: this.#logLevel })
    this.#observation = new Observation(start.memory, start.stdoutFd, {
      linesLost: (error) => this.#log.error('access lines are lost', { reason: error.message }),
      issuers: () => this.#keys?.status() ?? [],
      firewall: () => this.#firewall.report(),
      explainBytes: readEnv(process.env).env.GATEHOUSE_EXPLAIN_BYTES,
      keyUses: this.#keyUses,
      crowdsec: () => this.#crowdsec.report()
    })
    this.#bans = new BanBook(start.memory, () => this.#log)
    this.#closers.push(() => this.#bans.close())
    const detector = new Detector(start.memory, new Counters(start.memory, 'control'))
    this.#firewall = new Firewall({
      nft,
      log: () => this.#log,
      holding: () => this.#bans.holding(),
      isCrowd: (key) => detector.isCrowd(key),
      most: this.#bans.most
    })
    this.#bans.follow(this.#firewall)
    this.#closers.push(() => this.#firewall.close())
    this.#crowdsec = new Crowdsec({
      fetch: fetchLazily,
      bans: this.#bans,
      log: () => this.#log,
      most: Math.floor(this.#bans.most / 2)
    })
    this.#closers.push(() => this.#crowdsec.close())
    this.#rollout = new Rollout({
      unknownKid: (issuer) => void this.#keys?.refetch(issuer),
      banned: (ban) => this.#bans.made(ban),
      connectionRefused: ({ client, listener, limit, where }) =>
        this.#log.warn(`connections of ${client} are closed: over client.connections.${limit}`, {
          client,
          listener,
          where
        }),
      shedding: (worker, level, cause) =>
        this.#log[level === 0 ? 'info' : 'warn'](`worker ${worker} ${SHEDDING[level] ?? ''}`, { worker, cause }),
      revocations: () => this.#revocations?.whole() ?? null,
      strictStore: (worker, up, reason) => {
        if (up) this.#log.info(`worker ${worker} asks the store of the cluster about strict limits`, { worker })
        else this.#log.warn(`worker ${worker} decides on strict limits without the store: ${reason}`, { worker })
      },
      exception: (reason) => this.#log.error('an exception cost a request its answer', { reason }),
      joined: (index) => {
        this.#workers.serves(index)
        this.#log.info(`worker ${index} serves`, { worker: index })
      },
      joinFailed: (index, reason) => this.#log.error(`worker ${index} can't take the configuration`, { reason })
    })
  }

  /** From nothing to ready; says on stderr what keeps it from that, and ends the process. */
  async start(): Promise<void> {
    const beat = setInterval(() => this.#beats.beat('control'), 200)
    this.#closers.push(() => clearInterval(beat))
    this.#beats.beat('control')
    if (this.#start.guardFd !== null) {
      this.#guardPipe = new GuardPipe(this.#start.guardFd, this.#beats, this.#start.workers, {
        stateDir: () => this.#stateDir,
        onLastGood: () => this.#onLastGood,
        guardGone: () => this.#guardGone()
      })
    }
    try {
      await this.#bringUp()
    } catch (error) {
      this.failStart(messageOf(error))
    }
  }

  async #bringUp(): Promise<void> {
    const reading = await this.#firstReading()
    this.#say(reading.findings)
    const { plan } = reading
    if (plan === null) throw new Error(`${this.#start.configName} can't be used; nothing was started`)
    this.#stateDir = reading.stateDir
    this.#log = this.#logFor(plan)
    this.#closers.push(await lockStateDir(this.#stateDir))
    const store = await Store.open({ stateDir: this.#stateDir, onNote: (level, text) => this.#log[level](text) })
    this.#store = store
    this.#closers.push(() => store.close())
    await this.#bans.restore(new BanRows(store))
    await this.#keyUses.restore(new KeyUseRows(store))
    this.#closers.push(() => {
      this.#observation.catchUp()
      this.#keyUses.flush()
    })
    const revocations = new RevocationRegistry({
      table: new RevocationTable(store),
      send: (change) => this.#rollout.revoke(change),
      flush: () => store.flush()
    })
    this.#revocations = revocations
    this.#closers.push(() => revocations.close())
    await revocations.start()
    const quotas = await QuotaKeeper.open(this.#start.memory, new QuotaCounts(store))
    this.#quotas = quotas
    this.#closers.push(() => quotas.close())
    if (plan.cluster !== null) await this.#join(plan.cluster, revocations)
    for (const { name, host, port } of plan.listeners) {
      const found = port === 0 ? 'free' : await probeAddress(host, port)
      if (found !== 'free') throw new Error(`listener ${name}: ${host}:${port} ${ADDRESS_TROUBLE[found]}`)
    }
    await this.#firewall.prepare(plan)
    this.#observation.prepare(plan).commit()
    this.#keys = new KeyStore({
      stateDir: this.#stateDir,
      fetchJson: fetchLazily,
      onKeys: (set) => this.#rollout.setKeys(set),
      onNote: (level, text) => this.#log[level](text)
    })
    const keys = this.#keys
    this.#closers.push(() => keys.close())
    const signing = this.#signingKeys()
    await Promise.all([keys.start(plan.issuers), signing.prepare(plan), this.#allUp])
    await this.#publish(plan)
    this.#nowServes(plan)
    const failure = await this.#openPorts(plan)
    if (failure !== null) throw new Error(failure)
    await this.#firewall.use(plan, this.#ports)
    const resources = [...this.#resources(revocations), jwksResource(signing)]
    const socket = await startControlSocket(join(this.#stateDir, 'control.sock'), resources)
    this.#closers.push(() => socket.close())
    const { admin, certificates } = plan
    if (admin !== null) {
      const address = await AdminAddress.start({ admin, certificates }, resources)
      this.#admin = address
      this.#closers.push(() => address.close())
    }
    if (plan.metrics !== null) {
      const metrics = await startMetricsServer(plan.metrics, () => this.#observation.exposition(), [
        jwksResource(signing)
      ])
      this.#closers.push(() => metrics.close())
    }
    this.#watch.begin()
    this.#beats.setReady(true)
    this.#log.info(`ready: ${this.#addresses(plan)}`, { generation: plan.generation, workers: this.#start.workers })
  }

  /** Before any generation is built: keys are hashed with what the hosts share. */
  async #join(plan: ClusterPlan, revocations: RevocationRegistry): Promise<void> {
    const cluster = new ClusterLink({
      plan,
      memory: this.#start.memory,
      stateDir: this.#stateDir,
      bans: this.#bans,
      revocations,
      log: () => this.#log,
      reseeded: () => {
        this.#reseeded = true
        void this.reload('the cluster, whose hosts hash keys with another seed')
      }
    })
    this.#cluster = cluster
    this.#closers.push(() => cluster.close())
    await cluster.reached()
  }

  #signingKeys(): SigningKeys {
    const { env } = readEnv(process.env)
    const lifetime = env.GATEHOUSE_TOKEN_KEY_LIFETIME
    const signing = new SigningKeys({
      stateDir: this.#stateDir,
      lifetime,
      notice: Math.min(env.GATEHOUSE_TOKEN_KEY_NOTICE, lifetime / 2),
      onKeys: (keys) => this.#rollout.setSigningKeys(keys),
      onNote: (level, text) => this.#log[level](text, {})
    })
    this.#signing = signing
    this.#closers.push(() => signing.close())
    return signing
  }

  /** What the owner may ask and change, on every door of the admin API. */
  #resources(revocations: RevocationRegistry): Resource[] {
    const gateway = gatewayResources({
      status: () => this.status(),
      reload: () => this.reload('its owner'),
      stop: () => this.#toMain({ type: 'stop' }),
      metrics: () => this.#observation.exposition()
    })
    const revoking = revocationResources(
      revocations,
      () => namesOf(this.#rollout.current),
      (text, fields) => this.#log.info(text, fields)
    )
    const requests = requestResources({
      find: (id) => this.#observation.request(id),
      horizon: () => this.#observation.horizon()
    })
    const keys = keyResources(this.#keyUses, () => this.#observation.catchUp())
    return [...gateway, ...revoking, ...banResources(this.#bans), ...keys, ...requests]
  }

  #openPorts(plan: Plan): Promise<string | null> {
    return new Promise((resolve) => {
      this.#listened = resolve
      const listeners = plan.listeners.map(({ name, host, port, tls }) => ({ name, host, port, tls }))
      this.#toMain({ type: 'listen', listeners })
    })
  }

  listening(ports: number[]): void {
    this.#ports = ports
    this.#listened(null)
  }

  failStart(reason: string): void {
    process.stderr.write(`gatehouse: ${reason}\n`)
    this.#toMain({ type: 'fatal', code: 1 })
  }

  #firstReading(): Reading | Promise<Reading> {
    const { lastGoodIn } = this.#start
    if (lastGoodIn === null) return this.#read()
    const plan = readLastGood(lastGoodIn)
    if (plan !== null) return this.#lastGood(lastGoodIn, plan)
    this.#log.error('no configuration has run well yet: starting on the present one once more', {})
    return this.#read()
  }

  async #read(): Promise<Reading> {
    const { configFile, configName } = this.#start
    const watch = this.#watch.reading()
    const reading = await this.#reader.read({ configFile, configName, generation: this.#generation + 1 })
    watch(reading.files)
    return reading
  }

  #lastGood(stateDir: string, plan: Plan): Reading {
    this.#log.error('starting on the last configuration that ran well: the present one failed', { stateDir })
    this.#onLastGood = true
    // What the file says now is what failed: the next change of it is what counts.
    const files = [this.#start.configFile]
    this.#watch.reading()(files)
    return { plan: { ...plan, generation: this.#generation + 1 }, findings: [], files, stateDir }
  }

  /**
   * Reads, compiles and rolls out. Any failure on the way keeps what serves, and says why. One at a time; asked for
   * meanwhile, once more, unless what was asked for has just been done: an owner who saves the file and asks comes
   * while the change itself is being followed.
   */
  reload(cause: string): Promise<ReloadVerdict> {
    if (this.#reloading !== null) {
      if (this.#again === null || cause !== FILE_CHANGE) this.#again = cause
      return this.#reloading.then((verdict) => this.#reloading ?? verdict)
    }
    this.#again = null
    this.#reloading = this.#reloadOnce(cause).then((verdict) => {
      this.#reloading = null
      const again = this.#again
      const done = verdict.outcome !== 'refused' && !this.#watch.differs()
      if (again !== null && !done) void this.reload(again)
      return verdict
    })
    return this.#reloading
  }

  async #reloadOnce(cause: string): Promise<ReloadVerdict> {
    const verdict = await this.#attempt().catch((error: unknown) => this.#refused(messageOf(error)))
    const reason = verdict.outcome === 'refused' ? verdict.reason : ''
    this.#lastReload = { at: new Date().toISOString(), outcome: verdict.outcome, reason }
    this.#observation.reloaded(verdict.outcome)
    if (verdict.outcome === 'refused') {
      this.#say(verdict.findings)
      const fields = { generation: verdict.generation, reason }
      this.#log.error(`reload by ${cause} refused; generation ${verdict.generation} goes on`, fields)
    } else {
      // A file that was only touched is no news; an owner who asked wants to hear it.
      const level = verdict.outcome === 'unchanged' && cause === FILE_CHANGE ? 'debug' : 'info'
      this.#log[level](`reload by ${cause}: ${verdict.outcome}`, { generation: verdict.generation })
    }
    return verdict
  }

  #refused(reason: string, findings: Finding[] = []): ReloadVerdict {
    return { outcome: 'refused', generation: this.#rollout.current?.generation ?? 0, reason, findings }
  }

  async #attempt(): Promise<ReloadVerdict> {
    const before = this.#rollout.current
    if (before === null) return this.#refused('not started yet')
    if (this.#stopping) return this.#refused('the gateway is stopping')
    const { plan, findings, stateDir } = await this.#read()
    if (plan === null) return this.#refused('the configuration has errors', findings)
    await this.#keys?.refreshFiles()
    if (plan.digest === before.digest && !this.#reseeded) {
      this.#onLastGood = false
      return { outcome: 'unchanged', generation: before.generation, findings }
    }
    const fixed = restartOnly(before, plan, this.#stateDir, stateDir)
    if (fixed !== null) return this.#refused(`${fixed} can't change while running: restart to change it`, findings)
    await this.#firewall.prepare(plan)
    const log = this.#observation.prepare(plan)
    const keys = await this.#keys?.prepare(plan.issuers)
    try {
      await this.#signing?.prepare(plan)
      await this.#publish(plan)
    } catch (error) {
      log.cancel()
      await keys?.cancel()
      return this.#refused(messageOf(error), findings)
    }
    this.#reseeded = false
    log.commit()
    keys?.commit()
    this.#onLastGood = false
    this.#nowServes(plan)
    void this.#firewall.use(plan, this.#ports)
    return { outcome: 'applied', generation: plan.generation, findings }
  }

  #publish(plan: Plan): Promise<void> {
    this.#generation = plan.generation
    return this.#rollout.publish(plan)
  }

  #nowServes(plan: Plan): void {
    this.#since = new Date()
    this.#log = this.#logFor(plan)
    this.#observation.use(plan)
    this.#bans.use(plan.threats)
    this.#keyUses.use(plan)
    this.#crowdsec.use(plan.crowdsec)
    this.#quotas?.use(plan)
    this.#cluster?.use(plan)
    if (plan.admin !== null) this.#admin?.use({ admin: plan.admin, certificates: plan.certificates })
    this.#revocations?.use(plan.revocations)
    this.#workers.allServe()
    this.#provesIn(PROVEN, plan)
  }

  #provesIn(delay: number, plan: Plan): void {
    clearTimeout(this.#proving)
    this.#proving = setTimeout(() => this.#hasProven(plan), delay).unref()
  }

  #hasProven(plan: Plan): void {
    // A reload under way has written copies of certificates that no plan in force names yet.
    if (this.#reloading !== null) return this.#provesIn(1_000, plan)
    try {
      saveLastGood(this.#stateDir, plan)
      // Not sooner: until now the one to come back to was another, with certificates of its own.
      removeUnusedCopies(this.#stateDir, plan)
    } catch (error) {
      this.#log.warn("the running configuration can't be kept as the last good one", { reason: messageOf(error) })
    }
  }

  #logFor(plan: Plan): Log {
    const level = readEnv(process.env).env.GATEHOUSE_LOG_LEVEL || plan.log.level
    if (level === this.#logLevel) return this.#log
    this.#logLevel = level
    return createLog({ level })
  }

  #say(findings: readonly Finding[]): void {
    for (const { severity, where, path, message } of findings) {
      const text = `${where} ${path}: ${message}`
      if (severity === 'error') this.#log.error(text, {})
      else this.#log.warn(text, {})
    }
  }

  #addresses(plan: Plan): string {
    return plan.listeners
      .map(
        ({ host, tls }, i) => `${tls ? 'https' : 'http'}://${host.includes(':') ? `[${host}]` : host}:${this.#ports[i]}`
      )
      .join(' ')
  }

  status(): StatusReport {
    const plan = this.#rollout.current
    return {
      version: gatehouseVersion(),
      pid: process.pid,
      startedAt: this.#startedAt.toISOString(),
      configFile: this.#start.configName,
      generation: plan?.generation ?? 0,
      digest: plan?.digest ?? '',
      since: this.#since?.toISOString() ?? null,
      ready: this.#beats.isReady() && !this.#beats.isDraining(),
      draining: this.#beats.isDraining(),
      workers: this.#workers.report(this.#beats),
      listeners: (plan?.listeners ?? []).map(({ name, host, tls }, i) => ({
        name,
        host,
        tls,
        port: this.#ports[i] ?? 0
      })),
      admin: plan?.admin ? { host: plan.admin.host, port: this.#admin?.port ?? 0, tls: plan.admin.tls } : null,
      issuers: (this.#keys?.status() ?? []).map(({ issuer, keys, age, stale, error }) => ({
        name: issuer,
        keys,
        keyAge: age,
        stale,
        error
      })),
      certificates: (plan?.certificates ?? []).map(({ hosts, notAfter }) => ({
        hosts,
        notAfter: new Date(notAfter).toISOString()
      })),
      store: this.#store?.health() ?? null,
      firewall: this.#firewall.report(),
      crowdsec: this.#crowdsec.report(),
      limitTables: this.#observation.limitTables(),
      revocations: this.#revocations?.counts() ?? null,
      cluster: this.#cluster?.report() ?? null,
      lastReload: this.#lastReload
    }
  }

  workerUp(index: number, port: MessagePort): void {
    this.#workers.up(index)
    this.#rollout.add(index, port)
    if (this.#workers.allUp) this.#noteAllUp()
  }

  workerDown(index: number): void {
    this.#workers.down(index)
    this.#rollout.remove(index)
  }

  workerFailed(index: number, reason: string): void {
    this.#observation.workerReplaced()
    this.#log.error(`worker ${index} failed and is replaced`, { worker: index, reason })
  }

  workerBypassed(index: number, bypassed: boolean): void {
    this.#workers.bypassed(index, bypassed)
    if (bypassed) this.#log.error(`worker ${index} is blocked: it gets no new connections`, { worker: index })
    else this.#log.warn(`worker ${index} answers again`, { worker: index })
  }

  reopenLogs(): void {
    this.#observation.reopen()
  }

  draining(): void {
    this.#stopping = true
    this.#watch.stop()
    this.#log.info('stopping: not ready any more, requests under way may finish', {})
  }

  /** The workers are gone: writes out what they left, lets go of everything. */
  async close(): Promise<void> {
    this.#watch.stop()
    this.#guardPipe?.stop()
    await this.#reader.close()
    for (const close of this.#closers.toReversed()) {
      try {
        await close()
      } catch (error) {
        this.#log.warn('closing', { reason: String(error) })
      }
    }
    await this.#observation.close()
    this.#log.info('stopped', {})
    this.#toMain({ type: 'closed' })
  }

  #guardGone(): void {
    process.stderr.write('gatehouse: the guard is gone; a gateway without one must not keep the port\n')
    void this.#observation.flush().finally(() => process.kill(process.pid, 'SIGKILL'))
  }
}

const ADDRESS_TROUBLE = {
  'in-use': 'is already in use',
  'not-permitted': 'is not permitted to this user',
  'no-such-address': 'is not an address of this machine'
} as const

/** Whom a revocation may name. */
function namesOf(plan: Plan | null): KnownNames {
  const { issuers = [], consumers = [] } = plan ?? {}
  return { issuers: new Set(issuers.map(({ name }) => name)), consumers: new Set(consumers.map(({ name }) => name)) }
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error)
}

/** What a running process can't change: its ports and its state. @returns the first that differs, by its key. */
function restartOnly(before: Plan, after: Plan, stateBefore: string, stateAfter: string): string | null {
  if (stateBefore !== stateAfter) return 'state.dir'
  const key = (plan: Plan): string =>
    JSON.stringify(plan.listeners.map(({ name, host, port, tls }) => [name, host, port, tls]))
  if (key(before) !== key(after)) return 'listen'
  if (JSON.stringify(before.cluster) !== JSON.stringify(after.cluster)) return 'cluster'
  if (JSON.stringify(before.metrics) !== JSON.stringify(after.metrics)) return 'metrics.address'
  const door = ({ admin }: Plan): string => (admin === null ? '' : JSON.stringify([admin.host, admin.port, admin.tls]))
  return door(before) === door(after) ? null : 'admin'
}

import type { MessagePort } from 'node:worker_threads'
import { readEnv } from '../env.ts'
import { Beats } from '../memory/beats.ts'
import type { ControlStart, ControlToMain } from '../messages.ts'
import type { Log } from '../observe/log.ts'
import type { ClusterPlan } from '../plan/cluster.ts'
import type { PackedPlan } from '../plan/plan.ts'
import { ownerResources } from './admin/owner-resources.ts'
import type { ReloadVerdict, StatusReport } from './admin/report.ts'
import type { Resource } from './admin/resource.ts'
import { KeyUses } from './api-keys/uses.ts'
import { Defence } from './bans/defence.ts'
import { Closers } from './closers.ts'
import { ClusterLink } from './cluster/link.ts'
import type { Finding } from './config/load.ts'
import { Doors } from './doors.ts'
import { Durable } from './durable.ts'
import { fetchLazily } from './fetch-lazily.ts'
import { GuardPipe } from './guard-pipe.ts'
import { KeyStore } from './keys/key-store.ts'
import { Observation } from './observation.ts'
import { OwnLog } from './own-log.ts'
import { Ports } from './ports.ts'
import { Proving } from './proving.ts'
import { FILE_CHANGE, Reloads } from './reloads.ts'
import { restartOnly } from './restart-only.ts'
import type { RevocationRegistry } from './revocations/registry.ts'
import { Rollout } from './rollout.ts'
import { jwksResource, SigningKeys } from './signing-keys.ts'
import type { ConfigurationReader } from './reading.ts'
import { ConfigurationSource } from './source.ts'
import { lockStateDir } from './state-dir.ts'
import { statusOf } from './status.ts'
import { workerNotes } from './worker-notes.ts'
import { WorkerStates } from './worker-states.ts'

/**
 * The control thread's conductor. Three movements: `#bringUp`, from nothing to ready; `#attempt`, from one
 * configuration to the next; `close`. What takes part in them has a file each; long because here is who is told of what,
 * and in which order. Workers go on serving what they have while any of this fails.
 */
export class Control {
  readonly #start: ControlStart
  readonly #toMain: (message: ControlToMain) => void
  readonly #closers = new Closers()
  readonly #ownLog = new OwnLog()
  readonly #beats: Beats
  readonly #rollout: Rollout
  readonly #workers: WorkerStates
  readonly #startedAt = new Date()
  readonly #observation: Observation
  readonly #source: ConfigurationSource
  readonly #reloads: Reloads
  readonly #proving: Proving
  readonly #ports: Ports
  readonly #defence: Defence
  readonly #keyUses = new KeyUses()
  readonly #durable: Durable
  #keys: KeyStore | null = null
  #signing: SigningKeys | null = null
  #cluster: ClusterLink | null = null
  #doors: Doors | null = null
  #guardPipe: GuardPipe | null = null
  /** '' until the first reading says where it is. */
  #stateDir = ''
  /** The newest that workers were asked to build: a number is never used twice, whether or not its generation came to serve. */
  #generation = 0
  /** What serves is the last plan that ran well, not what the configuration file says. */
  #onLastGood = false
  #stopping = false
  #since: Date | null = null
  /** Limits of the cluster are to be prepared anew, though the configuration says what it said. */
  #reseeded = false

  /** @param reader may have begun to read the first generation already */
  constructor(start: ControlStart, reader: ConfigurationReader, toMain: (message: ControlToMain) => void) {
    this.#start = start
    this.#toMain = toMain
    const log = (): Log => this.#log
    const { memory, configFile, configName, lastGoodIn } = start
    this.#beats = new Beats(memory)
    const notes = workerNotes(log)
    this.#workers = new WorkerStates(start.workers, notes.slowToStart)
    this.#ports = new Ports(toMain)
    this.#source = new ConfigurationSource({
      configFile,
      configName,
      lastGoodIn,
      reader,
      log,
      changed: () => void this.reload(FILE_CHANGE)
    })
    this.#reloads = new Reloads({
      attempt: () => this.#attempt(),
      refused: (reason) => this.#refused(reason),
      differs: () => this.#source.differs(),
      decided: (verdict, cause) => this.#decided(verdict, cause)
    })
    this.#proving = new Proving({
      stateDir: () => this.#stateDir,
      files: () => this.#source.files,
      reloading: () => this.#reloads.underWay,
      log
    })
    this.#observation = new Observation(memory, start.stdoutFd, {
      linesLost: (error) => this.#log.error('access lines are lost', { reason: error.message }),
      issuers: () => this.#keys?.status() ?? [],
      firewall: () => this.#defence.firewall.report(),
      explainBytes: readEnv(process.env).env.GATEHOUSE_EXPLAIN_BYTES,
      keyUses: this.#keyUses,
      crowdsec: () => this.#defence.crowdsec.report()
    })
    this.#defence = new Defence(memory, log, this.#closers, (bucket, except) =>
      this.#rollout.testimonies(bucket, except)
    )
    this.#rollout = new Rollout({
      ...notes,
      unknownKid: (issuer, version) => void this.#keys?.refetch(issuer, version),
      banned: (ban, bucket, worker) => void this.#defence.witnesses.banned(ban, bucket, worker),
      revocations: () => this.#durable.revocations?.whole() ?? null,
      joined: (index) => {
        this.#workers.serves(index)
        this.#log.info(`worker ${index} serves`, { worker: index })
      }
    })
    this.#durable = new Durable({
      memory,
      bans: this.#defence.book,
      keyUses: this.#keyUses,
      revoke: (change) => this.#rollout.revoke(change),
      catchUp: () => this.#observation.catchUp(),
      log,
      closers: this.#closers
    })
  }

  get #log(): Log {
    return this.#ownLog.now
  }

  /** From nothing to ready; says on stderr what keeps it from that, and ends the process. */
  async start(): Promise<void> {
    const beat = setInterval(() => this.#beats.beat('control'), 200)
    this.#closers.add(() => clearInterval(beat))
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
    const reading = await this.#source.first(this.#generation + 1)
    this.#onLastGood = reading.lastGood
    this.#ownLog.findings(reading.findings)
    const { plan } = reading
    if (plan === null) throw new Error(`${this.#start.configName} can't be used; nothing was started`)
    this.#stateDir = reading.stateDir
    this.#ownLog.use(plan.log)
    this.#closers.add(await lockStateDir(this.#stateDir))
    const revocations = await this.#durable.open(this.#stateDir)
    if (plan.cluster !== null) await this.#join(plan.cluster, revocations)
    await this.#ports.probe(plan.listeners)
    await this.#defence.firewall.prepare(plan)
    this.#observation.prepare(plan).commit()
    const keys = this.#keyStore()
    const signing = this.#signingKeys()
    // No port opens before every worker has acknowledged its first plan, so each must have come up.
    await Promise.all([keys.start(plan.issuers), signing.prepare(plan), this.#workers.allUp()])
    await this.#publish(plan)
    this.#nowServes(plan)
    await this.#ports.open(plan.listeners)
    await this.#defence.firewall.use(plan, this.#ports.bound)
    this.#doors = await Doors.open(plan, {
      stateDir: this.#stateDir,
      resources: this.#resources(revocations),
      jwks: jwksResource(signing),
      exposition: () => this.#observation.exposition(),
      closers: this.#closers
    })
    this.#source.watch()
    this.#beats.setReady(true)
    const fields = { generation: plan.generation, workers: this.#start.workers }
    this.#log.info(`ready: ${this.#ports.urls(plan.listeners)}`, fields)
  }

  /** Before any generation is built: keys are hashed with what the hosts share. */
  async #join(plan: ClusterPlan, revocations: RevocationRegistry): Promise<void> {
    const cluster = new ClusterLink({
      plan,
      memory: this.#start.memory,
      stateDir: this.#stateDir,
      bans: this.#defence.book,
      revocations,
      log: () => this.#log,
      reseeded: () => {
        this.#reseeded = true
        void this.reload('the cluster, whose hosts hash keys with another seed')
      }
    })
    this.#cluster = cluster
    this.#closers.add(() => cluster.close())
    await cluster.reached()
  }

  #keyStore(): KeyStore {
    const keys = new KeyStore({
      stateDir: this.#stateDir,
      fetchJson: fetchLazily,
      onKeys: (set) => this.#rollout.setKeys(set),
      onNote: (level, text) => this.#log[level](text)
    })
    this.#keys = keys
    this.#closers.add(() => keys.close())
    return keys
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
    this.#closers.add(() => signing.close())
    return signing
  }

  /** What the owner may ask and change. */
  #resources(revocations: RevocationRegistry): Resource[] {
    return ownerResources({
      gateway: {
        status: () => this.status(),
        reload: () => this.reload('its owner'),
        stop: () => this.#toMain({ type: 'stop' }),
        metrics: () => this.#observation.exposition()
      },
      revocations,
      bans: this.#defence.book,
      keyUses: this.#keyUses,
      observation: this.#observation,
      plan: () => this.#rollout.current,
      log: () => this.#log
    })
  }

  /** Reads, compiles and rolls out; one at a time. Any failure on the way keeps what serves, and says why. */
  reload(cause: string): Promise<ReloadVerdict> {
    return this.#reloads.reload(cause)
  }

  async #attempt(): Promise<ReloadVerdict> {
    const before = this.#rollout.current
    if (before === null) return this.#refused('not started yet')
    if (this.#stopping) return this.#refused('the gateway is stopping')
    const { plan, findings, stateDir } = await this.#source.read(this.#generation + 1)
    if (plan === null) return this.#refused('the configuration has errors', findings)
    await this.#keys?.refreshFiles()
    if (plan.digest === before.digest && !this.#reseeded) {
      this.#onLastGood = false
      return { outcome: 'unchanged', generation: before.generation, findings }
    }
    const fixed = restartOnly(before, plan, this.#stateDir, stateDir)
    if (fixed !== null) return this.#refused(`${fixed} can't change while running: restart to change it`, findings)
    await this.#defence.firewall.prepare(plan)
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
    void this.#defence.firewall.use(plan, this.#ports.bound)
    return { outcome: 'applied', generation: plan.generation, findings }
  }

  #refused(reason: string, findings: Finding[] = []): ReloadVerdict {
    return { outcome: 'refused', generation: this.#rollout.current?.generation ?? 0, reason, findings }
  }

  #decided(verdict: ReloadVerdict, cause: string): void {
    const { outcome, generation } = verdict
    this.#observation.reloaded(outcome)
    if (outcome === 'refused') {
      this.#ownLog.findings(verdict.findings)
      const fields = { generation, reason: verdict.reason }
      this.#log.error(`reload by ${cause} refused; generation ${generation} goes on`, fields)
    } else {
      // A file that was only touched is no news; an owner who asked wants to hear it.
      const level = outcome === 'unchanged' && cause === FILE_CHANGE ? 'debug' : 'info'
      this.#log[level](`reload by ${cause}: ${outcome}`, { generation })
    }
  }

  #publish(plan: PackedPlan): Promise<void> {
    this.#generation = plan.generation
    return this.#rollout.publish(plan)
  }

  #nowServes(plan: PackedPlan): void {
    this.#since = new Date()
    this.#ownLog.use(plan.log)
    this.#observation.use(plan)
    this.#defence.use(plan)
    this.#keyUses.use(plan)
    this.#cluster?.use(plan)
    this.#doors?.use(plan)
    this.#durable.use(plan)
    this.#workers.allServe()
    this.#proving.begin(plan)
  }

  status(): StatusReport {
    return statusOf({
      configName: this.#start.configName,
      startedAt: this.#startedAt,
      plan: this.#rollout.current,
      since: this.#since,
      ports: this.#ports.bound,
      adminPort: this.#doors?.adminPort ?? null,
      lastReload: this.#reloads.last,
      beats: this.#beats,
      workers: this.#workers,
      keys: this.#keys,
      durable: this.#durable,
      cluster: this.#cluster,
      defence: this.#defence,
      observation: this.#observation
    })
  }

  listening(ports: number[]): void {
    this.#ports.opened(ports)
  }

  failStart(reason: string): void {
    process.stderr.write(`gatehouse: ${reason}\n`)
    this.#toMain({ type: 'fatal', code: 1 })
  }

  workerUp(index: number, port: MessagePort): void {
    this.#workers.up(index)
    this.#rollout.add(index, port)
  }

  workerDown(index: number): void {
    this.#workers.down(index)
    this.#rollout.remove(index)
  }

  workerFailed(index: number, reason: string): void {
    this.#observation.workerReplaced()
    this.#log.error(`worker ${index} failed and is replaced`, { worker: index, reason })
  }

  workerWorn(index: number): void {
    this.#log.info(`worker ${index} has counted its connections and is replaced`, { worker: index })
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
    this.#source.stopWatching()
    this.#log.info('stopping: not ready any more, requests under way may finish', {})
  }

  /** The workers are gone: writes out what they left, lets go of everything. */
  async close(): Promise<void> {
    this.#guardPipe?.stop()
    this.#source.close()
    await this.#closers.close((error) => this.#log.warn('closing', { reason: String(error) }))
    await this.#observation.close()
    this.#log.info('stopped', {})
    this.#toMain({ type: 'closed' })
  }

  #guardGone(): void {
    process.stderr.write('gatehouse: the guard is gone; a gateway without one must not keep the port\n')
    void this.#observation.flush().finally(() => process.kill(process.pid, 'SIGKILL'))
  }
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error)
}

import type { Env } from '../env.ts'
import { Authenticator } from '../identity/authenticate.ts'
import { DpopProofs, PROOF_LIFETIME } from '../identity/dpop.ts'
import { MessageSignatures, SIGNATURE_LIFE } from '../identity/message-signatures.ts'
import { PasswordPool, type PasswordCheck } from '../identity/password-pool.ts'
import { Passwords } from '../identity/passwords.ts'
import { TokenMinter } from '../identity/internal-token.ts'
import { VerifyPool, type SignatureVerifier } from '../identity/pool.ts'
import { Revocations } from '../identity/revocations.ts'
import { TokenVerifier } from '../identity/verifier.ts'
import { Admission, NEWCOMER } from '../limits/admission.ts'
import { ConnectionLimits } from '../limits/connections.ts'
import type { StrictStore } from '../cluster/strict-store.ts'
import { Limiter, newLimitVerdict, type LimitVerdict } from '../limits/limiter.ts'
import type { BanReport, Bucket } from '../ban.ts'
import { Beats } from '../memory/beats.ts'
import { monotonicNs, wallMs } from '../memory/clock.ts'
import { COUNTER, Counters } from '../memory/counters.ts'
import { clusterHeard } from '../memory/shared.ts'
import { Once } from '../memory/once.ts'
import type { SharedMemory } from '../memory/shared.ts'
import { RecordWriter } from '../observe/record-writer.ts'
import { emptyRecord, type AccessRecord } from '../observe/record.ts'
import type { RefusedConnection } from '../messages.ts'
import type { KeySet } from '../plan/keys.ts'
import type { UpstreamPlan } from '../plan/upstream.ts'
import { Bans } from '../threats/bans.ts'
import { Detector } from '../threats/detector.ts'
import { ContentJudge } from '../policy/validation/content-threads.ts'
import { createTransport } from '../upstream/index.ts'
import type { Transport } from '../upstream/transport.ts'
import { type ExternalDecider, ExternalChecks } from './external-checks.ts'
import type { Exchange } from './exchange.ts'
import { chargeAnswer } from './limits.ts'
import type { Tables } from './tables.ts'
import { UpstreamInquiry } from './token-inquiry.ts'

/** Large bodies that one worker judges at a time. */
const CONTENT_THREADS = 1

export interface WorkerOptions {
  memory: SharedMemory
  /** Its place in shared memory, from 0. */
  index: number
  env: Env
  events: {
    unknownKid(issuer: string, version: number): void
    /** By `bucket` the other workers find what they have seen; null: one request was enough. */
    banned?(ban: BanReport, bucket: Bucket | null): void
    connectionRefused?(refused: RefusedConnection): void
  }
  // What stands in for the part that serves, where nothing is to be served: rehearsals and tests.
  signatures?: SignatureVerifier
  passwords?: PasswordCheck
  bodies?: ContentJudge
  external?: ExternalDecider
  /** null: nobody is asked about opaque tokens. */
  inquiry?: UpstreamInquiry | null
  /** ms since the epoch. */
  clock?: () => number
  /** ns. */
  monotonic?: () => bigint
}

/**
 * What a worker has once, whatever generation it serves: its place in shared memory, its verified tokens and the
 * threads that verify new ones, its connections to upstreams.
 */
export class WorkerServices {
  readonly beats: Beats
  readonly counters: Counters
  readonly limiter: Limiter
  readonly connections: ConnectionLimits
  readonly admission: Admission
  readonly detector: Detector
  readonly bans: Bans
  readonly tokens: TokenVerifier
  readonly authenticator: Authenticator
  readonly revocations = new Revocations()
  readonly external: ExternalDecider
  /** Reads what request bodies hold. */
  readonly bodies: ContentJudge
  readonly minter = new TokenMinter()
  /** Reused by every exchange that ends. */
  readonly record: AccessRecord = emptyRecord()
  /** Reused by every limit. */
  readonly verdict: LimitVerdict = newLimitVerdict()
  /** Whom strict limits of the cluster ask; null: nobody, and they count on this host. */
  store: StrictStore | null = null
  /** What the hosts of the cluster hash keys with, 32 hex digits. */
  readonly clusterSeed: () => string
  /** Before every key there. */
  prefix = ''
  /** Whether counts are exchanged with the other hosts just now. */
  readonly heard: () => boolean
  /** ns that limits count in. */
  readonly monotonic: () => bigint
  readonly #signatures: SignatureVerifier
  /** Null: nobody is asked about opaque tokens. */
  readonly #inquiry: UpstreamInquiry | null
  readonly #passwords: PasswordCheck
  readonly #writer: RecordWriter
  readonly #connectionRefused: (refused: RefusedConnection) => void
  /** By what the upstream's plan says, so that a reload that leaves an upstream as it is keeps its connections. */
  readonly #transports = new Map<string, { transport: Transport; users: number }>()
  /** What was counted of the verifier, see #countTokens. */
  #counted = { hits: 0, misses: 0, evicted: 0, cold: 0, overloads: 0, asked: 0, failed: 0 }

  constructor({ memory, index, env, events, ...own }: WorkerOptions) {
    const {
      signatures = new VerifyPool({ threads: env.GATEHOUSE_VERIFY_THREADS }),
      clock = wallMs,
      monotonic = monotonicNs,
      inquiry = new UpstreamInquiry(),
      passwords = new PasswordPool(),
      bodies = new ContentJudge(CONTENT_THREADS)
    } = own
    this.bodies = bodies
    this.heard = clusterHeard(memory)
    this.clusterSeed = () => Buffer.from(new Uint8Array(memory.clusterSeed)).toString('hex')
    this.beats = new Beats(memory)
    this.counters = new Counters(memory, index)
    this.monotonic = monotonic
    this.detector = new Detector(memory, this.counters, monotonic)
    this.bans = new Bans(memory, this.detector, this.counters, (ban, bucket) => events.banned?.(ban, bucket))
    this.limiter = new Limiter(memory, index, this.counters, monotonic, clock)
    this.connections = new ConnectionLimits(memory, index, this.counters, monotonic)
    this.#connectionRefused = (refused) => events.connectionRefused?.(refused)
    this.#signatures = signatures
    this.#inquiry = inquiry
    this.#passwords = passwords
    this.admission = new Admission(env.GATEHOUSE_OVERLOAD_LAG, memory.seed)
    const doorkeeper = { turnsAway: (client: string) => this.#shedsNewcomer(client) }
    this.tokens = new TokenVerifier({
      signatures,
      inquiry,
      cacheBytes: env.GATEHOUSE_VERIFY_CACHE_SIZE,
      queue: env.GATEHOUSE_VERIFY_QUEUE,
      perClient: env.GATEHOUSE_VERIFY_PER_CLIENT,
      doorkeeper,
      onUnknownKid: (issuer, version) => events.unknownKid(issuer, version),
      clock
    })
    this.authenticator = new Authenticator(
      this.tokens,
      new Passwords(passwords, env.GATEHOUSE_VERIFY_PER_CLIENT, doorkeeper),
      new DpopProofs(signatures, new Once(memory, 'dpop', PROOF_LIFETIME, monotonic), env.GATEHOUSE_VERIFY_QUEUE),
      new MessageSignatures(
        signatures,
        new Once(memory, 'message signature', SIGNATURE_LIFE, monotonic),
        env.GATEHOUSE_VERIFY_QUEUE,
        env.GATEHOUSE_VERIFY_PER_CLIENT,
        doorkeeper
      )
    )
    this.external = own.external ?? new ExternalChecks(env.GATEHOUSE_DECISION_CACHE_SIZE, this.counters)
    this.#writer = new RecordWriter(memory, index, this.counters)
    this.record.worker = index
  }

  #shedsNewcomer(client: string): boolean {
    if (!this.admission.watches || !this.admission.turnsAway(NEWCOMER, client, 1)) return false
    this.counters.add(COUNTER.newcomersShed)
    return true
  }

  setKeys(set: KeySet): void {
    this.tokens.setKeys(set)
  }

  /** A transport for `plan`, shared by all generations that say the same of it. To be given back by `take` or `discard`. */
  transport(plan: UpstreamPlan): Transport {
    const identity = identityOf(plan)
    const known = this.#transports.get(identity)
    if (known !== undefined) {
      known.users++
      return known.transport
    }
    const transport = createTransport(plan, {
      connected: () => this.counters.add(COUNTER.upstreamConnects),
      repeated: () => this.counters.add(COUNTER.upstreamRetries)
    })
    this.#transports.set(identity, { transport, users: 1 })
    return transport
  }

  /** `next` serves from now on; exchanges that `before` has under way finish on its connections. */
  take(next: Tables, before: Tables | null): void {
    if (next.head.issuers.length > 0 || next.directory.signs) this.#signatures.start?.()
    this.tokens.configure(next.head.generation, next.head.issuers, next.directory)
    this.#inquiry?.use(next.transports)
    this.revocations.configure(next.revocations)
    if (before !== null) this.discard(before.head.upstreams)
  }

  /** Gives the transports of a generation's upstreams back: it is not served any more, or never was. */
  discard(upstreams: readonly UpstreamPlan[]): void {
    for (const plan of upstreams) {
      const identity = identityOf(plan)
      const known = this.#transports.get(identity)
      if (known === undefined || --known.users > 0) continue
      this.#transports.delete(identity)
      void known.transport.close()
    }
  }

  connection(opened: boolean): void {
    this.counters.add(opened ? COUNTER.connectionsOpened : COUNTER.connectionsClosed)
  }

  /** For the owner's log. */
  connectionRefused(refused: RefusedConnection): void {
    this.#connectionRefused(refused)
  }

  exception(x: Exchange | null): void {
    this.counters.add(x === null ? COUNTER.callbackExceptions : COUNTER.stageExceptions)
  }

  /** Gives back what an exchange holds, and charges what no answer came to tell. */
  release(x: Exchange): void {
    x.turn?.abandon()
    x.turn = null
    chargeAnswer(x, null)
    if (x.held.length === 0) return
    for (let i = 0; i < x.held.length; i++) this.limiter.release(x.held[i] ?? 0)
    x.held.length = 0
  }

  /** Writes `record` into the ring. */
  write(): void {
    this.counters.add(COUNTER.requests)
    this.#countTokens()
    this.record.time = wallMs()
    this.#writer.write(this.record)
  }

  #countTokens(): void {
    const { hits, misses, evicted, cold, opaque } = this.tokens
    const { asked, failed } = opaque
    const overloads = this.tokens.overloads + opaque.overloads
    const before = this.#counted
    if (hits !== before.hits) this.counters.add(COUNTER.verifyCacheHits, hits - before.hits)
    if (misses !== before.misses) this.counters.add(COUNTER.verifyCacheMisses, misses - before.misses)
    if (evicted !== before.evicted) this.counters.add(COUNTER.verifyCacheEvictions, evicted - before.evicted)
    if (cold !== before.cold) this.counters.add(COUNTER.tokenVerifications, cold - before.cold)
    if (overloads !== before.overloads) this.counters.add(COUNTER.verifyQueueRefusals, overloads - before.overloads)
    if (asked !== before.asked) this.counters.add(COUNTER.introspections, asked - before.asked)
    if (failed !== before.failed) this.counters.add(COUNTER.introspectionFailures, failed - before.failed)
    before.hits = hits
    before.misses = misses
    before.evicted = evicted
    before.cold = cold
    before.overloads = overloads
    before.asked = asked
    before.failed = failed
  }

  /** Once no exchange is under way any more. */
  async close(): Promise<void> {
    this.store?.close()
    // Not waited for: what services still owe is answers to questions of our own, about tokens and callers, and whoever
    // they were asked for has had his answer or was cut off.
    for (const { transport } of this.#transports.values()) void transport.close()
    await Promise.all([this.#signatures.close(), this.#passwords.close(), this.bodies.close()])
  }
}

function identityOf({ where: _, ...plan }: UpstreamPlan): string {
  return JSON.stringify(plan)
}

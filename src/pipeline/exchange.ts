import { NOBODY, type Caller } from '../caller.ts'
import type { Peer } from '../client/peer.ts'
import type { HeaderList } from '../headers.ts'
import type { OpenCost } from '../limits/limiter.ts'
import type { Refusal } from '../problems.ts'
import type { ClientCertificate, RequestView } from '../request.ts'
import type { CallerMemo } from '../identity/memo.ts'
import type { Standing } from '../identity/revocations.ts'
import { callerKey } from '../policy/key.ts'
import type { UpstreamClient } from '../upstream/transport.ts'
import { RouteMatch } from '../routing/match.ts'
import type { Permit } from './authorize.ts'
import { NO_BODY, type BodySource } from './body.ts'
import type { ListenerTable, PreparedRoute, Tables } from './tables.ts'

/**
 * One request on its way through the stages: what it says (normalised once, never changed after), and what was
 * decided about it so far. The stages read the first part and write the second; only worker/ touches sockets.
 */
export class Exchange implements RequestView, UpstreamClient {
  readonly tables: Tables
  readonly listenerTable: ListenerTable
  readonly method: string
  readonly scheme: 'http' | 'https'
  readonly headers: HeaderList
  /** Request target's query without `?`. */
  readonly query: string
  /** Request target's path as received; `path` is its normal form, set by the framing stage. */
  readonly rawPath: string
  readonly peer: Peer
  /** The PROXY protocol's source, or null. */
  readonly proxied: Uint8Array | null
  /** Position of the TLS connection's certificate, -1 on plain listeners. */
  readonly certificate: number
  readonly clientCertificate: ClientCertificate | null
  /** Monotonic ms when the head was complete. */
  readonly startedAt: number
  /** The same moment, ms since the epoch: every stage judges by this one reading. */
  readonly now: number

  // Set by the framing stage.
  host = ''
  /** As received, with its port: for `X-Forwarded-Host` and `host: preserve`. */
  authority = ''
  path = ''
  size = 0
  /** The client asked for the connection to end after the answer. */
  closes = false
  /** What Connection names, null where it is the usual one; the client stage has dropped it from `headers`. */
  named: readonly string[] | null = null

  /** Set by whoever made the exchange: where its body comes from. */
  body: BodySource = NO_BODY
  /** All of the body, once a stage asked for it and it is there; what is forwarded then. */
  bodyHeld: Uint8Array | null = null

  /** Set by the validate stage: what a JSON body that fits its schema holds, where a rule reads it. */
  content: unknown = undefined

  // Set by the client stage.
  id = ''
  traceparent = ''
  clientAddress: Uint8Array = NO_BYTES
  clientIp = ''
  clientKey = ''
  trustedPeer = false

  // Set by the route stage.
  route: PreparedRoute | null = null
  readonly match = new RouteMatch()
  /** A preflight to be answered for `route`. */
  preflight = false

  // Set by the auth stage.
  caller: Caller = NOBODY
  /** Results of rules that read only the caller, kept with its cached token; null when the caller isn't cached. */
  memo: CallerMemo | null = null
  /** Whom a bad credential claims to be, '' when it claims nobody who is known here. */
  account = ''
  /** Whether the caller's credential was revoked since it was verified; null before the stage, and for nobody. */
  standing: Standing | null = null

  /** Set by the authorize stage: without it nothing reaches an upstream. */
  permit: Permit | null = null

  /** Concurrency slots held, released at the end whatever it is. */
  readonly held: number[] = []
  /** Limits of bandwidth that its bodies are charged to; null: none. */
  meters: OpenCost[] | null = null
  /** Stands in the queue of a limit: the place in it, and how it is refused if it waits too long. Null: it doesn't. */
  turn: { abandon(): void; refuse(): Refusal } | null = null
  /** Limits whose charge the answer tells; null: none. */
  openCosts: OpenCost[] | null = null
  /** `RateLimit-Policy` and `RateLimit` members so far, outermost first. */
  rateLimitPolicy = ''
  rateLimit = ''
  /** Names of policies that would have denied, in shadow mode. */
  readonly shadows: string[] = []
  /** Set by explain only: every stage's verdict is written down. */
  trace: TraceStep[] | null = null
  refusal: Refusal | null = null
  #shareKey: string | null = null

  constructor(arrival: Arrival) {
    this.tables = arrival.tables
    this.listenerTable = arrival.listener
    this.method = arrival.method
    this.scheme = arrival.listener.plan.tls ? 'https' : 'http'
    this.headers = arrival.headers
    this.query = arrival.query
    this.rawPath = arrival.path
    this.peer = arrival.peer
    this.proxied = arrival.proxied
    this.certificate = arrival.certificate
    this.clientCertificate = arrival.clientCertificate
    this.startedAt = arrival.startedAt
    this.now = arrival.now
  }

  /** As limits `by: caller` count it: who it is that takes a share of what is scarce. */
  get shareKey(): string {
    return (this.#shareKey ??= callerKey(this))
  }

  get listener(): string {
    return this.listenerTable.plan.name
  }

  get routeName(): string {
    return this.route === null ? '' : this.route.plan.name
  }

  get serviceName(): string {
    return this.route === null ? '' : this.route.plan.service
  }

  pathParam(name: string): string | undefined {
    return this.match.pathParam(name)
  }

  hostParam(name: string): string | undefined {
    return this.match.hostParam(name)
  }

  get rest(): string {
    return this.match.rest
  }

  /** Writes down that a policy in shadow mode would have denied. */
  wouldDeny(refusal: Refusal): void {
    this.shadows.push(refusal.rule === '' ? refusal.policy : refusal.rule)
    this.trace?.push({ ...step(refusal), shadow: true })
  }

  /** The same of a credential that was good, on a route whose `auth` is in shadow: it passes, and gives no identity. */
  wouldDisown(refusal: Refusal): void {
    this.wouldDeny(refusal)
    this.caller = NOBODY
    this.memo = null
    this.standing = null
  }

  note(stage: string, verdict: string, policy: string, rule: string, where: string, detail: string): void {
    this.trace?.push({ stage, verdict, policy, rule, where, detail, shadow: false })
  }
}

/** What a worker (or explain) hands to the pipeline. */
export interface Arrival {
  tables: Tables
  listener: ListenerTable
  /** Case as received. */
  method: string
  path: string
  query: string
  headers: HeaderList
  peer: Peer
  proxied: Uint8Array | null
  certificate: number
  clientCertificate: ClientCertificate | null
  startedAt: number
  now: number
}

/** One line of an explanation. */
export interface TraceStep {
  stage: string
  /** `pass`, `deny`, `would deny`, `answer`, `skip`. */
  verdict: string
  policy: string
  rule: string
  where: string
  detail: string
  shadow: boolean
}

export function step(refusal: Refusal): TraceStep {
  return {
    stage: refusal.policy,
    verdict: 'deny',
    policy: refusal.policy,
    rule: refusal.rule,
    where: refusal.where,
    detail: refusal.reason,
    shadow: false
  }
}

const NO_BYTES = new Uint8Array(4)

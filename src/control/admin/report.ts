/** What the control socket says of a running gateway: the contract between the control thread and `gatehouse status`. */
import type { ChainLink } from '../../observe/chain.ts'
import type { AccessRecord } from '../../observe/record.ts'
import type { Finding } from '../config/result.ts'
import type { ClusterReport } from '../cluster/link.ts'
import type { StoreHealth } from '../store/store.ts'

/** Ages and durations are ms; points in time are ISO 8601 in UTC. Nothing here is a secret. */
export interface StatusReport {
  /** Of Gatehouse. */
  version: string
  /** Of the gateway process, not of its guard. */
  pid: number
  startedAt: string
  /** As the owner named it. */
  configFile: string
  /** 0 before the first generation took over. */
  generation: number
  /** SHA-256 (hex) of the resolved configuration; '' before the first. */
  digest: string
  /** When the present generation took over; null before the first. */
  since: string | null
  /** What the listeners' `ready` paths say. */
  ready: boolean
  draining: boolean
  workers: WorkerReport[]
  listeners: ListenerReport[]
  /** The admin API on an address; null: on the control socket only. */
  admin: Omit<ListenerReport, 'name'> | null
  issuers: IssuerReport[]
  certificates: CertificateReport[]
  /** How many hold, and how many may be made at run time; null before they were read. */
  revocations: { configuration: number; runtime: number; most: number } | null
  /** Of state.dir/gatehouse.db; null before it is open. */
  store: StoreHealth | null
  /** What the kernel keeps out by itself; null: nothing, `threats.blockAt` is the gateway. */
  firewall: FirewallReport | null
  /** What is taken over from CrowdSec; null: `threats.crowdsec` is not there. */
  crowdsec: CrowdsecReport | null
  /** How full each table of the limits is. */
  limitTables: LimitTableReport[]
  /** The store that several hosts share; null: this host is alone. */
  cluster: ClusterReport | null
  /** The last attempt to change the configuration; null when there was none since the start. */
  lastReload: LastReload | null
}

export interface WorkerReport {
  index: number
  /** `bypassed`: it missed its beats and gets no new connections until it beats again. */
  state: 'starting' | 'serving' | 'bypassed' | 'draining' | 'down'
  /** Since its last beat; null before the first. */
  beatAge: number | null
  /** How often this index was filled anew. */
  restarts: number
  /**
   * Whom it turns away because it is overloaded: requests without a credential, credentials it does not know, too, or
   * known callers, too.
   */
  shedding: 'nobody' | 'strangers' | 'newcomers' | 'callers'
}

export interface ListenerReport {
  name: string
  host: string
  /** As bound. */
  port: number
  tls: boolean
}

export interface IssuerReport {
  name: string
  /** Keys that tokens may be verified with now. */
  keys: number
  /** Since the set was fetched or read; null: there is none yet. */
  keyAge: number | null
  /** They are older than they should be: kept because the provider doesn't answer, or does so badly. */
  stale: boolean
  /** Why the last attempt to fetch failed; null when it didn't. */
  error: string | null
}

export interface CertificateReport {
  hosts: string[]
  notAfter: string
}

export interface FirewallReport {
  /** Addresses and networks in the kernel's sets. */
  bans: number
  /** Changes that failed, since the start. */
  failures: number
  /** Why the last one failed, where bans aren't in the kernel for it; null when they are. */
  error: string | null
}

export interface CrowdsecReport {
  /** Addresses and networks that its decisions ban here. */
  decisions: number
  /** Since it last answered; null: it has not yet. */
  age: number | null
  /** Decisions of other types and scopes, too wide or unreadable, since the whole list was last read. */
  ignored: number
  /** Questions without a good answer, since the start. */
  failures: number
  /** Why the last one got none; null when it did. */
  error: string | null
}

export interface LimitTableReport {
  /** What it counts: `rate`, `sliding`, `concurrent`. */
  table: string
  /** Whose keys: `callers` who proved who they are, or `strangers`. */
  half: string
  /** Share of its slots in use, 0 to 1, from a sample. */
  fill: number
}

export interface LastReload {
  at: string
  outcome: ReloadVerdict['outcome']
  /** '' when it was not refused. */
  reason: string
}

/** How an attempt to change the configuration ended. `generation` is the one that serves now. */
export type ReloadVerdict =
  /** `findings` are warnings. `unchanged`: the file says what already holds. */
  | { outcome: 'applied' | 'unchanged'; generation: number; findings: Finding[] }
  /** The gateway goes on as before. `findings` may be empty when a worker refused the plan. */
  | { outcome: 'refused'; generation: number; reason: string; findings: Finding[] }

/** One request that is over, with everything that was decided about it. Texts are '' when there is none. */
export interface RequestReport {
  id: string
  /** When it ended. */
  time: string
  method: string
  scheme: string
  host: string
  path: string
  /** Credentials replaced by `***`. */
  query: string
  status: number
  decision: AccessRecord['decision']
  client: string
  listener: string
  agent: string
  trace: string
  /** `service.route` */
  route: string
  caller: { method: string; consumer: string; subject: string; issuer: string; credential: string }
  /** null: none was asked. `ms` until its answer's head; null when none came. */
  upstream: { target: string; ms: number | null } | null
  /** First byte in to last byte out. */
  ms: number
  bytesIn: number
  bytesOut: number
  worker: number
  /** The generation that decided, and the one that serves now. */
  generation: number
  serving: number
  /** False: that generation is too long ago, and `chain` holds no more than who decided. */
  linesKnown: boolean
  /** Policies and rules in shadow that would have denied. */
  shadow: string[]
  /** In the order of evaluation. */
  chain: ChainLink[]
}

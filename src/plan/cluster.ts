import type { Where } from './policy.ts'

/** The store that several hosts share. Holds secrets: as HMAC keys do, they stay within the process and its state. */
export interface ClusterPlan {
  /** `sentinel`: the addresses are those of sentinels, which know who the master called `master` is. */
  kind: 'single' | 'sentinel' | 'cluster'
  addresses: { host: string; port: number }[]
  /** Only for `sentinel`; else ''. */
  master: string
  /** null: not encrypted. `ca`: PEM, null for the system's authorities; `serverName`: null for the address. */
  tls: { ca: string | null; serverName: string | null } | null
  /** '' for none. */
  username: string
  password: string
  sentinelPassword: string
  database: number
  /** Before every key in the store. */
  prefix: string
  /** Of what keys are hashed with; '': the store keeps one that the first host made. */
  secret: string
  /** ms between two exchanges. */
  interval: number
  /** Longest that a request waits for a strict limit's answer, ms. */
  timeout: number
  where: Where
}

/** How a limit counts over several hosts. */
export interface ClusterLimitPlan {
  /** Asks the store about every request, and not this host's own share. */
  strict: boolean
  /** What holds while the store is away: this host's own count, everything, nothing. */
  onFailure: 'local' | 'open' | 'closed'
}

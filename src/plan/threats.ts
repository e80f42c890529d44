import type { Mode, Where } from './policy.ts'
import type { KeyPart } from './values.ts'

/** What bans, and who never is. */
export interface ThreatsPlan {
  /** `shadow`: no ban and no honeypot refuses, whatever it says itself. */
  mode: Mode
  scenarios: ScenarioPlan[]
  honeypots: HoneypotPlan[]
  /** CIDR blocks that are never banned; the listeners' trusted proxies among them. */
  never: string[]
  /** `nftables`: bans of addresses and networks go into the kernel too. */
  blockAt: 'gateway' | 'nftables'
}

/** A CrowdSec whose bouncer the gateway is. */
export interface CrowdsecPlan {
  /** Of its local API, without a final `/`. */
  url: string
  /** Of the bouncer: a secret. */
  key: string
  /** Between two questions, ms. */
  interval: number
}

/** A leaky bucket per key over what requests came to. */
export interface ScenarioPlan {
  name: string
  count: EventPlan
  /** What is counted, and banned, apart. `account`: whom a bad credential claims to be; the address is banned. */
  by: KeyPart[] | 'account'
  /** More than `count` events in `period` ms ban: a bucket of `count` that leaks as fast. */
  rate: { count: number; period: number }
  /** ms of the first ban; each further one is `escalate` times as long, up to `max`. */
  ban: BanTimes
  mode: Mode
  /** '' for a built-in one. */
  where: Where
}

export interface BanTimes {
  time: number
  /** At least 1. */
  escalate: number
  max: number
}

/** Which requests are events. All that is said must hold. */
export interface EventPlan {
  /** As answered; null: any. */
  statuses: number[] | null
  /** Policies of which one refused; null: whoever, or nobody, did. */
  policies: string[] | null
  /** Events of one value within the period count once; null: each counts. */
  distinct: 'path' | 'credential' | 'object' | 'ip' | null
  callers: 'any' | 'identified' | 'unidentified'
}

/** Paths that nobody has a reason to ask for. */
export interface HoneypotPlan {
  /** In normal form, without a final `/`. */
  paths: string[]
  /** Lower-case; null: on any host. */
  hosts: string[] | null
  ban: BanTimes
  /** '' for the built-in list. */
  where: Where
}

/**
 * A ban as threads, store and owner speak of it. The ban itself is a few numbers in shared memory
 * (memory/ban-table.ts); this is what explains them, kept by the control thread.
 */
import type { Mode, Where } from './plan/policy.ts'

/** A request that counted. */
export interface Evidence {
  /** ms since the epoch. */
  time: number
  method: string
  /** At most 256 characters of it. */
  path: string
  status: number
  /** The request's id, as in the access log. */
  id: string
}

/** Where a scenario counts the events of one key: its place in the shared table of events, the same for all threads. */
export interface Bucket {
  lo: number
  hi: number
}

export interface BanReport {
  /** `address`: of one client, or a network; `key`: of what a scenario counts by. */
  kind: 'address' | 'key'
  /** An address or CIDR block; or the key as the table hashes it. */
  key: string
  /** The same for people: `192.0.2.1`, `2001:db8::/64`, `caller acme`. */
  who: string
  /** Name of the scenario; `honeypot`, `canary` or `added`. */
  scenario: string
  /** Line of the configuration that bans; '' for what is built in. */
  where: Where
  /** What happened, in a sentence. */
  reason: string
  /** ms since the epoch. */
  at: number
  until: number
  /** How many bans of the same key came before it, and until when they count for the next one, ms since the epoch. */
  offences: number
  remembered: number
  mode: Mode
  /** Slowed down and told of, instead of refused: several identities have succeeded from there. */
  limited: boolean
  /** The last requests that counted, oldest first, EVIDENCE_SHOWN at most. */
  evidence: Evidence[]
}

/** Requests shown of a ban. Each of as many bans as the table holds keeps so many, in memory and on the disk. */
export const EVIDENCE_SHOWN = 8

/** Longest path kept as evidence. */
export const EVIDENCE_PATH = 256

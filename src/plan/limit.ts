import type { ClusterLimitPlan } from './cluster.ts'
import type { Level, Mode, Where } from './policy.ts'
import type { RulePlan } from './rule.ts'
import type { KeyPart } from './values.ts'

export interface LimitPlan {
  name: string
  /** Where it counts. Two routes that inherit one limit share its buckets; `level` and `name` are part of every key. */
  level: Level
  by: KeyPart[]
  amount: AmountPlan
  /** Absent: one unit a request. */
  cost?: CostPlan
  /** The first that fits a caller replaces `amount`. Absent: none. */
  tiers?: TierPlan[]
  /** Absent: each host counts for itself. */
  cluster?: ClusterLimitPlan
  /** False: judged before any cryptography, from the connection and the request alone. */
  needsCaller: boolean
  mode: Mode
  where: Where
}

/**
 * How much: `count` units per `period` ms, in a bucket of `burst` or in a sliding window, or per calendar day or month
 * in UTC; or `max` requests at once.
 */
export type AmountPlan =
  | { kind: 'rate'; count: number; period: number; burst: number }
  | { kind: 'sliding'; count: number; period: number }
  | { kind: 'quota'; count: number; per: 'day' | 'month' }
  /** `bytes` of bodies per `period` ms, both directions together. */
  | { kind: 'bandwidth'; bytes: number; period: number }
  /** `queue`: how many may wait for one of them to end. Absent: none. */
  | { kind: 'concurrent'; max: number; queue?: number }

/** What one request counts. */
export interface CostPlan {
  /** Units; where the answer tells, those of an answer that doesn't. */
  units: number
  /** Header of the upstream's answer (lower-case) that tells the units, `max` at most; null: all cost the same. */
  response: { header: string; max: number } | null
}

/** Another amount, of the same kind, for callers for whom `rule` holds; null: not limited by this one. */
export interface TierPlan {
  rule: RulePlan
  amount: AmountPlan | null
}

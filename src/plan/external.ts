import type { Level, Mode, Where } from './policy.ts'

/** A service that is asked about each request. */
export interface ExternalPlan {
  /** As written: names it in logs. */
  url: string
  /** Position in PlanHead.upstreams of its connections. */
  upstream: number
  /** Origin-form path of the question. */
  path: string
  /** Fields of the request that it is told; lower-case. */
  headers: string[]
  /** Fields of its answer that the upstream gets, and that no client may send; lower-case. */
  copyBack: string[]
  /** How long a decision holds for equal questions, ms; null: every request is asked about. */
  cache: number | null
  /** ms. */
  timeout: number
  /** What holds when it gives no decision. */
  onFailure: 'closed' | 'open'
  mode: Mode
  level: Level
  where: Where
}

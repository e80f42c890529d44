import type { AuthPlan } from './auth.ts'
import type { CorsPlan } from './cors.ts'
import type { ExternalPlan } from './external.ts'
import type { HeadersPlan } from './headers.ts'
import type { IdentityPlan } from './identity.ts'
import type { IpPlan } from './ip.ts'
import type { LimitPlan } from './limit.ts'
import type { Where } from './policy.ts'
import type { RulePlan } from './rule.ts'
import type { ValidatePlan } from './validation.ts'
import type { Template } from './values.ts'

export interface RoutePlan {
  /** Position in Plan.routes. */
  index: number
  /** `service.route` */
  name: string
  service: string
  labels: Record<string, string>
  match: MatchPlan
  action: ForwardPlan | RespondPlan
  /** Service and route levels, outermost first (the gateway's are in PlanHead.gatewayIp). All must allow. */
  ip: IpPlan[]
  auth: AuthPlan
  /** Outermost first; all must admit. Absent: no service is asked. */
  external?: ExternalPlan[]
  /** Outermost first; all must hold. */
  authorize: RulePlan[]
  /** Outermost first; all must admit. */
  limits: LimitPlan[]
  /** What is enforced; `mode` is always `enforce`. */
  validate: ValidatePlan
  /** What levels in shadow would refuse besides; judged, counted and logged only. Absent: nothing. */
  validateShadow?: ValidatePlan
  cors: CorsPlan | null
  identity: IdentityPlan
  headers: HeadersPlan
  /** request: first byte in to the answer's head. idle: longest silence either way after that. */
  timeouts: { request: number; idle: number }
  where: Where
}

export interface MatchPlan {
  /** Lower-case; a first label `*` or `{name}` takes any one label, `{name}` keeps it as `host.name`; empty: any host. */
  hosts: string[]
  /** Upper-case; null: all but CONNECT and TRACE. GET includes HEAD (already added). */
  methods: string[] | null
  /** Normalised patterns (path.ts): `/a/b`, `/a/{x}`, `/a/*`. */
  paths: string[]
  /** All must equal; names lower-case. */
  headers: { name: string; value: string }[]
  /** Listener names, or null for all that serve. */
  listeners: string[] | null
}

export interface ForwardPlan {
  kind: 'forward'
  /** Position in PlanHead.upstreams. */
  upstream: number
  /** Path prefix of the service's url (`/base`), put before the forwarded path; '' for none. */
  basePath: string
  stripPrefix: string | null
  /** Pieces: literal text, `{x}` as `path:x`, `{*}` as `rest`. null: the path as it came. */
  rewrite: Template | null
  host: 'upstream' | 'preserve'
}

export interface RespondPlan {
  kind: 'respond'
  status: number
  headers: { name: string; value: Template }[]
  body: Template | null
}

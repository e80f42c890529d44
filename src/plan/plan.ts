/**
 * The contract between the control thread, which writes it, and the workers, which read it: one compiled
 * generation of the configuration. Everything in this room is plain data that survives `postMessage` (no functions,
 * no class instances), already checked, merged over its levels and with every unit converted. Nobody changes a plan
 * after it was compiled; a new configuration is a new plan.
 *
 * Units, here and beside: times are milliseconds, sizes are bytes, names are as written in the configuration.
 */

import type { AdminPlan } from './admin.ts'
import type { CertificatePlan } from './certificate.ts'
import type { ClusterPlan } from './cluster.ts'
import type { ConsumerPlan } from './consumer.ts'
import type { IpPlan } from './ip.ts'
import type { IssuerPlan } from './issuer.ts'
import type { ListenerPlan } from './listener.ts'
import type { LogPlan } from './log.ts'
import type { PackedConsumers } from './packed-consumers.ts'
import type { RevocationPlan } from './revocation.ts'
import type { RoutePlan } from './route.ts'
import type { CrowdsecPlan, ThreatsPlan } from './threats.ts'
import type { UpstreamPlan } from './upstream.ts'
import type { OpenApiPlan } from './validation.ts'

/** A generation of the configuration. `routes`, `consumers` and `revocations` travel in parts, see messages.ts. */
export interface Plan extends PlanBody {
  consumers: ConsumerPlan[]
}

/** A plan as the threads pass it on: reading thread → control thread → workers. */
export interface PackedPlan extends PlanBody {
  consumers: PackedConsumers
}

/** A plan without its consumers: what most of the control thread goes by. */
export interface PlanBody extends PlanHead {
  routes: RoutePlan[]
  /** Those of the configuration; those made at run time travel beside the generations. */
  revocations: RevocationPlan[]
}

/** All of a plan but its long lists. */
export interface PlanHead {
  /** Counts up from 1 over the life of one gateway process. */
  generation: number
  /** SHA-256 (hex) over the configuration as resolved, secrets included in hashed form only. Equal: nothing changed. */
  digest: string
  listeners: ListenerPlan[]
  /** Used by every TLS listener. The first answers clients that send no server name. */
  certificates: CertificatePlan[]
  /** `policies.ip` of the gateway's level: the outer wall, judged before routing, dropped by no level. */
  gatewayIp: IpPlan[]
  threats: ThreatsPlan
  /** Whose decisions are bans too; null: nobody's. */
  crowdsec: CrowdsecPlan | null
  issuers: IssuerPlan[]
  upstreams: UpstreamPlan[]
  log: LogPlan
  /** Address of the Prometheus exposition; null: on the control socket only. */
  metrics: { host: string; port: number } | null
  /** The admin API on an address; null: on the control socket only. */
  admin: AdminPlan | null
  /** Names of headers whose values never reach a log, lower-case; `authorization` and `cookie` always among them. */
  redact: string[]
  /** Compiled schemas: texts that policy/validation/validator.ts makes functions of. Routes share them by position. */
  schemas: string[]
  /** Documents that routes name by position. */
  openapi: OpenApiPlan[]
  /** How this host speaks with the others it is one with; null: it is alone. */
  cluster: ClusterPlan | null
}

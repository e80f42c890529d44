import type { ClientAddress } from '../client/address.ts'
import type { PreparedAuth } from '../identity/authenticate.ts'
import type { CallerDirectory } from '../identity/directory.ts'
import type { RevocationIndex } from '../identity/revocations.ts'
import type { PreparedConnections } from '../limits/connections.ts'
import type { Limit } from '../limits/limiter.ts'
import type { ListenerPlan } from '../plan/listener.ts'
import type { PlanHead } from '../plan/plan.ts'
import type { RoutePlan } from '../plan/route.ts'
import type { PreparedRule } from '../policy/authorize.ts'
import type { PreparedCors } from '../policy/cors.ts'
import type { PreparedIp } from '../policy/ip.ts'
import type { PreparedKey } from '../policy/key.ts'
import type { PreparedRequestHeaders } from '../policy/request-headers.ts'
import type { PreparedResponseHeaders } from '../policy/response-headers.ts'
import type { PreparedValidation } from '../policy/validation/prepared.ts'
import type { RouteTable } from '../routing/table.ts'
import type { Transport } from '../upstream/transport.ts'
import type { PreparedAction } from './action.ts'
import type { PreparedExternal } from './external-check.ts'
import type { WorkerServices } from './services.ts'
import type { PreparedThreats } from './threats.ts'

/**
 * One generation as a worker serves it: the plan made executable. Built whole beside the generation that serves,
 * never changed after but for the bound ports.
 */
export interface Tables {
  readonly head: PlanHead
  readonly services: WorkerServices
  readonly listeners: readonly ListenerTable[]
  readonly gatewayIp: readonly PreparedIp[]
  readonly threats: PreparedThreats
  readonly routeTable: RouteTable
  /** By RoutePlan.index. */
  readonly routes: readonly PreparedRoute[]
  readonly directory: CallerDirectory
  readonly revocations: RevocationIndex
  readonly transports: readonly Transport[]
  /** Query parameters, in lower case, whose values no log may hold: those that any route reads credentials from. */
  readonly credentialParameters: ReadonlySet<string>
  /** `log.redact` names the field. */
  readonly hidesUserAgent: boolean
  /** Answers that belong to no route: no operations, no security preset, no CORS. */
  readonly plain: PreparedResponseHeaders
  bindPorts(ports: readonly number[]): void
  /** What the `ready` paths say. */
  isReady(): boolean
}

export interface ListenerTable {
  readonly plan: ListenerPlan
  readonly client: ClientAddress
  /** What one client may have of connections; null: nothing is counted. */
  readonly connections: PreparedConnections | null
  readonly proxyProtocol: boolean
  readonly asksCertificate: boolean
  /** Port of the redirect's target, 0 while it is not known. */
  redirectPort: number
}

export interface PreparedRoute {
  readonly plan: RoutePlan
  readonly ip: readonly PreparedIp[]
  readonly early: readonly PreparedLimit[]
  readonly auth: PreparedAuth
  /** Outermost first; empty on nearly every route. */
  readonly external: readonly PreparedExternal[]
  /** Judged as soon as the caller is known, and those that read the body. */
  readonly rules: readonly PreparedRule[]
  readonly bodyRules: readonly PreparedRule[]
  readonly late: readonly PreparedLimit[]
  readonly validation: PreparedValidation
  /** What levels in shadow mode would refuse besides; null: nothing. */
  readonly validationShadow: PreparedValidation | null
  /** Whether validation has something to say of a request without a body. */
  readonly validatesBodiless: boolean
  /** Whether an OpenAPI document is asked about the path. */
  readonly validatesPaths: boolean
  readonly cors: PreparedCors | null
  readonly requestHeaders: PreparedRequestHeaders
  readonly responseHeaders: PreparedResponseHeaders
  readonly action: PreparedAction
}

export interface PreparedLimit {
  readonly limit: Limit
  readonly key: PreparedKey
  /** Item of `RateLimit-Policy`; '' in shadow mode, which is not told. */
  readonly policyItem: string
  /** The first whose rule holds stands for `limit`, `policyItem` and `weight`. */
  readonly tiers: readonly PreparedTier[]
  /** As how many a request counts, of who has this amount, in what is wanted of an overloaded worker: limits/tier-weight.ts. */
  readonly weight: number
}

/** `limit` null: who this fits is not limited. */
export interface PreparedTier {
  readonly rule: PreparedRule
  readonly limit: Limit | null
  readonly policyItem: string
  readonly weight: number
}

import type { Where } from './policy.ts'

export interface UpstreamPlan {
  /** A name of the configuration, or `service:<name>` for one written inside a service. */
  name: string
  targets: TargetPlan[]
  timeouts: { connect: number; response: number; idle: number }
  /** `pipelining`: requests that may be under way on one connection, 1-64; above 1 trusts the upstream's framing. */
  connections: { max: number; pipelining: number }
  where: Where
}

export interface TargetPlan {
  /** `http://host:port`, without a path. */
  origin: string
  tls: boolean
  host: string
  port: number
}

/**
 * A policy's own unit test, as `tests:` of the configuration says it: a request that somebody describes, and what must
 * come of it. Tests are no part of a plan: no worker needs them, and changing one changes nothing that serves.
 */
import type { Where } from './plan/policy.ts'

/** A request as somebody describes it. */
export interface DescribedRequest {
  method: string
  /** Absolute. */
  url: string
  headers: [string, string][]
  body: string | null
  /** Consumer to call as, with whatever credential the route takes. */
  as: string | null
  /** Claims of a good token to call with; exp, iat and aud are filled in. */
  claims: Record<string, unknown> | null
  /** Alternative names of a client certificate to call with, as `ClientCertificate` has them; null: none. */
  certificate: string[] | null
  /** The connection's other end. */
  ip: string
  /** ms since the epoch; null: now. */
  time: number | null
  /** Name; null: the first that fits the URL's scheme. */
  listener: string | null
}

/** Nothing of the configuration fits what is described. The message is for who described it. */
export class DescriptionError extends Error {
  /** The line that leaves no room for it; '' when there is none. */
  readonly where: Where

  constructor(message: string, where: Where = '') {
    super(message)
    this.where = where
  }
}

/** All that is not null must hold. */
export interface Expectation {
  decision: 'forward' | 'deny' | 'answer'
  status: number | null
  /** `service.route` */
  route: string | null
  /** Who decides: a policy, or a stage before any policy, such as `framing`. */
  policy: string | null
  /** Name of the deciding rule, limit or ban. */
  rule: string | null
  upstream: string | null
  /** What the upstream gets, or the client where the gateway answers; names lower-case; null: absent. */
  headers: [string, string | null][]
  /** Policies and rules that must be among those that would have denied. */
  shadow: string[]
}

export interface PolicyTest {
  name: string
  request: DescribedRequest
  /** Times the request is made at one moment, each under way beside the others; the last is judged. */
  repeat: number
  expect: Expectation
  /** Some value of it stands in for a reference that was not resolved: it can't be run. */
  incomplete: boolean
  where: Where
}

import type { Where } from './policy.ts'

export interface IssuerPlan {
  name: string
  /** Exact value of `iss`. */
  issuer: string
  audiences: string[] | 'any'
  /** Accepted `alg` values. */
  algorithms: string[]
  /** Required `typ` header (compared as RFC 8725 says: case-insensitive, `application/` optional), or null. */
  typ: string | null
  /** Claims that must be present, besides exp. */
  required: string[]
  /** Claims that must equal a value. */
  equal: Record<string, string | number | boolean>
  /** ms of tolerance on exp, nbf, iat. */
  clockSkew: number
  /** Oldest `iat` accepted, ms; null: no limit. */
  maxAge: number | null
  /** Claim names (literal, or a JSON Pointer with a leading `/`). Empty: grants none. */
  scopesClaim: string[]
  groupsClaim: string[]
  consumerClaim: string | null
  /** caller attribute name → claim name. */
  attributes: Record<string, string>
  jwks: JwksPlan
  /** How its tokens that are no JWTs are asked about; null: they aren't taken. */
  introspection: IntrospectionPlan | null
  where: Where
}

/** An RFC 7662 endpoint. */
export interface IntrospectionPlan {
  /** As written, for logs. */
  url: string
  /** Position in PlanHead.upstreams of the connections to it. */
  upstream: number
  /** `Host` and origin-form path of the question. */
  host: string
  path: string
  /** Value of `Authorization`: a secret. */
  authorization: string
  /** How long an answer holds at most, ms; 0: each use asks. */
  cache: number
}

/** Where an issuer's keys come from. Only the control thread reads it; workers get keys by message. */
export type JwksPlan =
  | { kind: 'url'; url: string }
  /** Where the issuer's discovery document may be, the likelier first; it says where the keys are. */
  | { kind: 'discovery'; urls: string[] }
  | { kind: 'file'; path: string }
  | { kind: 'inline'; keys: Record<string, unknown>[] }

/** What the upstream is told of the caller. */
export interface IdentityPlan {
  headers: boolean
  credentials: 'strip' | 'forward'
  /** A token of the gateway's own, as `Authorization: Bearer`. Absent: none. */
  token?: TokenPlan
}

export type TokenAlgorithm = 'EdDSA' | 'ES256'

export interface TokenPlan {
  audience: string
  /** ms, whole seconds. */
  ttl: number
  algorithm: TokenAlgorithm
  /** Attributes of the caller that it carries. */
  attributes: string[]
  /** For one method and path only. */
  bind: boolean
}

import type { Mode, Where } from './policy.ts'

export interface AuthPlan {
  /** True: nobody is asked. Then the rest says nothing. */
  public: boolean
  jwt: JwtAuthPlan | null
  key: Places | null
  basic: boolean
  certificate: boolean
  signature: boolean
  require: 'any' | 'all'
  /** Consumer that a request without any credential becomes; null: 401. */
  anonymous: string | null
  mode: Mode
  where: Where
}

export interface JwtAuthPlan extends Places {
  /** Issuer names. */
  issuers: string[]
  /** Whether tokens that consumers sign themselves are taken. */
  consumers: boolean
  /** Which of the issuers is asked about tokens that are no JWTs; null: such a token is refused. */
  opaque: string | null
  /** Replaces the issuer's audiences when not null. */
  audiences: string[] | 'any' | null
  expiry: 'required' | 'optional'
  /** Whether a token must be bound to a key or certificate of its holder's. One that is bound must prove it either way. */
  bound: 'if-present' | 'required'
}

/** Where a credential is looked for; names lower-case (header), as written (cookie, query). */
export interface Places {
  header: string[]
  cookie: string[]
  query: string[]
}

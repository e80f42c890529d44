import type { VerificationKey } from './keys.ts'
import type { Where } from './policy.ts'

export interface ConsumerPlan {
  name: string
  groups: string[]
  scopes: string[]
  attributes: Record<string, unknown>
  /** Attached to tokens of these issuers with this consumer claim value. Empty: attached by its name. */
  clients: { issuer: string; id: string }[]
  keys: ApiKeyPlan[]
  jwt: ConsumerTokenPlan[]
  basic: PasswordPlan[]
  certificates: CertificateNamePlan[]
  signatures: SigningKeyPlan[]
  /** Only from these CIDR blocks are its credentials of use; null: from anywhere. */
  ip: { blocks: string[]; where: Where } | null
  where: Where
}

export interface ApiKeyPlan {
  /** Names the key in logs and headers (`X-Credential`). */
  id: string
  /** SHA-256 of the whole key as sent, 64 lower-case hex digits. */
  hash: string
  /** ms since the epoch from which it no longer holds, or null. */
  expires: number | null
  /** Narrower than the consumer's, or null for all of the consumer's. */
  scopes: string[] | null
  /** Nobody has a reason to use it: whoever does is banned. */
  canary: boolean
  where: Where
}

/** Tokens that a consumer signs itself, found by `iss`. */
export interface ConsumerTokenPlan {
  issuer: string
  key: VerificationKey
  where: Where
}

/** A password as it is kept: scrypt (RFC 7914) of it. Parameters are within the bounds that load checks. */
export interface PasswordPlan {
  username: string
  /** `scrypt:…` as written; see identity/password.ts. */
  hash: string
  where: Where
}

/** A client certificate of the consumer's, by one of its alternative names or by itself. */
export interface CertificateNamePlan {
  /** As ClientCertificate has them: `DNS:client.example`, `sha256:` and 64 hex digits. */
  name: string
  where: Where
}

/** What a consumer signs requests with (RFC 9421), found by `keyid`. */
export interface SigningKeyPlan {
  keyId: string
  /** Of the HTTP Signature Algorithms registry. */
  algorithm: SigningAlgorithm
  /** Its `algorithms` hold the one JWS name of the same cryptography. */
  key: VerificationKey
  where: Where
}

export type SigningAlgorithm = 'ed25519' | 'hmac-sha256' | 'ecdsa-p256-sha256' | 'rsa-pss-sha512' | 'rsa-v1_5-sha256'

/** What tokens are verified with: it travels beside the generations. */

/** One key that a token may be verified with, as workers and pool threads hold it. */
export interface VerificationKey {
  /** Unique over all issuers and key generations; names the key in caches. */
  id: string
  kid: string | null
  /** The `alg` values this key may verify, already narrowed to what its type, its own `alg` and the issuer allow. */
  algorithms: string[]
  /** SPKI DER of a public key, or the raw bytes of an HMAC secret. */
  material: Uint8Array
  secret: boolean
}

/** The keys of one issuer at one moment. A new set replaces the old one whole. */
export interface KeySet {
  /** An issuer's name of the configuration. */
  issuer: string
  /** Counts up with every change of this issuer's keys; cached verdicts of another version are void. */
  version: number
  keys: VerificationKey[]
  /** When the set was fetched, ms since the epoch. */
  fetchedAt: number
}

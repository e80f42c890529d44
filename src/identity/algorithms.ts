/**
 * The closed list of signature algorithms (RFC 7518 section 3.1, RFC 8037, RFC 9864): a token or key that names
 * another one is refused. `none` is not on it.
 */

export interface Algorithm {
  /** What a key must be (JWK `kty`) and, for curves, which (`crv`). */
  readonly kty: 'RSA' | 'EC' | 'OKP' | 'oct'
  readonly crv: string | null
  /** Hash name as node:crypto has it; null: the scheme brings its own. */
  readonly hash: string | null
  /** RSA-PSS salt length in bytes; 0 for the rest. */
  readonly salt: number
  /** Exact signature length in bytes; 0: the RSA modulus decides, and OpenSSL checks it. */
  readonly signatureLength: number
}

const LIST: Record<string, Algorithm> = {
  RS256: { kty: 'RSA', crv: null, hash: 'sha256', salt: 0, signatureLength: 0 },
  RS384: { kty: 'RSA', crv: null, hash: 'sha384', salt: 0, signatureLength: 0 },
  RS512: { kty: 'RSA', crv: null, hash: 'sha512', salt: 0, signatureLength: 0 },
  PS256: { kty: 'RSA', crv: null, hash: 'sha256', salt: 32, signatureLength: 0 },
  PS384: { kty: 'RSA', crv: null, hash: 'sha384', salt: 48, signatureLength: 0 },
  PS512: { kty: 'RSA', crv: null, hash: 'sha512', salt: 64, signatureLength: 0 },
  ES256: { kty: 'EC', crv: 'P-256', hash: 'sha256', salt: 0, signatureLength: 64 },
  ES384: { kty: 'EC', crv: 'P-384', hash: 'sha384', salt: 0, signatureLength: 96 },
  ES512: { kty: 'EC', crv: 'P-521', hash: 'sha512', salt: 0, signatureLength: 132 },
  // EdDSA is the older, vaguer name: the key's curve says which of the two it is.
  EdDSA: { kty: 'OKP', crv: null, hash: null, salt: 0, signatureLength: 0 },
  Ed25519: { kty: 'OKP', crv: 'Ed25519', hash: null, salt: 0, signatureLength: 64 },
  Ed448: { kty: 'OKP', crv: 'Ed448', hash: null, salt: 0, signatureLength: 114 },
  HS256: { kty: 'oct', crv: null, hash: 'sha256', salt: 0, signatureLength: 32 },
  HS384: { kty: 'oct', crv: null, hash: 'sha384', salt: 0, signatureLength: 48 },
  HS512: { kty: 'oct', crv: null, hash: 'sha512', salt: 0, signatureLength: 64 }
}

export const ALGORITHMS: ReadonlyMap<string, Algorithm> = new Map(Object.entries(LIST))

/** What an issuer accepts when it names no algorithms: all but the shared-secret ones. */
export const ASYMMETRIC: readonly string[] = Object.freeze(Object.keys(LIST).filter((name) => !name.startsWith('HS')))

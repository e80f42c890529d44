/** Keys and tokens made with node:crypto, so that the tests don't trust the code they test. */
import { createHash, createHmac, generateKeyPairSync, sign, type KeyObject } from 'node:crypto'

export interface Signer {
  alg: string
  kid: string
  privateKey: KeyObject
  publicKey: KeyObject
  /** Public JWK with kid, alg and use. */
  jwk: Record<string, unknown>
}

export function signer(alg: 'RS256' | 'ES256' | 'EdDSA', kid: string): Signer {
  const pair =
    alg === 'RS256'
      ? generateKeyPairSync('rsa', { modulusLength: 2048 })
      : alg === 'ES256'
        ? generateKeyPairSync('ec', { namedCurve: 'P-256' })
        : generateKeyPairSync('ed25519')
  return { alg, kid, ...pair, jwk: { ...pair.publicKey.export({ format: 'jwk' }), kid, alg, use: 'sig' } }
}

export function seconds(): number {
  return Math.floor(Date.now() / 1000)
}

export function encode(value: unknown): string {
  const bytes = Buffer.isBuffer(value) ? value : Buffer.from(typeof value === 'string' ? value : JSON.stringify(value))
  return bytes.toString('base64url')
}

/** A token as an honest issuer signs it; `header` adds to or replaces alg, typ and kid. */
export function token(by: Signer, claims: Record<string, unknown>, header: Record<string, unknown> = {}): string {
  return signText(by, JSON.stringify({ alg: by.alg, typ: 'JWT', kid: by.kid, ...header }), JSON.stringify(claims))
}

/** A token of exactly these texts, whatever they are, with a signature that holds. */
export function signText(by: Signer, header: string | Buffer, payload: string | Buffer): string {
  const input = `${encode(header)}.${encode(payload)}`
  const data = Buffer.from(input)
  const signature =
    by.alg === 'RS256'
      ? sign('sha256', data, by.privateKey)
      : by.alg === 'ES256'
        ? sign('sha256', data, { key: by.privateKey, dsaEncoding: 'ieee-p1363' })
        : sign(null, data, by.privateKey)
  return `${input}.${signature.toString('base64url')}`
}

export function hmacToken(
  secret: string | Buffer,
  claims: Record<string, unknown>,
  header: Record<string, unknown> = {}
): string {
  const input = `${encode({ alg: 'HS256', typ: 'JWT', ...header })}.${encode(claims)}`
  return `${input}.${createHmac('sha256', secret).update(input).digest('base64url')}`
}

export function sha256(text: string): string {
  return createHash('sha256').update(text).digest('hex')
}

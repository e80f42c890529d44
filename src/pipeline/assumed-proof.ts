/** What a described caller proves itself with where a route takes bound tokens only: a DPoP key, and its proofs. */
import { createPublicKey, hash, randomUUID, sign, type KeyObject } from 'node:crypto'

/** `cnf` of tokens that are bound to the key, which is one for ES256. */
export function confirmationOf(key: KeyObject): { jkt: string } {
  const { crv, kty, x, y } = createPublicKey(key).export({ format: 'jwk' })
  // The order that RFC 7638 hashes them in.
  return { jkt: hash('sha256', JSON.stringify({ crv, kty, x, y }), 'base64url') }
}

/** A fresh proof (RFC 9449 section 4.2) for one request with `token`. `now`: ms since the epoch. */
export function proofOf(key: KeyObject, token: string, request: { method: string; url: string }, now: number): string {
  const { crv, kty, x, y } = createPublicKey(key).export({ format: 'jwk' })
  const { method: htm, url: htu } = request
  const ath = hash('sha256', token, 'base64url')
  const claims = { jti: randomUUID(), htm, htu, iat: Math.floor(now / 1000), ath }
  const input = `${encode({ typ: 'dpop+jwt', alg: 'ES256', jwk: { crv, kty, x, y } })}.${encode(claims)}`
  return `${input}.${sign('sha256', Buffer.from(input), { key, dsaEncoding: 'ieee-p1363' }).toString('base64url')}`
}

function encode(value: unknown): string {
  return Buffer.from(JSON.stringify(value)).toString('base64url')
}

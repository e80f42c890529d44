/** A token against a key set, through everything that judges one but its claims: vectors' payloads are no claims. */
import { KeyRing } from '../../src/identity/key-ring.ts'
import { importKey, verifySignature } from '../../src/identity/signature.ts'
import { parseJws, signedParts } from '../../src/identity/token.ts'
import { lintKeySet } from '../../src/control/keys/key-set.ts'
import { ALGORITHMS } from '../../src/identity/algorithms.ts'
import type { VerificationKey } from '../../src/plan/keys.ts'

export type Jwk = Record<string, unknown>

/** `valid`, or why not. */
export function verdict(token: string, keys: readonly Jwk[]): string {
  const set = lintKeySet('vectors', keys, [...ALGORITHMS.keys()])
  return set.ok ? verdictWith(token, set.keys) : set.reason
}

export function verdictWith(token: string, keys: VerificationKey[]): string {
  const jws = parseJws(token)
  if (!jws.ok) return jws.reason
  const ring = new KeyRing()
  ring.replace({ issuer: 'vectors', version: 1, keys, fetchedAt: 0 })
  const candidates = ring.find(jws.alg, jws.kid)
  if (candidates.length === 0) return 'no key fits'
  const { input, signature } = signedParts(token)
  return candidates.some((key) => verifySignature(jws.alg, importKey(key), input, signature))
    ? 'valid'
    : 'bad signature'
}

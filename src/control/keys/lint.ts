/**
 * Judging a key before any token is verified with it: RFC 7517 and 7518 in full, and what libraries let through (RSA
 * exponent 1, ROCA moduli, short or well-known secrets). What is understood and bad is refused; what is merely for
 * somebody else (encryption, an algorithm not accepted here) is skipped, as RFC 7517 section 5 asks.
 */
import { createHash, createPublicKey } from 'node:crypto'
import { ALGORITHMS } from '../../identity/algorithms.ts'
import { isCanonical } from '../../identity/base64url.ts'
import { isRocaModulus } from './roca.ts'
import { hasSmallOrder } from './small-order.ts'
import { isWeakSecret } from './weak-secrets.ts'
import type { VerificationKey } from '../../plan/keys.ts'

export type LintedKey =
  | { readonly ok: true; readonly key: VerificationKey }
  /** `skip`: to be left out with a warning; otherwise the key is bad. Never quotes the key. */
  | { readonly ok: false; readonly reason: string; readonly skip: boolean }

const MIN_RSA_BITS = 2048
/** OpenSSL's own limit; verification time grows with the square. */
const MAX_RSA_BITS = 16384
/** Above 3072 bits OpenSSL takes no longer exponent, and its time grows with it. */
const MAX_EXPONENT = 1n << 64n
const COORDINATE_BYTES: Readonly<Record<string, number>> = {
  'P-256': 32,
  'P-384': 48,
  'P-521': 66,
  Ed25519: 32,
  Ed448: 57
}
const MOST_QUOTED = 64
const PRIVATE_MEMBERS = ['d', 'p', 'q', 'dp', 'dq', 'qi', 'oth']

/** `allowed`: the `alg` values that the issuer accepts. The key's id is made of its content. */
export function lintJwk(jwk: Record<string, unknown>, allowed: readonly string[]): LintedKey {
  const { kty, kid, use, key_ops: operations, alg } = jwk
  if (typeof kty !== 'string') return refuse('has no kty')
  if (kid !== undefined && typeof kid !== 'string') return refuse('has a kid that is not a string')
  if (alg !== undefined && typeof alg !== 'string') return refuse('has an alg that is not a string')
  if (use !== undefined && use !== 'sig')
    return typeof use === 'string' ? skip(`is for use ${quote(use)}`) : refuse('has a use that is not a string')
  const wrongOperations = operationsComplaint(operations)
  if (wrongOperations !== null) return wrongOperations
  if (PRIVATE_MEMBERS.some((name) => jwk[name] !== undefined) || (kty !== 'oct' && jwk.k !== undefined)) {
    return refuse('holds its private part: whoever can read the set can sign; replace the key')
  }
  if (!['RSA', 'EC', 'OKP', 'oct'].includes(kty)) return skip(`has the unknown kty ${quote(kty)}`)
  const { crv } = jwk
  if ((kty === 'EC' || kty === 'OKP') && (typeof crv !== 'string' || COORDINATE_BYTES[crv] === undefined)) {
    return skip('is on a curve that is not for signatures here')
  }
  if (alg !== undefined && !ALGORITHMS.has(alg))
    return skip(`is for ${quote(alg)}, which is no signature algorithm here`)

  const can = algorithmsOf(kty, typeof crv === 'string' ? crv : null)
  // The old name EdDSA and the curve's own name (RFC 9864) are one thing for a key.
  const own = alg === undefined ? can : can.filter((name) => name === alg || kty === 'OKP')
  if (alg !== undefined && !can.includes(alg)) return refuse(`says alg ${alg}, which its type can't do`)
  const algorithms = own.filter((name) => allowed.includes(name))
  if (algorithms.length === 0) return skip('fits none of the accepted algorithms')
  return kty === 'oct' ? secretOf(jwk.k, kid ?? null, algorithms) : publicKeyOf(jwk, kty, kid ?? null, algorithms)
}

/** An HMAC secret. `secret`: its raw bytes; `allowed` as above, of which those it is too short for are left out. */
export function lintSecret(secret: Uint8Array, kid: string | null, allowed: readonly string[]): LintedKey {
  const hmac = allowed.filter((name) => ALGORITHMS.get(name)?.kty === 'oct')
  if (hmac.length === 0) return skip('is a shared secret, and no HMAC algorithm is listed')
  const algorithms = hmac.filter((name) => secret.length >= (ALGORITHMS.get(name)?.signatureLength ?? Infinity))
  if (algorithms.length === 0) {
    const needed = Math.min(...hmac.map((name) => ALGORITHMS.get(name)?.signatureLength ?? Infinity))
    return refuse(`is a secret of ${secret.length} bytes; ${hmac.join(', ')} needs at least ${needed} (RFC 7518 3.2)`)
  }
  if (isWeakSecret(secret)) return refuse('is a secret that is publicly known or no more than a pattern')
  return { ok: true, key: verificationKey(secret, true, kid, algorithms) }
}

/** A public key or certificate in PEM. */
export function lintPem(pem: string, kid: string | null, allowed: readonly string[]): LintedKey {
  if (pem.includes('PRIVATE KEY-----')) return refuse('is a private key; only its public half belongs here')
  try {
    const jwk = createPublicKey(pem).export({ format: 'jwk' })
    return lintJwk(kid === null ? { ...jwk } : { ...jwk, kid }, allowed)
  } catch {
    return refuse('is not a public key in PEM of a type used for signatures')
  }
}

function operationsComplaint(operations: unknown): LintedKey | null {
  if (operations === undefined) return null
  if (!Array.isArray(operations) || operations.some((operation) => typeof operation !== 'string')) {
    return refuse('has key_ops that is not a list of strings')
  }
  if (new Set(operations).size < operations.length) return refuse('names an operation twice in key_ops')
  return operations.includes('verify') ? null : skip('is not for verifying (key_ops)')
}

function algorithmsOf(kty: string, crv: string | null): string[] {
  return [...ALGORITHMS].filter(([, a]) => a.kty === kty && (a.crv === null || a.crv === crv)).map(([name]) => name)
}

function secretOf(k: unknown, kid: string | null, algorithms: readonly string[]): LintedKey {
  if (typeof k !== 'string' || !isCanonical(k, 0, k.length)) return refuse('has no k in base64url')
  return lintSecret(Buffer.from(k, 'base64url'), kid, algorithms)
}

function publicKeyOf(
  jwk: Record<string, unknown>,
  kty: string,
  kid: string | null,
  algorithms: readonly string[]
): LintedKey {
  const complaint = kty === 'RSA' ? rsaComplaint(jwk.n, jwk.e) : curveComplaint(kty, jwk)
  if (complaint !== null) return refuse(complaint)
  const names = kty === 'RSA' ? ['n', 'e'] : kty === 'EC' ? ['crv', 'x', 'y'] : ['crv', 'x']
  // Only what the check above saw: nothing else of the document reaches OpenSSL.
  const parts = Object.fromEntries(names.map((name) => [name, String(jwk[name])]))
  let der
  try {
    // OpenSSL refuses a point that is not on its curve here.
    der = createPublicKey({ key: { ...parts, kty }, format: 'jwk' }).export({ format: 'der', type: 'spki' })
  } catch {
    return refuse('is no valid key of its type')
  }
  return { ok: true, key: verificationKey(der, false, kid, algorithms) }
}

function rsaComplaint(n: unknown, e: unknown): string | null {
  const modulus = integer(n)
  const exponent = integer(e)
  if (modulus === null || exponent === null) return 'has no n and e in base64url'
  const bits = modulus.toString(2).length
  if (bits < MIN_RSA_BITS) return `is an RSA key of ${bits} bits; ${MIN_RSA_BITS} is the least`
  if (bits > MAX_RSA_BITS) return `is an RSA key of ${bits} bits; ${MAX_RSA_BITS} is the most`
  if (exponent < 65537n || exponent % 2n === 0n || exponent >= MAX_EXPONENT) {
    return 'has an RSA exponent that is even, below 65537 or longer than 64 bits'
  }
  if (modulus % 2n === 0n) return 'has an even RSA modulus'
  return isRocaModulus(modulus) ? 'has a modulus with the ROCA weakness (CVE-2017-15361)' : null
}

function curveComplaint(kty: string, { crv, x, y }: Record<string, unknown>): string | null {
  const size = typeof crv === 'string' ? COORDINATE_BYTES[crv] : undefined
  for (const part of kty === 'EC' ? [x, y] : [x]) {
    if (typeof part !== 'string' || !isCanonical(part, 0, part.length)) return 'has a coordinate that is not base64url'
    if (Buffer.byteLength(part, 'base64url') !== size) return 'has a coordinate of the wrong length for its curve'
  }
  return crv === 'Ed25519' && hasSmallOrder(Buffer.from(String(x), 'base64url'))
    ? 'is a point of small order: anyone can sign for it'
    : null
}

/** Base64urlUInt (RFC 7518 section 2). */
function integer(value: unknown): bigint | null {
  if (typeof value !== 'string' || value === '' || !isCanonical(value, 0, value.length)) return null
  return BigInt(`0x${Buffer.from(value, 'base64url').toString('hex')}`)
}

function verificationKey(
  bytes: Uint8Array,
  secret: boolean,
  kid: string | null,
  algorithms: readonly string[]
): VerificationKey {
  const id = createHash('sha256')
    .update(secret ? 'secret' : 'public')
    .update(bytes)
    .digest('base64url')
    .slice(0, 22)
  // A copy of its own size: cut from Node's buffer pool it would travel to each worker with 8 KB around it.
  return { id, kid, algorithms: [...algorithms], material: Uint8Array.from(bytes), secret }
}

/** Names out of a document that somebody else wrote, made fit for a log line. A key's thumbprint has 43 characters. */
export function quote(text: string): string {
  return text.length > MOST_QUOTED ? `${JSON.stringify(text.slice(0, MOST_QUOTED))}…` : JSON.stringify(text)
}

function skip(reason: string): LintedKey {
  return { ok: false, reason, skip: true }
}

function refuse(reason: string): LintedKey {
  return { ok: false, reason, skip: false }
}

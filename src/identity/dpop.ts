/**
 * Proofs of possession, RFC 9449: a token that names a key (`cnf.jkt`) is good only beside a JWT that this key has just
 * signed for this very request. Each proof is new, so each costs a signature: everything else is checked before, and a
 * proof is used up only once its signature holds.
 */
import { createPublicKey, hash } from 'node:crypto'
import { ALGORITHMS, ASYMMETRIC } from './algorithms.ts'
import { isCanonical } from './base64url.ts'
import { normaliseType } from './claims.ts'
import { parseJws, parsePayload } from './token.ts'
import { refused } from './verdict.ts'
import { WaitingRoom } from './waiting.ts'
import { normalisePath } from '../path.ts'
import type { SignatureVerifier } from './pool.ts'
import type { Claims } from './token.ts'
import type { RefusedToken } from './verdict.ts'
import type { HeaderList } from '../headers.ts'
import type { Once, Use } from '../memory/once.ts'
import type { VerificationKey } from '../plan/keys.ts'

/** What a proof must speak of. */
export interface ProvenRequest {
  readonly headers: HeaderList
  readonly method: string
  readonly scheme: 'http' | 'https'
  /** As received, with its port. */
  readonly authority: string
  /** Normalised. */
  readonly path: string
  /** Whether the peer's word on the scheme and host that the client used is taken. */
  readonly trustedPeer: boolean
}

/** How old a proof may be, and how far its maker's clock may be ahead, ms. */
const MAX_AGE = 60_000
const MAX_AHEAD = 30_000
/** How long a proof must be remembered: until it is too old, even if it was made ahead. */
export const PROOF_LIFETIME = MAX_AGE + MAX_AHEAD
/** Proofs of one key that wait for their verification: one task's worth, as a client may well have so many under way. */
const MAX_WAITING = 64
/** Longest `jti` taken, in characters. */
const MAX_JTI = 256
/** Keys made ready here, by thumbprint: only those that tokens of trusted issuers name get in. */
const MAX_KEYS = 1024
/** RSA moduli taken, in bytes: 2048 to 4096 bits. */
const RSA_BYTES = [256, 512] as const
/** Their longest exponent, in bytes, as of an issuer's key: one as long as the modulus makes a verification take forty times as long. */
const MAX_EXPONENT_BYTES = 8

/** What a resource server says it takes (RFC 9449 section 7.1). */
export const DPOP_ALGORITHMS = ASYMMETRIC.join(' ')

export class DpopProofs {
  readonly #signatures: SignatureVerifier
  readonly #once: Once
  readonly #waiting: WaitingRoom
  readonly #keys = new Map<string, VerificationKey>()

  constructor(signatures: SignatureVerifier, once: Once, queue: number) {
    this.#signatures = signatures
    this.#once = once
    this.#waiting = new WaitingRoom(queue, MAX_WAITING, 'DPoP proofs')
  }

  /**
   * Null: proven. `token` is whole, `jkt` the thumbprint it names, `now` ms since the epoch. A promise, which never
   * rejects, when only the signature is left to be checked.
   */
  verify(token: string, jkt: string, request: ProvenRequest, now: number): RefusedToken | Promise<RefusedToken | null> {
    const { headers } = request
    const proof = headers.get('dpop')
    if (proof === undefined) return refused('the token is bound to a key, and no DPoP proof comes along')
    if (headers.count('dpop') > 1) return refused('more than one DPoP proof')
    const jws = parseJws(proof)
    if (!jws.ok) return unproven(jws.reason)
    if (jws.typ === null || normaliseType(jws.typ) !== 'dpop+jwt') return unproven('typ is not dpop+jwt')
    const payload = parsePayload(jws)
    if (!payload.ok) return unproven(payload.reason)
    const complaint = claimsComplaint(payload.claims, token, request, now)
    if (complaint !== null) return unproven(complaint)
    const parts = publicParts(jws.jwk)
    if (typeof parts === 'string') return unproven(parts)
    if (thumbprint(parts) !== jkt) return unproven('it is by another key than the token is bound to')
    const algorithm = ALGORITHMS.get(jws.alg)
    const curve = algorithm?.crv ?? null
    if (algorithm === undefined || algorithm.kty !== parts.kty || (curve !== null && curve !== parts.crv)) {
      return unproven(`alg ${jws.alg} is not for such a key`)
    }
    const key = this.#key(jkt, parts)
    if (key === null) return unproven('jwk is no valid key of its type')
    // Of one key: what another one's proofs are called is no concern of it.
    const name = `${jkt} ${String(payload.claims['jti'])}`
    // Before the signature: whoever caught a proof must not have it verified again and again.
    const spent = useComplaint(this.#once.look(name))
    if (spent !== null) return spent
    const full = this.#waiting.enter(jkt)
    if (full !== null) return { ok: false, code: 'verify-overload', reason: full }
    return this.#signature(proof, jws.alg, key, name).finally(() => this.#waiting.leave(jkt))
  }

  async #signature(token: string, alg: string, key: VerificationKey, name: string): Promise<RefusedToken | null> {
    const signer = await this.#signatures.verify({ token, alg, keys: [key] })
    if (signer instanceof Error) {
      return { ok: false, code: 'verify-overload', reason: `the proof's verification failed: ${signer.message}` }
    }
    if (signer === null) return unproven('the signature is not by its key')
    return useComplaint(this.#once.use(name))
  }

  #key(jkt: string, parts: PublicParts): VerificationKey | null {
    const known = this.#keys.get(jkt)
    if (known !== undefined) return known
    let der
    try {
      der = createPublicKey({ key: { ...parts }, format: 'jwk' }).export({ format: 'der', type: 'spki' })
    } catch {
      return null
    }
    // A copy of its own size: cut from Node's buffer pool it would travel to each thread with 8 KB around it.
    const material = Uint8Array.from(der)
    const key = { id: `dpop/${jkt}`, kid: null, algorithms: [...ASYMMETRIC], material, secret: false }
    if (this.#keys.size >= MAX_KEYS) for (const oldest of this.#keys.keys()) if (this.#keys.delete(oldest)) break
    this.#keys.set(jkt, key)
    return key
  }
}

function useComplaint(use: Use): RefusedToken | null {
  switch (use) {
    case 'first':
      return null
    case 'again':
      return unproven('it was used before')
    case 'full':
      return { ok: false, code: 'verify-overload', reason: 'no room is left to remember DPoP proofs in' }
  }
}

/** RFC 9449 section 4.3, points 8 to 11. Null: the proof is for this request and token, and fresh. */
function claimsComplaint(claims: Claims, token: string, request: ProvenRequest, now: number): string | null {
  const { jti, htm, htu, iat, ath } = claims
  if (typeof jti !== 'string' || jti === '' || jti.length > MAX_JTI) return 'jti is no name'
  if (htm !== request.method) return "htm is not the request's method"
  if (typeof htu !== 'string' || !isTarget(htu, request)) return "htu is not the request's target"
  if (typeof iat !== 'number' || !Number.isFinite(iat)) return 'iat is not a time'
  if (now - iat * 1000 >= MAX_AGE) return 'iat is too long ago'
  if (iat * 1000 - now >= MAX_AHEAD) return 'iat lies in the future'
  return ath === hash('sha256', token, 'base64url') ? null : "ath is not the token's hash"
}

/** Query and fragment don't count, and equal spellings are equal (RFC 9449 section 4.3). */
function isTarget(htu: string, request: ProvenRequest): boolean {
  if (!URL.canParse(htu)) return false
  const url = new URL(htu)
  if (url.username !== '' || url.password !== '') return false
  const { headers, trustedPeer } = request
  const scheme = (trustedPeer ? headers.get('x-forwarded-proto') : undefined) ?? request.scheme
  if (url.protocol !== `${scheme}:`) return false
  // A URL of the same scheme drops the same default port and brackets the same addresses.
  const authority = (trustedPeer ? headers.get('x-forwarded-host') : undefined) ?? request.authority
  const own = `${scheme}://${authority}`
  return URL.canParse(own) && new URL(own).host === url.host && normalisePath(url.pathname) === request.path
}

interface PublicParts {
  readonly kty: 'RSA' | 'EC' | 'OKP'
  readonly crv?: string
  readonly x?: string
  readonly y?: string
  readonly n?: string
  readonly e?: string
}

const CURVES: ReadonlySet<string> = new Set(['P-256', 'P-384', 'P-521'])
const EDWARDS: ReadonlySet<string> = new Set(['Ed25519', 'Ed448'])
const PRIVATE = ['d', 'p', 'q', 'dp', 'dq', 'qi', 'oth', 'k']

/** The members that make a public key, in the order in which RFC 7638 hashes them; or what is wrong with it. */
function publicParts(jwk: unknown): PublicParts | string {
  if (typeof jwk !== 'object' || jwk === null) return 'the header has no jwk'
  const fields = jwk as Record<string, unknown>
  if (PRIVATE.some((name) => fields[name] !== undefined)) return 'jwk holds a private or shared key'
  const { kty, crv, x, y, n, e } = fields
  if (kty === 'RSA' && isNumber(n) && isNumber(e)) {
    if (Buffer.byteLength(e, 'base64url') > MAX_EXPONENT_BYTES) return 'jwk is an RSA key with an oversized exponent'
    const bytes = Buffer.byteLength(n, 'base64url')
    return bytes >= RSA_BYTES[0] && bytes <= RSA_BYTES[1]
      ? { e, kty, n }
      : 'jwk is an RSA key of another size than 2048 to 4096 bits'
  }
  if (typeof crv === 'string' && isNumber(x)) {
    if (kty === 'EC' && CURVES.has(crv) && isNumber(y)) return { crv, kty, x, y }
    if (kty === 'OKP' && EDWARDS.has(crv)) return { crv, kty, x }
  }
  return 'jwk is no public key for signatures'
}

/** RFC 7638. Nothing in the members needs escaping. */
function thumbprint(parts: PublicParts): string {
  return hash('sha256', JSON.stringify(parts), 'base64url')
}

function isNumber(value: unknown): value is string {
  return typeof value === 'string' && value !== '' && isCanonical(value, 0, value.length)
}

function unproven(reason: string): RefusedToken {
  return refused(`the DPoP proof: ${reason}`)
}

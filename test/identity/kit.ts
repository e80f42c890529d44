/** Plans, keys and tokens for the tests of this folder. */
import { createPublicKey, generateKeyPairSync, sign } from 'node:crypto'
import { HeaderList } from '../../src/headers.ts'
import { DpopProofs, PROOF_LIFETIME } from '../../src/identity/dpop.ts'
import { importKey, verifySignature } from '../../src/identity/signature.ts'
import { signedParts } from '../../src/identity/token.ts'
import { Once } from '../../src/memory/once.ts'
import { allocateShared } from '../../src/memory/shared.ts'
import type { KeyObject } from 'node:crypto'
import { Authenticator, type AuthRequest } from '../../src/identity/authenticate.ts'
import { MessageSignatures, SIGNATURE_LIFE } from '../../src/identity/message-signatures.ts'
import { Passwords } from '../../src/identity/passwords.ts'
import { SameThreadPasswords } from '../../src/pipeline/same-thread-passwords.ts'
import type { TokenVerifier } from '../../src/identity/verifier.ts'
import type { SignatureVerifier, VerifyAnswer, VerifyRequest } from '../../src/identity/pool.ts'
import type { AuthPlan, JwtAuthPlan } from '../../src/plan/auth.ts'
import type { ApiKeyPlan, ConsumerPlan } from '../../src/plan/consumer.ts'
import type { IssuerPlan } from '../../src/plan/issuer.ts'
import type { KeySet, VerificationKey } from '../../src/plan/keys.ts'

/** What `authenticate` looks at, of a request that presents nothing but `more`. */
export function authRequest(more: Partial<AuthRequest> = {}): AuthRequest {
  return {
    headers: new HeaderList(),
    method: 'GET',
    scheme: 'https',
    authority: 'api.example',
    path: '/orders',
    rawPath: '/orders',
    size: 0,
    query: '',
    clientKey: '192.0.2.1',
    clientCertificate: null,
    trustedPeer: false,
    ...more
  }
}

/** `monotonic` in ns, for how long proofs are remembered; `crowd` others in the room for 1,024 of them. */
export function dpopProofs(signatures: SignatureVerifier, monotonic?: () => bigint, crowd = 0): DpopProofs {
  const memory = allocateShared({ workers: 1, limitSlots: 1 << 10, onceSlots: 1 << 10, ringBytes: 1 << 16 })
  const once = new Once(memory, 'dpop', PROOF_LIFETIME, monotonic)
  for (let i = 0; i < crowd; i++) once.use(`another's ${i}`)
  return new DpopProofs(signatures, once, 100)
}

export function authenticatorOf(tokens: TokenVerifier, signatures: SignatureVerifier): Authenticator {
  const memory = allocateShared({ workers: 1, limitSlots: 1024, ringBytes: 1 << 16 })
  return new Authenticator(
    tokens,
    new Passwords(new SameThreadPasswords(), 8),
    dpopProofs(signatures),
    new MessageSignatures(signatures, new Once(memory, 'message signature', SIGNATURE_LIFE), 100, 8)
  )
}

/** 2026-11-23T00:00:00Z, in ms and in a token's seconds. */
export const NOW = 1_795_392_000_000
export const SECONDS = NOW / 1000

export const ec = generateKeyPairSync('ec', { namedCurve: 'P-256' })
export const otherEc = generateKeyPairSync('ec', { namedCurve: 'P-256' })

export function verificationKey(
  key: KeyObject,
  more: Partial<VerificationKey> & { algorithms: string[] }
): VerificationKey {
  const publicKey = key.type === 'private' ? createPublicKey(key) : key
  const material = Uint8Array.from(publicKey.export({ format: 'der', type: 'spki' }))
  return { id: more.kid ?? 'k', kid: null, material, secret: false, ...more }
}

export function keySet(keys: VerificationKey[], version = 1, issuer = 'corp'): KeySet {
  return { issuer, version, keys, fetchedAt: NOW }
}

export const EC_KEY = verificationKey(ec.publicKey, { kid: 'e1', algorithms: ['ES256'] })

export function issuerPlan(more: Partial<IssuerPlan> = {}): IssuerPlan {
  return {
    name: 'corp',
    issuer: 'https://idp.example',
    audiences: ['api'],
    algorithms: ['RS256', 'PS256', 'ES256', 'EdDSA'],
    typ: null,
    required: [],
    equal: {},
    clockSkew: 0,
    maxAge: null,
    scopesClaim: [],
    groupsClaim: [],
    consumerClaim: null,
    attributes: {},
    jwks: { kind: 'inline', keys: [] },
    introspection: null,
    where: 'gatehouse.yaml:1:1',
    ...more
  }
}

export function consumerPlan(name: string, more: Partial<ConsumerPlan> = {}): ConsumerPlan {
  return {
    name,
    groups: [],
    scopes: [],
    attributes: {},
    clients: [],
    keys: [],
    jwt: [],
    basic: [],
    certificates: [],
    ip: null,
    signatures: [],
    where: 'gatehouse.yaml:2:1',
    ...more
  }
}

export function apiKeyPlan(id: string, hash: string, more: Partial<ApiKeyPlan> = {}): ApiKeyPlan {
  return { id, hash, expires: null, scopes: null, canary: false, where: 'gatehouse.yaml:3:1', ...more }
}

export function jwtPlan(more: Partial<JwtAuthPlan> = {}): JwtAuthPlan {
  return {
    header: ['authorization'],
    cookie: [],
    query: [],
    issuers: ['corp'],
    consumers: false,
    opaque: null,
    audiences: null,
    expiry: 'required',
    bound: 'if-present',
    ...more
  }
}

export function authPlan(more: Partial<AuthPlan> = {}): AuthPlan {
  return {
    public: false,
    jwt: null,
    key: null,
    basic: false,
    certificate: false,
    signature: false,
    require: 'any',
    anonymous: null,
    mode: 'enforce',
    where: 'gatehouse.yaml:4:1',
    ...more
  }
}

export const CLAIMS = { iss: 'https://idp.example', aud: 'api', sub: 'u1', exp: SECONDS + 600, iat: SECONDS }

export function segment(text: string | Uint8Array): string {
  return Buffer.from(text).toString('base64url')
}

/** A token of exactly these texts, signed ES256. */
export function rawToken(header: string | Uint8Array, payload: string | Uint8Array, key = ec.privateKey): string {
  const input = `${segment(header)}.${segment(payload)}`
  return `${input}.${segment(sign('sha256', Buffer.from(input), { key, dsaEncoding: 'ieee-p1363' }))}`
}

export function token(
  claims: Record<string, unknown> = {},
  header: Record<string, unknown> = {},
  key = ec.privateKey
): string {
  const all = { ...CLAIMS, ...claims }
  return rawToken(JSON.stringify({ alg: 'ES256', kid: 'e1', ...header }), JSON.stringify(all), key)
}

/** Verifies in this thread, one tick later, and counts; `hold` keeps answers back until `release`. */
export class InlineVerifier implements SignatureVerifier {
  verified = 0
  #held: (() => void)[] | null = null
  answer: VerifyAnswer | undefined

  hold(): void {
    this.#held = []
  }

  release(): void {
    const held = this.#held ?? []
    this.#held = null
    for (const go of held) go()
  }

  async verify({ token: text, alg, keys }: VerifyRequest): Promise<VerifyAnswer> {
    this.verified++
    const held = this.#held
    if (held !== null) await new Promise<void>((resolve) => held.push(resolve))
    if (this.answer !== undefined) return this.answer
    const { input, signature } = signedParts(text)
    return keys.find((key) => verifySignature(alg, importKey(key), input, signature)) ?? null
  }

  async close(): Promise<void> {}
}

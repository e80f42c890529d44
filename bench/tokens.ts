/** Keys and tokens, made with node:crypto: what is measured does not make its own proof. */
import { generateKeyPairSync, sign, type KeyObject } from 'node:crypto'
import { promisify } from 'node:util'

export type Algorithm = 'RS256' | 'ES256'

export const ISSUER = 'https://idp.example'
export const AUDIENCE = 'api'
/** The secured path's scope, and the tenant that its rule compares with the path. */
export const SCOPE = 'orders:read'
export const TENANT = '7'
/** Value of the token's azp, by which the consumer is found. */
export const CLIENT = 'acme-client'

/** The bench signs up to this many at once: enough for every core. */
const SIGN_AT_ONCE = 32
const LIFETIME_S = 6 * 3600

const signAsync = promisify(sign)

export class Signer {
  readonly algorithm: Algorithm
  readonly publicKey: KeyObject
  readonly #privateKey: KeyObject

  constructor(algorithm: Algorithm) {
    this.algorithm = algorithm
    const pair =
      algorithm === 'RS256'
        ? generateKeyPairSync('rsa', { modulusLength: 2048 })
        : generateKeyPairSync('ec', { namedCurve: 'P-256' })
    this.publicKey = pair.publicKey
    this.#privateKey = pair.privateKey
  }

  get kid(): string {
    return `bench-${this.algorithm.toLowerCase()}`
  }

  /** Public JSON Web Key. */
  jwk(): Record<string, unknown> {
    return { ...this.publicKey.export({ format: 'jwk' }), kid: this.kid, alg: this.algorithm, use: 'sig' }
  }

  pem(): string {
    return this.publicKey.export({ format: 'pem', type: 'spki' }).toString()
  }

  /** An access token of the usual size; those with different `id` are different tokens of the same caller. */
  async token(id: string): Promise<string> {
    const now = Math.floor(Date.now() / 1000)
    const claims = {
      iss: ISSUER,
      aud: AUDIENCE,
      sub: 'user-1',
      azp: CLIENT,
      tenant: TENANT,
      scope: SCOPE,
      jti: id,
      iat: now,
      exp: now + LIFETIME_S
    }
    const input = `${encode({ alg: this.algorithm, typ: 'JWT', kid: this.kid })}.${encode(claims)}`
    const key =
      this.algorithm === 'RS256' ? this.#privateKey : { key: this.#privateKey, dsaEncoding: 'ieee-p1363' as const }
    const signature = await signAsync('sha256', Buffer.from(input), key)
    return `${input}.${signature.toString('base64url')}`
  }

  /** `count` different tokens. An RSA signature takes most of a millisecond, so thousands take seconds. */
  async tokens(count: number): Promise<string[]> {
    const made: string[] = []
    while (made.length < count) {
      const batch = Math.min(SIGN_AT_ONCE, count - made.length)
      made.push(...(await Promise.all(Array.from({ length: batch }, (_, i) => this.token(`t${made.length + i}`)))))
    }
    return made
  }
}

function encode(value: unknown): string {
  return Buffer.from(JSON.stringify(value)).toString('base64url')
}

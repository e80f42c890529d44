/** The example's identity provider: publishes its public key, and signs tokens for the people of the example. */
import type { RequestListener } from 'node:http'
import { signToken, type Jwk } from '../identity/jose.ts'

export const ISSUER = 'https://issuer.example'

export interface Person {
  sub: string
  /** The tenant. */
  org: string
  scope: string
  groups: string[]
}

/** Reads and writes the orders of acme. */
export const ALICE: Person = { sub: 'alice', org: 'acme', scope: 'orders:read orders:write', groups: ['staff'] }
/** May only read. */
export const BOB: Person = { sub: 'bob', org: 'acme', scope: 'orders:read', groups: [] }

/** A token for `hours`, as the configuration asks of this issuer's. */
export function tokenFor(person: Person, key: Jwk, hours: number): Promise<string> {
  const now = Math.floor(Date.now() / 1000)
  const claims = { iss: ISSUER, aud: 'example', iat: now, exp: now + hours * 3600, ...person }
  return signToken(
    claims,
    { alg: 'ES256', typ: 'JWT', ...(typeof key['kid'] === 'string' ? { kid: key['kid'] } : {}) },
    key
  )
}

/** GET /jwks.json (RFC 7517 section 5). */
export function issuerService(key: Jwk): RequestListener {
  const { d: _private, ...publicKey } = key
  const jwks = JSON.stringify({ keys: [publicKey] })
  return (request, response) => {
    if (request.url !== '/jwks.json') return void response.writeHead(404).end()
    response.writeHead(200, { 'content-type': 'application/jwk-set+json', 'cache-control': 'max-age=300' }).end(jwks)
  }
}

/** A gateway that a flood of bad tokens goes to, and whose tokens are good. */
import { startGateway, type Gateway, type Owner } from '../gateway.ts'
import { seconds, signer, type Signer } from '../tokens.ts'
import { startUpstream, type Upstream } from '../upstream.ts'

export interface Flooded {
  service: Upstream
  gateway: Gateway
  /** Signs good tokens. */
  good: Signer
  /** Claims that the gateway takes. */
  claims(sub: string): { iss: string; aud: string; sub: string; exp: number }
}

/** @param env of the gateway */
export async function startFlooded(owner: Owner, env: Record<string, string> = {}): Promise<Flooded> {
  const service = await startUpstream(owner)
  const good = signer('ES256', 'e1')
  const gateway = await startGateway(
    owner,
    `version: 1
listen: [ { address: "127.0.0.1:0" } ]
threats: { mode: enforce }
issuers: [ { name: corp, issuer: "https://idp.example", jwks: keys.json, audiences: [api] } ]
services:
  - name: s
    url: ${service.url}
    policies: { auth: { jwt: { issuers: [corp] } } }
    routes: [ { name: r, match: { paths: ["/*"] } } ]
`,
    { workers: 2, env, files: { 'keys.json': JSON.stringify({ keys: [good.jwk] }) } }
  )
  const claims = (sub: string) => ({ iss: 'https://idp.example', aud: 'api', sub, exp: seconds() + 3600 })
  return { service, gateway, good, claims }
}

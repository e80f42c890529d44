/** A gateway that knows its issuers by name only, and what a test asks of it. */
import { Agent } from 'node:http'
import { ask } from '../client.ts'
import type { Gateway } from '../gateway.ts'
import { eventually } from '../visitors.ts'
import type { OpenIdProvider } from './openid-provider.ts'

export const agent = new Agent({ keepAlive: true, maxSockets: 16 })

/** Issuers idp0, idp1, … of one route that asks for the scope orders:read. */
export function configured(stateDir: string, upstream: string, ...providers: OpenIdProvider[]): string {
  const names = providers.map((_, i) => `idp${i}`)
  const issuers = providers.map(
    ({ issuer }, i) => `  - { name: idp${i}, issuer: "${issuer}", audiences: [api], scopesClaim: scope }`
  )
  return `version: 1
listen: [ { address: "127.0.0.1:0" } ]
state: { dir: ${stateDir} }
issuers:
${issuers.join('\n')}
services:
  - name: s
    url: ${upstream}
    policies: { auth: { jwt: { issuers: [${names.join(', ')}] } }, authorize: { scopes: ["orders:read"] } }
    routes: [ { name: r, match: { paths: ["/*"] } } ]
`
}

export async function status(gateway: Gateway, bearer: string): Promise<number> {
  return (await ask(gateway.port, '/x', { headers: { authorization: `Bearer ${bearer}` }, agent })).status
}

export async function until(what: string, condition: () => Promise<boolean>): Promise<void> {
  await eventually(condition, what)
}

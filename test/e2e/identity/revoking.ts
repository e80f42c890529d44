/** A gateway whose callers are revoked, and callers of every kind for it. */
import { Agent } from 'node:http'
import { hashPassword } from '../../../src/identity/password.ts'
import type { RevocationAnswer, RevocationReport } from '../../../src/control/revocations/resources.ts'
import { ask } from '../client.ts'
import { control } from '../control.ts'
import { freePort } from '../free-port.ts'
import { startGateway, type Gateway, type Owner } from '../gateway.ts'
import { seconds, sha256, signer, token, type Signer } from '../tokens.ts'
import { echo, startUpstream, type Upstream } from '../upstream.ts'

const WORKERS = 2

export const key = signer('ES256', 'e1')
export const next = signer('ES256', 'e2')

export const PASSWORD = 'correct horse battery'
// As cheap as is taken: what costs here is not what is tested.
const PASSWORD_HASH = hashPassword(PASSWORD, { ln: 14, r: 8, p: 1 })

let made = 0

/** Headers with a token of its own, for alice unless `claims` say otherwise. */
export function fresh(claims: Record<string, unknown> = {}, by: Signer = key): Record<string, string> {
  const all = { iss: 'https://idp.example', sub: 'alice', jti: `t${made++}`, iat: seconds(), exp: seconds() + 600 }
  return { authorization: `Bearer ${token(by, { ...all, ...claims })}` }
}

export const soon = (): string => new Date(Date.now() + 600_000).toISOString()

/** `/stream` sends events without end; other paths echo. On a port of its own, to come back on it after a restart. */
export class Revoking {
  readonly upstream: Upstream
  readonly port: number
  readonly gateway: Gateway
  /** Connections that every worker has some of: they are handed out in turn. */
  readonly #agents = Array.from({ length: 2 * WORKERS }, () => new Agent({ keepAlive: true, maxSockets: 1 }))

  /** @param preload modules for every thread of the gateway */
  static async start(t: Owner, preload: string[] = []): Promise<Revoking> {
    const upstream = await startUpstream(t, (request, response) => {
      if (request.url !== '/stream') return echo(request, response)
      response.writeHead(200, { 'content-type': 'text/event-stream' })
      const timer = setInterval(() => response.write('data: x\n\n'), 50)
      response.on('close', () => clearInterval(timer))
    })
    const port = await freePort()
    const gateway = await startGateway(t, configuration(port, upstream.url), {
      workers: WORKERS,
      preload,
      files: { 'keys.json': JSON.stringify({ keys: [key.jwk, next.jwk] }) }
    })
    const revoking = new Revoking(upstream, port, gateway)
    t.teardown(() => revoking.#agents.forEach((agent) => agent.destroy()))
    return revoking
  }

  private constructor(upstream: Upstream, port: number, gateway: Gateway) {
    this.upstream = upstream
    this.port = port
    this.gateway = gateway
  }

  configure(more: string): void {
    this.gateway.writeConfig(configuration(this.port, this.upstream.url, more))
  }

  /** One request to every worker, at once. */
  all(
    headers: Record<string, string>,
    path = '/x'
  ): Promise<{ status: number; body: string; challenge: string | undefined }[]> {
    return Promise.all(
      this.#agents.map(async (agent) => {
        const reply = await ask(this.port, path, { headers, agent })
        return { status: reply.status, body: reply.body, challenge: reply.headers['www-authenticate'] }
      })
    )
  }

  /** The statuses that workers answer with, each once. */
  async everywhere(headers: Record<string, string>, path = '/x'): Promise<number[]> {
    return [...new Set((await this.all(headers, path)).map(({ status }) => status))].toSorted((a, b) => a - b)
  }

  async revoke(fields: Record<string, unknown>): Promise<RevocationReport> {
    const call = JSON.stringify({ until: soon(), ...fields })
    const { status, body } = await control(this.gateway, '/revocations', 'POST', call)
    if (status !== 201) throw new Error(body)
    const answer = JSON.parse(body) as RevocationAnswer
    if (!answer.kept) throw new Error(answer.notKept)
    return answer.revocation
  }

  async restore({ id }: { id: string }): Promise<number> {
    return (await control(this.gateway, `/revocations/${id}`, 'DELETE')).status
  }
}

function configuration(port: number, url: string, more = ''): string {
  return `version: 1
listen: [ { address: "127.0.0.1:${port}" } ]
state: { dir: var }
issuers: [ { name: corp, issuer: "https://idp.example", jwks: keys.json, audiences: any, consumerClaim: azp } ]
consumers:
  - { name: acme, clients: [ { issuer: corp, id: app-1 } ], keys: [ { id: acme-1, hash: "sha256:${sha256('acme-key')}" } ] }
  - { name: other, keys: [ { id: other-1, hash: "sha256:${sha256('other-key')}" } ], basic: [ { username: other, hash: "${PASSWORD_HASH}" } ] }
  - { name: guest }
services:
  - name: s
    url: ${url}
    policies: { auth: { jwt: { issuers: [corp] }, key: true } }
    routes:
      - { name: r, match: { paths: ["/*"] } }
      - { name: basic, match: { paths: ["/basic"] }, policies: { auth: { basic: true } } }
      - { name: open, match: { paths: ["/open"] }, policies: { auth: { key: true, anonymous: guest } } }
      - { name: watched, match: { paths: ["/watched"] }, policies: { auth: { jwt: { issuers: [corp] }, mode: shadow } } }
${more}`
}

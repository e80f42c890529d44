/** Keys published at a url: rotated, withdrawn, gone, garbage, and a start while their provider is down. */
import { mkdtempSync, rmSync } from 'node:fs'
import { createServer, type Server } from 'node:http'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import t from 'tap'
import { ask } from '../client.ts'
import { freePort } from '../free-port.ts'
import { startGateway, type Gateway } from '../gateway.ts'
import { seconds, signer, token, type Signer } from '../tokens.ts'
import { startUpstream } from '../upstream.ts'
import { eventually } from '../visitors.ts'

/** An identity provider whose published keys a test changes. */
class Provider {
  body = ''
  status = 200
  fetched = 0
  port = 0
  #server: Server | null = null

  publish(...signers: Signer[]): void {
    this.body = JSON.stringify({ keys: signers.map(({ jwk }) => jwk) })
  }

  async up(): Promise<void> {
    const server = createServer((_, response) => {
      this.fetched++
      response.writeHead(this.status, { 'content-type': 'application/json' }).end(this.body)
    })
    this.port ||= await freePort()
    await new Promise<void>((resolve) => server.listen(this.port, '127.0.0.1', resolve))
    this.#server = server
  }

  async down(): Promise<void> {
    const server = this.#server
    if (server === null) return
    this.#server = null
    server.closeAllConnections()
    await new Promise((resolve) => server.close(resolve))
  }
}

const [one, two, three] = [signer('ES256', 'k1'), signer('RS256', 'k2'), signer('ES256', 'k3')]
const upstream = await startUpstream(t)
const provider = new Provider()
const late = new Provider()
provider.publish(one)
late.publish(three)
await Promise.all([provider.up(), late.up()])
await late.down()
t.teardown(() => Promise.all([provider.down(), late.down()]))

const stateDir = mkdtempSync(join(tmpdir(), 'gh-state-'))
t.teardown(() => rmSync(stateDir, { recursive: true, force: true }))
const yaml = `version: 1
listen: [ { address: "127.0.0.1:0" } ]
state: { dir: ${stateDir} }
issuers:
  - { name: corp, issuer: "https://idp.example", jwks: "http://127.0.0.1:${provider.port}/jwks.json", audiences: [api] }
  - { name: late, issuer: "https://late.example", jwks: "http://127.0.0.1:${late.port}/jwks.json", audiences: [api] }
services:
  - name: s
    url: ${upstream.url}
    policies: { auth: { jwt: { issuers: [corp, late] } } }
    routes: [ { name: r, match: { paths: ["/*"] } } ]
`

let jti = 0
const corp = (by: Signer, claims: Record<string, unknown> = {}): string =>
  token(by, { iss: 'https://idp.example', aud: 'api', sub: 'u1', exp: seconds() + 3600, jti: `${++jti}`, ...claims })
const reply = (gateway: Gateway, text: string): ReturnType<typeof ask> =>
  ask(gateway.port, '/x', { headers: { authorization: `Bearer ${text}` } })
const status = async (gateway: Gateway, text: string): Promise<number> => (await reply(gateway, text)).status

async function until(what: string, condition: () => Promise<boolean>): Promise<void> {
  await eventually(condition, what)
}

t.test('a provider that comes, rotates, withdraws, answers garbage and goes', async (t) => {
  const gateway = await startGateway(t, yaml, { workers: 2 })
  const cached = corp(one)
  t.equal(await status(gateway, cached), 200)
  t.equal(provider.fetched, 1, 'fetched once, for both workers')

  await t.test('an issuer without keys: 503 with Retry-After, until its provider answers', async (t) => {
    const text = corp(three, { iss: 'https://late.example' })
    const { status: first, headers } = await reply(gateway, text)
    t.equal(first, 503)
    t.match(headers['retry-after'], /^\d+$/)
    await late.up()
    await until('the keys are there', async () => (await status(gateway, text)) === 200)
  })

  await t.test('an unknown kid is fetched for, and its token waits for it', async (t) => {
    provider.publish(one, two)
    t.equal(await status(gateway, corp(two)), 200)
    t.equal(provider.fetched, 2)
    t.equal(await status(gateway, cached), 200, 'the old key still holds')
  })

  await t.test('garbage keeps the keys held', async (t) => {
    const said = gateway.stderr.length
    provider.body = '<html>503</html>'
    t.equal(await status(gateway, corp(three)), 401)
    await gateway.said(/issuer corp: no new keys: .*the keys held stay in use/, said)
    t.equal(await status(gateway, corp(two)), 200)
  })

  await t.test('a key that the set has lost is refused, for cached tokens too', async (t) => {
    t.equal(await status(gateway, cached), 200)
    provider.publish(two)
    t.equal(await status(gateway, corp(three)), 401, 'a kid that nobody knows')
    await until('the old key is refused', async () => (await status(gateway, cached)) === 401)
    for (let i = 0; i < 8; i++) t.equal(await status(gateway, cached), 401, 'by every worker')
    t.equal(await status(gateway, corp(one)), 401)
    t.equal(await status(gateway, corp(two)), 200)
  })

  await t.test('kids that nobody knows cause a bounded number of fetches', async (t) => {
    const before = provider.fetched
    for (let i = 0; i < 20; i++)
      t.equal(await status(gateway, corp(one, {}).replace(/^[^.]+/, kidHeader(`made-up-${i}`))), 401)
    t.ok(provider.fetched - before <= 3, `${provider.fetched - before} fetches`)
  })

  await t.test('with the provider down the keys held serve on', async (t) => {
    await provider.down()
    t.equal(await status(gateway, corp(two)), 200)
    t.equal(await status(gateway, corp(three)), 401)
  })
  t.equal(await gateway.stop(), 0)
})

t.test('a cold start with the provider down serves from state.dir', async (t) => {
  await late.down()
  const gateway = await startGateway(t, yaml, { workers: 1 })
  t.equal(await status(gateway, corp(two)), 200)
  t.equal(await status(gateway, corp(one)), 401)
  t.equal(await status(gateway, corp(three, { iss: 'https://late.example' })), 200)
  await gateway.said(/issuer corp: using its keys of \d{4}-/)
  await t.test('and takes new keys once the provider is back', async (t) => {
    provider.publish(two, three)
    await provider.up()
    await until('the new key is there', async () => (await status(gateway, corp(three))) === 200)
    t.equal(await status(gateway, corp(two)), 200)
  })
  t.equal(gateway.child.exitCode, null)
})

/** An encoded header that names another kid; the signature doesn't matter, nobody gets to it. */
function kidHeader(kid: string): string {
  return Buffer.from(JSON.stringify({ alg: 'ES256', typ: 'JWT', kid })).toString('base64url')
}

/** `identity.token` end to end: the README's example is the service, and keys rotate under it. */
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import http from 'node:http'
import { readFileSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { createLocalJWKSet, decodeProtectedHeader, jwtVerify, type JSONWebKeySet, type JWTVerifyOptions } from 'jose'
import t from 'tap'
import { ask } from '../client.ts'
import { control } from '../control.ts'
import { status } from '../control-socket.ts'
import { freePort } from '../free-port.ts'
import { startGateway } from '../gateway.ts'
import { PATIENCE } from '../patience.ts'
import { sha256 } from '../tokens.ts'
import { startUpstream } from '../upstream.ts'
import { eventually } from '../visitors.ts'

const PATH = '/.well-known/gatehouse/jwks.json'
const ROOT = fileURLToPath(new URL('../../..', import.meta.url))
/** So long before it signs a key is published, ms. */
const NOTICE = 4_000
const KEY = { 'x-api-key': 'acme-key' }

const metricsPort = await freePort()
const servicePort = await freePort()
const upstream = await startUpstream(t)
const gateway = await startGateway(
  t,
  `version: 1
listen: [ { address: "127.0.0.1:0" } ]
state: { dir: var }
metrics: { address: "127.0.0.1:${metricsPort}" }
admin: { address: "127.0.0.1:0", token: a-token-of-sixteen-characters }
consumers:
  - { name: acme, groups: [partners], attributes: { tenant: acme }, keys: [ { id: acme-1, hash: "sha256:${sha256('acme-key')}" } ] }
policies: { identity: { token: { ttl: 60s, attributes: [tenant] } } }
services:
  - name: orders
    url: http://127.0.0.1:${servicePort}
    policies: { auth: { key: true } }
    routes: [ { name: read, match: { paths: ["/orders"] } } ]
  - name: echo
    url: ${upstream.url}
    policies: { auth: { key: true } }
    routes:
      - { name: free, match: { paths: ["/free"] } }
      - { name: bound, match: { paths: ["/bound/{id}"] }, forward: { rewrite: "/v2/{id}" }, policies: { identity: { token: { audience: other, algorithm: ES256, bind: true } } } }
      - { name: open, match: { paths: ["/open"] }, policies: { auth: public } }
      - { name: untold, match: { paths: ["/untold"] }, policies: { identity: none } }
`,
  { workers: 2, env: { GATEHOUSE_TOKEN_KEY_LIFETIME: `${2 * NOTICE}ms`, GATEHOUSE_TOKEN_KEY_NOTICE: `${NOTICE}ms` } }
)

async function published(): Promise<JSONWebKeySet> {
  return JSON.parse((await control(gateway, PATH)).body) as JSONWebKeySet
}

/** The Authorization that the upstream got. */
async function told(path: string, headers: Record<string, string> = KEY): Promise<string | undefined> {
  const reply = await ask(gateway.port, path, { headers })
  return (JSON.parse(reply.body) as { headers: Record<string, string> }).headers['authorization']
}

/** What it says there, verified by the set of a moment before. */
async function verified(path: string, headers: Record<string, string>, rules: JWTVerifyOptions = {}) {
  for (;;) {
    const since = performance.now()
    const keys = createLocalJWKSet(await published())
    const token = ((await told(path, headers)) ?? '').slice(7)
    // A set that is older than the notice need not know who signs.
    if (performance.now() - since < NOTICE) return { token, payload: (await jwtVerify(token, keys, rules)).payload }
  }
}

t.test("the README's example, as it is written, is a service that can check who calls", async (t) => {
  const readme = readFileSync(join(ROOT, 'README.md'), 'utf8')
  const example = /<!-- verification: begin -->\s*```js\n([\s\S]*?)```/.exec(readme)?.[1] ?? ''
  t.match(example, 'jwtVerify')
  const service = spawn(process.execPath, ['--input-type=module', '-e', example], {
    cwd: ROOT,
    env: { JWKS_URL: `http://127.0.0.1:${metricsPort}${PATH}`, PORT: String(servicePort) },
    stdio: 'inherit'
  })
  // Asked for now: it may have ended before the teardown.
  const ended = once(service, 'exit')
  t.teardown(async () => {
    service.kill()
    await ended
  })
  const direct = (authorization?: string): Promise<number> =>
    ask(servicePort, '/', { headers: authorization === undefined ? {} : { authorization } }).then(
      (reply) => reply.status,
      () => 0
    )
  await eventually(async () => (await direct()) !== 0, 'the service listens')
  t.match(await ask(gateway.port, '/orders', { headers: KEY }), { status: 200, body: 'hello acme' })
  t.equal(await direct(), 401)
  t.equal(await direct('Bearer x'), 401)
  t.equal(await direct(await told('/free')), 401, 'a token for another service')
})

t.test('what it says, and that the client says nothing in its place', async (t) => {
  const evil = { ...KEY, authorization: 'Bearer evil' }
  const free = await verified('/free', evil, { issuer: 'gatehouse', audience: 'echo' })
  t.match(free.payload, {
    sub: 'acme',
    consumer: 'acme',
    groups: ['partners'],
    attributes: { tenant: 'acme' },
    amr: ['key']
  })
  const bound = await verified('/bound/7?x=1', evil, { audience: 'other', algorithms: ['ES256'] })
  t.match(bound.payload, { method: 'GET', path: '/v2/7' })
  t.not(await told('/bound/7'), `Bearer ${bound.token}`)
  const open = await verified('/open', { authorization: 'Bearer evil' })
  t.match(open.payload, { amr: ['public'], sub: undefined })
  t.equal(await told('/untold', KEY), undefined)
})

t.test('the set is on the internal side only', async (t) => {
  const sets = [await control(gateway, PATH), await ask(metricsPort, PATH)]
  const { admin } = await status(gateway.dir)
  sets.push(await ask(admin?.port ?? 0, PATH))
  for (const set of sets) {
    t.equal(set.status, 200)
    t.notMatch(set.body, '"d":')
    t.match(JSON.parse(set.body), { keys: [{ use: 'sig' }, { use: 'sig' }] })
  }
  t.equal((await ask(gateway.port, PATH, { headers: KEY })).status, 404)
  t.equal((await ask(metricsPort, PATH, { method: 'POST' })).status, 405)
  t.equal((await ask(metricsPort, '/status')).status, 404)
  t.equal(statSync(join(gateway.dir, 'var/token-keys.json')).mode & 0o777, 0o600)
})

t.test('a key changes under load: every token verifies by the set as it was before the change', async (t) => {
  const kidOf = (authorization: string | undefined) => decodeProtectedHeader((authorization ?? '').slice(7)).kid
  const first = kidOf(await told('/free'))
  const kids = new Set<unknown>([first])
  let since = performance.now()
  let known = await published()
  const agent = new http.Agent({ keepAlive: true, maxSockets: 4 })
  t.teardown(() => agent.destroy())
  for (const until = Date.now() + PATIENCE; kids.size < 2 && Date.now() < until;) {
    const [before, then] = [known, since]
    since = performance.now()
    known = await published()
    const authorization = await told('/free')
    // Whoever fetched the set one look ago, and less than the notice, knows the key that signs now.
    if (performance.now() - then < NOTICE) await jwtVerify((authorization ?? '').slice(7), createLocalJWKSet(before))
    kids.add(kidOf(authorization))
  }
  t.equal(kids.size, 2, 'it changed')
  t.ok(
    known.keys.some(({ kid }) => kid === first),
    'the old one is still published'
  )
})

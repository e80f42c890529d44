/** Each attack that the built-in bans know, over a real gateway: banned within its first 30 requests, and why is said. */
import t, { type Test } from 'tap'
import type { BanEntry } from '../../../src/control/bans/book.ts'
import { ask, type Ask, type Reply } from '../client.ts'
import { control, metric } from '../control.ts'
import { startGateway } from '../gateway.ts'
import { seconds, sha256, signer, token } from '../tokens.ts'
import { startUpstream } from '../upstream.ts'
import { eventually } from '../visitors.ts'

const PATIENCE = 30

const es = signer('ES256', 'e1')
const forger = signer('ES256', 'e1')
const upstream = await startUpstream(t, (request, response) => {
  request.resume()
  response.statusCode = request.url?.startsWith('/site/missing') ? 404 : 200
  response.end('here')
})
const gateway = await startGateway(
  t,
  `version: 1
listen: [ { address: "127.0.0.1:0" } ]
state: { dir: var }
threats: { mode: enforce }
issuers:
  - { name: corp, issuer: "https://idp.example", audiences: [api], jwks: { keys: [ ${JSON.stringify(es.jwk)} ] } }
consumers:
  - { name: acme, keys: [ { id: acme-1, hash: "sha256:${sha256('acme-key')}" }, { id: bait, hash: "sha256:${sha256('bait-key')}", canary: true } ] }
services:
  - name: s
    url: ${upstream.url}
    routes:
      - { name: site, match: { paths: ["/site/*"] }, policies: { auth: public } }
      - { name: orders, match: { paths: ["/orders/{id}"] }, policies: { auth: { jwt: { issuers: [corp] } }, authorize: { when: 'path.id == "7"' } } }
      - { name: items, match: { paths: ["/items/{id}"] }, policies: { auth: { jwt: { issuers: [corp] } } }, forward: { rewrite: "/site/missing/{id}" } }
      - { name: keyed, match: { paths: ["/keyed"] }, policies: { auth: { key: true } } }
`,
  { workers: 2 }
)

const get = (from: string, path: string, headers: Record<string, string> = {}, more: Ask = {}): Promise<Reply> =>
  ask(gateway.port, path, { from, headers, ...more })
const bearer = (by: typeof es, claims: Record<string, unknown>): Record<string, string> => ({
  authorization: `Bearer ${token(by, { iss: 'https://idp.example', aud: 'api', exp: seconds() + 600, ...claims })}`
})
async function bans(): Promise<BanEntry[]> {
  return (JSON.parse((await control(gateway, '/bans')).body) as { bans: BanEntry[] }).bans
}
async function banOf(who: string): Promise<BanEntry> {
  // The ban holds before its report has come to the control thread.
  return eventually(async () => (await bans()).find((ban) => ban.who === who), `${who} is banned`)
}

/** Sends requests until one is refused as banned; the number of those before it. */
async function attack(t: Test, from: string, request: (i: number) => Promise<Reply>, passing: number): Promise<number> {
  for (let i = 0; i < PATIENCE; i++) {
    const { status, headers, body } = await request(i)
    if (status === passing) continue
    t.equal(status, 403, `request ${i + 1} is refused`)
    t.equal(headers['content-type'], 'application/problem+json')
    t.match(JSON.parse(body), { type: 'about:blank', title: 'Forbidden', status: 403 })
    const line = await gateway.line(({ id }) => id === headers['x-request-id'])
    t.match(line, { client: from, decision: 'deny', problem: 'banned', policy: 'ban' })
    return i
  }
  t.fail(`not banned after ${PATIENCE} requests`)
  return PATIENCE
}

t.test('path scanning: paths without a route', async (t) => {
  const from = '127.0.1.1'
  const passed = await attack(t, from, (i) => get(from, `/admin-${i}.php`), 404)
  t.ok(passed > 15, 'more than 15 paths are looked for first')
  const ban = await banOf(from)
  t.match(ban, {
    scenario: 'scanner',
    mode: 'enforce',
    limited: false,
    offences: 0,
    reason: /15 distinct paths in 60 s/
  })
  const last = ban.evidence.at(-1)
  t.match(last, { method: 'GET', path: /^\/admin-\d+\.php$/, status: 404 })
  t.ok(await gateway.line(({ id }) => id === last?.id), 'the evidence is found in the access log by its id')
  t.ok(Math.abs(Date.parse(ban.until) - Date.parse(ban.at) - 600_000) < 10, 'ten minutes')
  t.match(await gateway.said(/[^\n]*127\.0\.1\.1 is banned: scanner[^\n]*/), /"requests":\["GET \/admin-/)
  t.equal((await get('127.0.1.2', '/site/a')).status, 200, 'its neighbour is served')
  t.equal((await get(from, '/site/a')).status, 403, 'and it is not, whatever it asks for')
})

t.test('path scanning: below a catch-all, where the service says 404', async (t) => {
  const from = '127.0.2.1'
  await attack(t, from, (i) => get(from, `/site/missing/${i}`), 404)
  t.match(await banOf(from), { scenario: 'scanner' })
})

t.test('secret-file probing: the first visit', async (t) => {
  const from = '127.0.3.1'
  const { status, headers } = await get(from, '/.env')
  t.equal(status, 403)
  const first = await gateway.line(({ id }) => id === headers['x-request-id'])
  t.match(first, { policy: 'honeypot', rule: 'honeypot', problem: 'banned', reason: '/.env is a honeypot' })
  const again = await get(from, '/site/a')
  t.equal(again.status, 403)
  t.match(await gateway.line(({ id }) => id === again.headers['x-request-id']), { policy: 'ban', rule: 'honeypot' })
  t.match(await banOf(from), { scenario: 'honeypot', evidence: [{ path: '/.env', status: 403 }] })
})

t.test(
  'secret-file probing is no matter of spelling, and an image tag on another page is none of the reader’s',
  async (t) => {
    t.equal((await get('127.0.3.2', '/%2egit//config/')).status, 403)
    for (const headers of [
      { 'sec-fetch-site': 'cross-site' },
      { 'sec-fetch-site': 'same-origin' },
      { referer: 'https://evil.example/page' },
      { origin: 'https://evil.example' },
      { accept: 'image/avif,image/webp,*/*' }
    ]) {
      t.equal((await get('127.0.3.3', '/.env', headers)).status, 404, JSON.stringify(headers))
    }
    t.equal((await get('127.0.3.3', '/site/a')).status, 200)
    t.equal((await get('127.0.3.4', '/.env', { 'sec-fetch-site': 'none' })).status, 403, 'typed in by a person')
  }
)

t.test('credential stuffing: tokens of a forger', async (t) => {
  const from = '127.0.4.1'
  await attack(t, from, (i) => get(from, '/orders/7', bearer(forger, { sub: `u${i}` })), 401)
  t.match(await banOf(from), { scenario: 'credential-stuffing', evidence: [{ path: '/orders/7', status: 401 }] })
})

t.test('credential stuffing from many addresses against one account: the next that tries is banned', async (t) => {
  const from = (i: number): string => `127.0.9.${1 + i}`
  for (let i = 0; i < PATIENCE - 1; i++) {
    const forged = bearer(forger, { sub: 'alice', iat: seconds() - i })
    t.equal((await get(from(i), '/orders/7', forged)).status, 401, 'each address tries once')
  }
  t.match(await banOf(from(PATIENCE - 2)), { scenario: 'account-stuffing', reason: /against corp alice/ })
  t.equal((await get(from(PATIENCE - 2), '/site/a')).status, 403)
  t.equal((await get(from(0), '/site/a')).status, 200, 'those before the twentieth are not known to belong to it')
  t.equal((await get('127.0.9.200', '/orders/7', bearer(es, { sub: 'alice' }))).status, 200, 'alice herself is served')
})

t.test('key guessing', async (t) => {
  const from = '127.0.5.1'
  await attack(t, from, (i) => get(from, '/keyed', { 'x-api-key': `guess-${i}` }), 401)
  t.match(await banOf(from), { scenario: 'credential-stuffing' })
})

t.test('object enumeration: one identity on one route, from whatever address; the address goes on', async (t) => {
  const from = (i: number): string => `127.0.6.${1 + (i % 3)}`
  const mallory = bearer(es, { sub: 'mallory' })
  let passed = 0
  while (passed < PATIENCE && (await get(from(passed), `/items/${100 + passed}`, mallory)).status === 404) passed++
  t.ok(passed > 20 && passed < PATIENCE, `banned after ${passed}`)
  t.match(await banOf('caller corp:mallory, route s.items'), {
    scenario: 'object-enumeration',
    reason: /20 distinct objects/,
    evidence: [{ path: /^\/items\//, status: 404 }]
  })
  t.equal((await get(from(0), '/items/1', mallory)).status, 403)
  t.equal(
    (await get(from(0), '/items/1', bearer(es, { sub: 'alice' }))).status,
    404,
    'somebody else behind the address'
  )
  t.equal((await get(from(0), '/orders/7', mallory)).status, 200, 'another route')
})

t.test('object enumeration: what a rule refuses counts the same', async (t) => {
  const mallory = bearer(es, { sub: 'mallet' })
  for (let i = 0; i < PATIENCE; i++) t.equal((await get('127.0.6.9', `/orders/${100 + i}`, mallory)).status, 403)
  t.match(await banOf('caller corp:mallet, route s.orders'), { scenario: 'object-enumeration' })
  t.equal((await get('127.0.6.9', '/orders/7', mallory)).status, 403, 'its own too, now')
})

t.test('a client that repeats one bad token is not banned', async (t) => {
  const from = '127.0.7.1'
  const bad = bearer(forger, { sub: 'service' })
  for (let i = 0; i < 60; i++) t.equal((await get(from, '/orders/7', bad)).status, 401)
  t.equal((await get(from, '/site/a')).status, 200)
})

t.test('a canary key: any use', async (t) => {
  const from = '127.0.8.1'
  const { status } = await get(from, '/keyed', { 'x-api-key': 'bait-key' })
  t.equal(status, 401, 'like a key that nobody has')
  t.equal((await get(from, '/site/a')).status, 403)
  t.match(await banOf(from), {
    scenario: 'canary',
    reason: 'the canary key bait was used',
    where: /gatehouse\.yaml:\d+/
  })
})

t.test('counted', async (t) => {
  t.ok((await metric(gateway, 'gatehouse_bans_total')) >= 6)
  t.ok((await metric(gateway, 'gatehouse_requests_total', { policy: 'ban' })) >= 6)
})

/** `external`: a service of the owner's decides. Against a real peer (fastify with @fastify/basic-auth), and a scripted one. */
import basicAuth from '@fastify/basic-auth'
import fastify from 'fastify'
import type { ServerResponse } from 'node:http'
import t from 'tap'
import { ask, type Reply } from '../client.ts'
import { metric } from '../control.ts'
import { startGateway } from '../gateway.ts'
import { sha256 } from '../tokens.ts'
import { startUpstream, type Upstream } from '../upstream.ts'
import { eventually } from '../visitors.ts'

const upstream = await startUpstream(t)

interface Echo {
  headers: Record<string, string>
}

function told(reply: Reply): Record<string, string> {
  return (JSON.parse(reply.body) as Echo).headers
}

function basic(user: string, password: string): Record<string, string> {
  return { authorization: `Basic ${Buffer.from(`${user}:${password}`).toString('base64')}` }
}

/** A route whose path is its name. */
function route(name: string, policies: string): string {
  return `      - { name: ${name}, match: { paths: ["/${name}/*"] }, policies: { ${policies} } }`
}

const staff = fastify()
await staff.register(basicAuth, {
  validate: async (username, password) => {
    if (username !== 'ann' || password !== 'good') throw new Error('no such user')
  },
  authenticate: { realm: 'staff' }
})
staff.get('/check', { onRequest: staff.basicAuth }, async (request, reply) => {
  reply.header('x-tenant', 'acme').header('x-inner', 'secret').send({ uri: request.headers['x-forwarded-uri'] })
})
t.teardown(() => staff.close())
const staffUrl = `${await staff.listen({ host: '127.0.0.1', port: 0 })}/check`

/** Says which tenant `x-who` is. */
const tenants = await startUpstream(t, (request, response) => {
  response.setHeader('x-tenant', String(request.headers['x-who'] ?? ''))
  response.end()
})
const tenant = `auth: public, external: { url: "${tenants.url}", headers: [x-who], copyBack: [x-tenant] }`

/** Answers as the last segment of the path says. */
const SCRIPT: Record<string, (response: ServerResponse) => void> = {
  '200': (response) => response.end('x'.repeat(200_000)),
  '204': (response) => response.writeHead(204, { 'x-tenant': 'acme' }).end(),
  '302': (response) => response.writeHead(302, { location: 'https://login.example/?back=1' }).end('log in'),
  '401': (response) => response.writeHead(401).end(),
  '403': (response) => response.writeHead(403).end('inside: 10.0.0.9'),
  '404': (response) => response.writeHead(404).end(),
  '429': (response) => response.writeHead(429).end(),
  '500': (response) => response.writeHead(500).end(),
  garbage: (response) => response.socket?.end('HTTP/1.1 2000 ok\r\n\r\n'),
  reset: (response) => response.socket?.destroy(),
  silent: () => {},
  // A head, and then a body that never ends: the decision is known.
  dripping: (response) => response.writeHead(200, { 'content-length': '100000' }).write('x')
}
const scripted = await startUpstream(t, (request, response) => {
  const word = String(request.headers['x-forwarded-uri']).split('/').at(-1) ?? ''
  const answer = SCRIPT[word]
  if (answer) answer(response)
  else response.end()
})
const script = (more: string): string =>
  `auth: public, external: { url: "${scripted.url}", timeout: 2s, copyBack: [x-tenant]${more} }`

const quiet = await startUpstream(t, (_, response) => response.end())

const waiting: ServerResponse[] = []
let hold = false
const counted = await startUpstream(t, (request, response) => {
  response.statusCode = request.headers['x-who'] === 'bad' ? 403 : 200
  if (hold) waiting.push(response)
  else response.end()
})

const gateway = await startGateway(
  t,
  `version: 1
listen: [ { address: "127.0.0.1:0" } ]
state: { dir: var }
consumers: [ { name: acme, groups: [partners], keys: [ { id: acme-1, hash: "sha256:${sha256('acme-key')}" } ] } ]
services:
  - name: s
    url: ${upstream.url}
    routes:
${[
  route('staff', `auth: public, external: { url: "${staffUrl}", headers: [authorization], copyBack: [x-tenant] }`),
  route(
    'ruled',
    `${tenant}, authorize: { when: 'request.headers["x-tenant"] == "acme" && caller.method == "external"' }`
  ),
  route('changed', `${tenant}, headers: { request: { set: { x-seen: "{header:x-tenant}" }, remove: [x-tenant] } }`),
  route('closed', script('')),
  route('ajar', script(', onFailure: open')),
  route('shadow', script(', mode: shadow')),
  route('gone', 'auth: public, external: { url: "http://127.0.0.1:1/x" }'),
  route('keyed', `auth: { key: true }, external: { url: "${quiet.url}/base/check", headers: [x-told, cookie] }`),
  route('kept', `auth: public, external: { url: "${counted.url}", headers: [x-who], cache: 1h }`),
  route('briefly', `auth: public, external: { url: "${counted.url}", headers: [x-who], cache: 1ms }`)
].join('\n')}
`,
  { workers: 1 }
)
const get = (path: string, headers: Record<string, string> = {}, method = 'GET'): Promise<Reply> =>
  ask(gateway.port, path, { headers, method })

t.test('a real service with a real plugin', async (t) => {
  const good = await get('/staff/a?b=c', { ...basic('ann', 'good'), 'x-tenant': 'evil' })
  t.equal(good.status, 200)
  t.match(told(good), { 'x-tenant': 'acme', 'x-auth-method': 'external' })
  t.notOk('x-inner' in told(good), 'only what was named')
  const bad = await get('/staff/a', basic('ann', 'wrong'))
  t.match(bad, { status: 401, headers: { 'www-authenticate': /^Basic realm="staff"/ } })
  t.match(bad.headers['content-type'], 'application/problem+json')
  t.notMatch(bad.body, 'Unauthorized access', "the service's own body stays inside")
  t.match(await get('/staff/a'), { status: 401 })
  await gateway.line((line) => line['status'] === 401 && line['policy'] === 'external')
})

t.test('rules, limits and header changes see the answer, never the client', async (t) => {
  t.equal((await get('/ruled/x', { 'x-who': 'acme' })).status, 200)
  t.equal((await get('/ruled/x', { 'x-who': 'other', 'x-tenant': 'acme' })).status, 403)
  t.equal((await get('/ruled/x', { 'x-tenant': 'acme', x_tenant: 'acme' })).status, 403)
  const changed = told(await get('/changed/x', { 'x-who': 'acme', 'x-tenant': 'evil' }))
  t.equal(changed['x-seen'], 'acme')
  t.notOk('x-tenant' in changed)
})

t.test('each answer and each failure', async (t) => {
  const status = async (path: string) => (await get(path, { 'x-tenant': 'evil' })).status
  const decided: [string, number][] = [
    ['200', 200],
    ['204', 200],
    ['302', 302],
    ['401', 401],
    ['403', 403],
    ['404', 403],
    ['dripping', 200]
  ]
  const failures = ['429', '500', 'garbage', 'reset', 'silent']
  for (const [word, expected] of decided) {
    t.equal(await status(`/closed/${word}`), expected, word)
    t.equal(await status(`/ajar/${word}`), expected, `${word}, open`)
    t.equal(await status(`/shadow/${word}`), 200, `${word}, shadow`)
  }
  for (const word of failures) {
    t.equal(await status(`/closed/${word}`), 503, word)
    t.equal(await status(`/shadow/${word}`), 200, `${word}, shadow`)
    const reply = await get(`/ajar/${word}`, { 'x-tenant': 'evil' })
    t.equal(reply.status, 200, `${word}, open`)
    t.match(told(reply), { 'x-auth-method': 'public' }, 'nobody was identified')
    t.notOk('x-tenant' in told(reply), 'and the client said nothing in its place')
  }
  t.equal(await status('/gone/x'), 503, 'nobody listens')
  const redirected = await get('/closed/302')
  t.equal(redirected.headers.location, 'https://login.example/?back=1')
  t.notMatch(redirected.body, 'log in')
  t.match(await get('/closed/401'), { headers: { 'www-authenticate': 'Bearer' } })
  t.match(await get('/closed/500'), { headers: { 'retry-after': /^1$/ } })
  t.notMatch((await get('/closed/403')).body, 'inside')
  const line = await gateway.line((one) => one['path'] === '/ajar/500')
  t.match(JSON.stringify(line), 'failed-open', 'an open door is in the log')
  t.equal(await metric(gateway, 'gatehouse_external_failed_open_total'), failures.length)
  t.ok((await metric(gateway, 'gatehouse_external_failures_total')) >= 3 * failures.length)
})

t.test('what the service is told', async (t) => {
  await ask(gateway.port, '/keyed/%7Ea//b?q=1', {
    method: 'POST',
    body: 'the body stays here',
    headers: {
      'x-api-key': 'acme-key',
      'x-told': 'yes',
      'x-untold': 'no',
      cookie: 's=1',
      'x-consumer': 'evil',
      'x-forwarded-method': 'GET'
    }
  })
  t.equal(quiet.seen.length, 1)
  const [{ method, url, headers, rawHeaders }] = quiet.seen as [Upstream['seen'][number]]
  t.match({ method, url }, { method: 'GET', url: '/base/check' })
  t.match(headers, {
    'x-told': 'yes',
    cookie: 's=1',
    'x-consumer': 'acme',
    'x-consumer-groups': 'partners',
    'x-forwarded-method': 'POST',
    'x-forwarded-uri': '/keyed/~a/b?q=1',
    'x-forwarded-proto': 'http',
    'x-forwarded-for': '127.0.0.1'
  })
  for (const name of ['x-request-id', 'traceparent']) t.type(headers[name], 'string')
  for (const name of ['x-untold', 'x-api-key', 'content-length', 'transfer-encoding']) t.notOk(name in headers, name)
  t.equal(new Set(rawHeaders.filter((_, i) => i % 2 === 0)).size, rawHeaders.length / 2, 'each once')
  t.equal((await ask(gateway.port, '/keyed/x', { headers: { 'x-api-key': 'wrong' } })).status, 401)
  t.equal(quiet.seen.length, 1, 'who is refused by auth is not asked about')
})

t.test('decisions are kept for equal questions only, and asked for once', async (t) => {
  const status = async (path: string, who: string, method = 'GET') => (await get(path, { 'x-who': who }, method)).status
  for (let i = 0; i < 3; i++) t.equal(await status('/kept/a', 'ann'), 200)
  t.equal(counted.seen.length, 1)
  for (let i = 0; i < 3; i++) t.equal(await status('/kept/a', 'bad'), 403)
  t.equal(counted.seen.length, 2, 'a no is kept too')
  await status('/kept/b', 'ann')
  await status('/kept/a?x', 'ann')
  await status('/kept/a', 'ann', 'DELETE')
  await status('/kept/a', 'bob')
  t.equal(counted.seen.length, 6)
  for (let i = 0; i < 3; i++) {
    await status('/briefly/a', 'ann')
    await new Promise((resolve) => setTimeout(resolve, 5))
  }
  t.equal(counted.seen.length, 9, 'and not for longer than said')

  hold = true
  const before = counted.seen.length
  const hits = await metric(gateway, 'gatehouse_external_cache_hits_total')
  const many = Array.from({ length: 20 }, () => status('/kept/many', 'ann'))
  await eventually(() => waiting.length > 0, 'one is asked about')
  await eventually(
    async () => (await metric(gateway, 'gatehouse_external_cache_hits_total')) >= hits + 19,
    'the others wait with it'
  )
  for (const response of waiting.splice(0)) response.end()
  t.same(new Set(await Promise.all(many)), new Set([200]))
  t.equal(counted.seen.length, before + 1)
})

/** `mode: shadow` wherever it may stand: decides, counts and logs, and lets pass; and only what stands beside it. */
import { Agent } from 'node:http'
import t, { type Test } from 'tap'
import { ask, type Ask, type Reply } from '../client.ts'
import { metric } from '../control.ts'
import { startGateway } from '../gateway.ts'
import { sha256 } from '../tokens.ts'
import { startUpstream } from '../upstream.ts'

const upstream = await startUpstream(t)
const gateway = await startGateway(
  t,
  `version: 1
listen: [ { address: "127.0.0.1:0" } ]
state: { dir: var }
consumers:
  - { name: acme, groups: [partners], keys: [ { id: acme-1, hash: "sha256:${sha256('acme-key')}" } ] }
policies:
  ip: { deny: ["127.0.0.0/8"], mode: shadow }
services:
  - name: s
    url: ${upstream.url}
    policies: { auth: public }
    routes:
      - { name: plain, match: { paths: ["/plain"] } }
      - { name: ip, match: { paths: ["/ip"] }, policies: { ip: { allow: ["203.0.113.0/24"], mode: shadow } } }
      - { name: ip-both, match: { paths: ["/ip-both"] }, policies: { ip: { deny: ["127.0.0.1"] } } }
      - { name: auth, match: { paths: ["/auth"] }, policies: { auth: { key: true, mode: shadow } } }
      - { name: auth-rule, match: { paths: ["/auth-rule"] }, policies: { auth: { key: true, mode: shadow }, authorize: { name: partners, groups: [partners] } } }
      - { name: size, match: { paths: ["/size"] }, policies: { validate: { body: { maxSize: 1kb }, mode: shadow } } }
      - { name: type, match: { paths: ["/type"] }, policies: { validate: { body: { contentTypes: [application/json] }, mode: shadow } } }
      - name: rules
        match: { paths: ["/rules"] }
        policies:
          authorize:
            - { name: tried, when: 'request.method == "POST"', mode: shadow }
            - { name: broken, when: 'query.none == "x"', mode: shadow }
            - { name: held, when: '!("stop" in query)' }
      - name: limits
        match: { paths: ["/limits"] }
        policies:
          limits:
            - { name: tried-rate, rate: 2/h, by: all, mode: shadow }
            - { name: tried-parallel, concurrent: 1, by: all, mode: shadow }
            - { name: held-rate, rate: 4/h, by: all }
`,
  { workers: 1 }
)
const agent = new Agent({ keepAlive: true })
t.teardown(() => agent.destroy())
const get = (path: string, more: Ask = {}): Promise<Reply> => ask(gateway.port, path, { agent, ...more })

/** What its line says would have denied, besides the gateway's own ip policy. */
async function shadowOf({ headers }: Reply): Promise<string> {
  const line = await gateway.line(({ id }) => id === headers['x-request-id'] || String(headers['x-request-id']) === '')
  const names = (typeof line['shadow'] === 'string' ? line['shadow'] : '').split(',')
  return names.slice(names[0] === 'ip' ? 1 : 0).join(',')
}
/** The upstream's echo has the id that the log has. */
const idOf = (reply: Reply): Reply => {
  const { headers } = JSON.parse(reply.body) as { headers: Record<string, string> }
  return { ...reply, headers: { ...reply.headers, 'x-request-id': headers['x-request-id'] } }
}
async function passed(t: Test, reply: Reply, shadow: string): Promise<void> {
  t.equal(reply.status, 200)
  t.equal(await shadowOf(idOf(reply)), shadow)
}

t.test("the gateway's ip policy: passes, says so, and counts", async (t) => {
  const before = await metric(gateway, 'gatehouse_shadow_denials_total', { policy: 'ip' })
  const reply = idOf(await get('/plain'))
  t.equal(reply.status, 200)
  const line = await gateway.line(({ id }) => id === reply.headers['x-request-id'])
  t.match(line, { status: 200, decision: 'forward', shadow: 'ip', policy: undefined, reason: undefined })
  t.equal(await metric(gateway, 'gatehouse_shadow_denials_total', { policy: 'ip' }), before + 1)
})

t.test("a route's ip policy; an enforced one beside a farther level's shadow still refuses", async (t) => {
  await passed(t, await get('/ip'), 'ip')
  t.equal((await get('/ip-both')).status, 403)
})

t.test('auth: no and bad credentials pass as nobody, good ones still give an identity', async (t) => {
  for (const headers of [{}, { 'x-api-key': 'wrong' }, { 'x-api-key': '' }]) {
    const reply = await get('/auth', { headers: { ...headers, 'x-consumer': 'acme' } })
    await passed(t, reply, 'auth')
    const { headers: told } = JSON.parse(reply.body) as { headers: Record<string, string> }
    t.match(told, { 'x-auth-method': 'public', 'x-consumer': undefined, 'x-api-key': undefined })
  }
  const good = await get('/auth', { headers: { 'x-api-key': 'acme-key' } })
  await passed(t, good, '')
  t.match(JSON.parse(good.body), { headers: { 'x-consumer': 'acme', 'x-auth-method': 'key' } })
})

t.test('auth in shadow covers no rule behind it', async (t) => {
  t.equal((await get('/auth-rule')).status, 403)
  await passed(t, await get('/auth-rule', { headers: { 'x-api-key': 'acme-key' } }), '')
})

t.test('validate: size, declared and chunked, and type', async (t) => {
  const body = 'x'.repeat(5000)
  await passed(t, await get('/size', { method: 'POST', body, headers: { 'content-length': '5000' } }), 'validate')
  await passed(t, await get('/size', { method: 'POST', body: 'small', headers: { 'content-length': '5' } }), '')
  const chunked = await get('/size', { method: 'POST', body, headers: { 'transfer-encoding': 'chunked' } })
  await passed(t, chunked, 'validate')
  t.equal((JSON.parse(chunked.body) as { body: string }).body.length, 5000)
  await passed(
    t,
    await get('/type', { method: 'POST', body: 'x', headers: { 'content-type': 'text/plain', 'content-length': '1' } }),
    'validate'
  )
})

t.test('each rule by itself', async (t) => {
  await passed(t, await get('/rules'), 'tried,broken')
  await passed(t, await get('/rules', { method: 'POST' }), 'broken')
  const refused = await get('/rules?stop=1')
  t.equal(refused.status, 403)
  const line = await gateway.line(({ id }) => id === refused.headers['x-request-id'])
  t.match(line, { rule: 'held', shadow: /tried,broken$/, decision: 'deny' })
})

t.test('each limit by itself: counted, not told to clients', async (t) => {
  for (let i = 1; i <= 4; i++) {
    const reply = await get('/limits')
    await passed(t, reply, i <= 2 ? '' : 'tried-rate')
    t.equal(reply.headers['ratelimit-policy'], '"held-rate";q=4;w=3600')
    t.match(reply.headers['ratelimit'], new RegExp(`^"held-rate";r=${4 - i};t=\\d+$`))
  }
  const refused = await get('/limits')
  t.equal(refused.status, 429)
  t.match(await gateway.line(({ id }) => id === refused.headers['x-request-id']), {
    rule: 'held-rate',
    shadow: /tried-rate/
  })
  t.ok((await metric(gateway, 'gatehouse_shadow_denials_total', { policy: 'tried-rate' })) >= 3)
  t.equal(gateway.child.exitCode, null)
})

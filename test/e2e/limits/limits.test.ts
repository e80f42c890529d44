/** What limits count and what they say: N-1, N, N+1, several of them, levels, and a reload in between. */
import { Agent } from 'node:http'
import t from 'tap'
import { ask, type Ask, type Reply } from '../client.ts'
import { startGateway } from '../gateway.ts'
import { sha256 } from '../tokens.ts'
import { startUpstream } from '../upstream.ts'

const upstream = await startUpstream(t)
const yaml = `version: 1
listen: [ { address: "127.0.0.1:0" } ]
state: { dir: var }
consumers:
  - { name: acme, keys: [ { id: acme-1, hash: "sha256:${sha256('acme-key')}" } ] }
policies:
  limits: [ { name: shared, rate: 6/h, by: [ip, "header:x-test"] } ]
profiles:
  - { name: plan, policies: { limits: [ { name: plan, rate: 3/h, by: "header:x-test" } ] } }
services:
  - name: s
    url: ${upstream.url}
    policies: { auth: public }
    routes:
      - { name: a, match: { paths: ["/a"] } }
      - { name: b, match: { paths: ["/b"] } }
      - { name: three, match: { paths: ["/three"] }, policies: { limits: [ { name: shared, rate: 3/h, by: "header:x-test" } ] } }
      - { name: burst, match: { paths: ["/burst"] }, policies: { limits: [ { name: shared, rate: 60/h, burst: 2, by: "header:x-test" } ] } }
      - { name: fast, match: { paths: ["/fast"] }, policies: { limits: [ { name: shared, rate: 30/min, burst: 1, by: "header:x-test" } ] } }
      - { name: two, match: { paths: ["/two"] }, policies: { limits: [ { name: outer, rate: 5/h, by: "header:x-test" }, { name: inner, rate: 2/h, by: "header:x-test" } ] } }
      - { name: keyed, match: { paths: ["/keyed"] }, policies: { auth: { key: true }, limits: [ { name: early, rate: 4/h, by: "header:x-test" }, { name: late, rate: 2/h, by: consumer } ] } }
      - { name: plan-1, match: { paths: ["/plan/1"] }, use: [plan] }
      - { name: plan-2, match: { paths: ["/plan/2"] }, use: [plan] }
      - { name: unlimited, match: { paths: ["/none"] }, policies: { limits: none } }
      - { name: missing, match: { paths: ["/upstream-gone"] }, policies: { limits: [ { name: shared, rate: 2/h, by: "header:x-test" } ] } }
  - name: per-route
    url: ${upstream.url}
    policies: { auth: public, limits: [ { name: each, rate: 2/h, by: ["header:x-test", route] } ] }
    routes:
      - { name: c, match: { paths: ["/c"] } }
      - { name: d, match: { paths: ["/d"] } }
`
const gateway = await startGateway(t, yaml, { workers: 2 })
const agent = new Agent({ keepAlive: true })
t.teardown(() => agent.destroy())

let test = 0
/** Requests of one test share a header that no other test has. */
const fresh = (): string => `t${++test}`
const get = (path: string, who: string, more: Ask = {}): Promise<Reply> =>
  ask(gateway.port, path, { agent, ...more, headers: { 'x-test': who, ...more.headers } })
async function statuses(path: string, who: string, times: number, more?: Ask): Promise<number[]> {
  const list: number[] = []
  for (let i = 0; i < times; i++) list.push((await get(path, who, more)).status)
  return list
}

t.test('N-1, N, N+1: fields on each answer, Retry-After on the refusal', async (t) => {
  const who = fresh()
  for (const left of [2, 1, 0]) {
    const { status, headers } = await get('/three', who)
    t.equal(status, 200)
    t.equal(headers['ratelimit-policy'], '"shared";q=3;w=3600')
    t.match(headers['ratelimit'], new RegExp(`^"shared";r=${left};t=\\d+$`))
    t.notOk('retry-after' in headers)
  }
  const { status, headers, body } = await get('/three', who)
  t.equal(status, 429)
  t.equal(headers['ratelimit-policy'], '"shared";q=3;w=3600')
  const wait = Number(headers['retry-after'])
  t.ok(wait > 1150 && wait <= 1200, `the next of three an hour comes in 20 minutes: ${wait}`)
  t.equal(headers['ratelimit'], `"shared";r=0;t=${wait}`, 'the fields agree')
  t.equal(headers['content-type'], 'application/problem+json')
  t.match(JSON.parse(body), { title: 'Too Many Requests', status: 429, type: 'about:blank' })
  const line = await gateway.line(({ id }) => id === headers['x-request-id'])
  t.match(line, {
    decision: 'deny',
    problem: 'over-limit',
    policy: 'limits',
    rule: 'shared',
    where: /gatehouse\.yaml:\d+:\d+$/,
    route: 's.three'
  })
  t.equal((await get('/three', fresh())).status, 200, 'another key is not touched')
})

t.test('burst: the most at once, whatever the rate', async (t) => {
  t.strictSame(await statuses('/burst', fresh(), 4), [200, 200, 429, 429])
})

t.test('after the wait that was told, a request passes', async (t) => {
  const who = fresh()
  t.equal((await get('/fast', who)).status, 200)
  const { status, headers } = await get('/fast', who)
  t.equal(status, 429)
  t.match(headers['retry-after'], /^[12]$/, 'whole seconds, rounded up')
  await new Promise((resolve) => setTimeout(resolve, Number(headers['retry-after']) * 1000 + 10))
  t.equal((await get('/fast', who)).status, 200)
})

t.test('several limits: told outermost first; the refusing one is not charged, those before it are', async (t) => {
  const who = fresh()
  const first = await get('/two', who)
  t.equal(first.headers['ratelimit-policy'], '"shared";q=6;w=3600, "outer";q=5;w=3600, "inner";q=2;w=3600')
  t.match(first.headers['ratelimit'], /^"shared";r=5;t=\d+, "outer";r=4;t=\d+, "inner";r=1;t=\d+$/)
  t.equal((await get('/two', who)).status, 200)
  const third = await get('/two', who)
  t.equal(third.status, 429)
  t.match(third.headers['ratelimit'], /^"shared";r=3;t=\d+, "outer";r=2;t=\d+, "inner";r=0;t=\d+$/)
  const fourth = await get('/two', who)
  t.match(fourth.headers['ratelimit'], /^"shared";r=2;t=\d+, "outer";r=1;t=\d+, "inner";r=0;t=\d+$/)
  t.ok(Number(fourth.headers['retry-after']) <= 1800, 'what was refused did not push inner further away')
})

t.test('Retry-After is the longest wait, not only that of the limit that refuses', async (t) => {
  const who = fresh()
  await statuses('/two', who, 6)
  const { headers, status } = await get('/two', who)
  t.equal(status, 429)
  t.match(headers['ratelimit'], /^"shared";r=0;t=\d+$/, 'what was not asked any more says nothing')
  t.match(headers['retry-after'], /^(17\d\d|1800)$/, 'that of inner: after the 600 s of shared it would refuse')
})

t.test('over a gateway: one count for all its routes', async (t) => {
  const who = fresh()
  t.strictSame(await statuses('/a', who, 3), [200, 200, 200])
  t.strictSame(await statuses('/b', who, 4), [200, 200, 200, 429])
  t.equal((await get('/a', who)).status, 429)
  t.equal((await get('/three', who)).status, 200, 'a nearer limit of the same name is another one')
  t.strictSame(await statuses('/none', who, 3), [200, 200, 200], 'limits: none drops it')
  t.equal((await get('/none', who)).headers['ratelimit'], undefined)
})

t.test('over a service with route in by: one count for each', async (t) => {
  const who = fresh()
  t.strictSame(await statuses('/c', who, 3), [200, 200, 429])
  t.strictSame(await statuses('/d', who, 3), [200, 200, 429])
})

t.test('over a profile: one count for all its users', async (t) => {
  const who = fresh()
  t.strictSame(await statuses('/plan/1', who, 2), [200, 200])
  t.strictSame(await statuses('/plan/2', who, 2), [200, 429])
  t.equal((await get('/plan/1', who)).status, 429)
})

t.test('a limit that needs no identity is judged before auth, one that does after it', async (t) => {
  const who = fresh()
  const key = { headers: { 'x-api-key': 'acme-key' } }
  const bad = await get('/keyed', who, { headers: { 'x-api-key': 'wrong' } })
  t.equal(bad.status, 401)
  t.match(bad.headers['ratelimit'], /"early";r=3/, 'charged before, and told on the 401')
  t.notMatch(bad.headers['ratelimit'], /late/)
  t.strictSame(await statuses('/keyed', who, 3, key), [200, 200, 429])
  const over = await get('/keyed', who, { headers: { 'x-api-key': 'wrong' } })
  t.equal(over.status, 429, 'the early one refuses whoever asks')
  t.match(await gateway.line(({ id }) => id === over.headers['x-request-id']), {
    rule: 'early',
    auth: 'public',
    consumer: undefined
  })
})

t.test('what is charged: answers of every kind, but no request without a route', async (t) => {
  const who = fresh()
  t.strictSame(
    await statuses('/nowhere', who, 8),
    Array.from({ length: 8 }, () => 404)
  )
  t.equal((await get('/a', who)).headers['ratelimit']?.slice(0, 12), '"shared";r=5')
  t.equal((await get('/a', who, { method: 'POST', body: 'x' })).headers['ratelimit']?.slice(0, 12), '"shared";r=4')
  t.equal((await get('/a', who, { method: 'HEAD' })).headers['ratelimit']?.slice(0, 12), '"shared";r=3')
})

t.test('odd values of a key: absent, empty, long, in several fields', async (t) => {
  const ways: Record<string, string | string[]>[] = [
    { 'x-test': 'x'.repeat(5000) },
    { 'x-test': `${'x'.repeat(4999)}y` },
    { 'x-test': 'i9:127.0.0.1' },
    { 'x-test': '!i9:127.0.0.1' }
  ]
  for (const headers of ways) {
    const list = []
    for (let i = 0; i < 4; i++) list.push((await ask(gateway.port, '/three', { headers, agent })).status)
    t.strictSame(list, [200, 200, 200, 429], String(headers['x-test']).slice(0, 20))
  }
  const absent = []
  for (let i = 0; i < 4; i++) absent.push((await ask(gateway.port, '/three', { agent })).status)
  t.strictSame(absent, [200, 200, 200, 429], 'absent: by address, and apart from all of these')
})

t.test('buckets survive a reload', async (t) => {
  const who = fresh()
  const half = fresh()
  t.strictSame(await statuses('/three', who, 4), [200, 200, 200, 429])
  t.strictSame(await statuses('/three', half, 2), [200, 200])
  const said = gateway.stderr.length
  gateway.writeConfig(
    yaml.replace('- { name: a, match', '- { name: new, match: { paths: ["/new"] } }\n      - { name: a, match')
  )
  gateway.child.kill('SIGHUP')
  await gateway.said(/reload by .*: applied/, said)
  t.equal((await get('/new', fresh())).status, 200, 'the new configuration serves')
  t.strictSame(await statuses('/three', who, 2), [429, 429])
  t.strictSame(await statuses('/three', half, 2), [200, 429])
  t.equal(gateway.child.exitCode, null)
})

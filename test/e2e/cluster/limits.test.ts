/** Three gateways as one, over a real Redis: what strict and local-first limits admit together, and what they leave there. */
import t from 'tap'
import { ask } from '../client.ts'
import { status } from '../control-socket.ts'
import { startGateway, type Gateway } from '../gateway.ts'
import { startUpstream } from '../upstream.ts'
import { noRedis, soon, startRedis } from './redis-server.ts'

if (noRedis) {
  t.plan(0, noRedis)
  process.exit(0)
}

const redis = await startRedis(t)
const upstream = await startUpstream(t, (request, response) => {
  request.resume()
  response.setHeader('x-cost', '5')
  response.end('ok')
})
const yaml = `version: 1
listen: [ { address: "127.0.0.1:0" } ]
state: { dir: var }
log: { access: none }
cluster: { redis: "${redis.url}", timeout: 5s, interval: 50ms }
services:
  - name: s
    url: ${upstream.url}
    policies: { auth: public }
    routes:
      - { name: strict, match: { paths: ["/strict"] }, policies: { limits: [ { name: a, rate: 100/h, by: "header:x-who", scope: cluster, strict: true } ] } }
      - { name: window, match: { paths: ["/window"] }, policies: { limits: [ { name: b, rate: 60/h, algorithm: sliding, by: "header:x-who", scope: cluster, strict: true } ] } }
      - { name: month, match: { paths: ["/month"] }, policies: { limits: [ { name: c, quota: 40/month, cost: 2, by: "header:x-who", scope: cluster, strict: true } ] } }
      - { name: rate, match: { paths: ["/rate"] }, policies: { limits: [ { name: d, rate: 100/h, by: "header:x-who", scope: cluster } ] } }
      - { name: slide, match: { paths: ["/slide"] }, policies: { limits: [ { name: e, rate: 100/h, algorithm: sliding, by: "header:x-who", scope: cluster } ] } }
      - { name: quota, match: { paths: ["/quota"] }, policies: { limits: [ { name: f, quota: 100/day, by: "header:x-who", scope: cluster } ] } }
      - { name: costly, match: { paths: ["/costly"] }, policies: { limits: [ { name: g, quota: 100/day, cost: { response: x-cost }, by: "header:x-who", scope: cluster } ] } }
`
const gateways = await Promise.all([0, 1, 2].map(() => startGateway(t, yaml, { workers: 2 })))

async function admitted(gateway: Gateway, path: string, who: string, times: number): Promise<number> {
  const all = await Promise.all(
    Array.from({ length: times }, () => ask(gateway.port, path, { headers: { 'x-who': who } }))
  )
  const odd = all.find(({ status: code }) => code !== 200 && code !== 429)
  if (odd !== undefined) throw new Error(`${odd.status} ${odd.body}`)
  return all.filter(({ status: code }) => code === 200).length
}
async function together(path: string, who: string, times: number): Promise<number> {
  const counts = await Promise.all(gateways.map((gateway) => admitted(gateway, path, who, times)))
  return counts.reduce((sum, n) => sum + n, 0)
}

t.test('strict limits admit exactly their number over all three, each kind', async (t) => {
  const [rate, window, month] = await Promise.all([
    together('/strict', 'x', 60),
    together('/window', 'x', 40),
    together('/month', 'x', 20)
  ])
  t.equal(rate, 100)
  t.equal(window, 60)
  t.equal(month, 20, 'two units each')
  const [first] = gateways
  const over = await ask(first?.port ?? 0, '/strict', { headers: { 'x-who': 'x' } })
  t.equal(over.status, 429)
  t.equal(over.headers['ratelimit-policy'], '"a";q=100;w=3600')
  t.match(over.headers['ratelimit'], /^"a";r=0;t=\d+$/)
  const wait = Number(over.headers['retry-after'])
  t.ok(wait >= 1 && wait <= 36, `${wait} s to the next of 100 an hour`)
})

for (const path of ['/rate', '/slide', '/quota'])
  t.test(`${path}: what one host let in, the others know within a moment`, async (t) => {
    const [a, b, c] = gateways as [Gateway, Gateway, Gateway]
    t.equal(await admitted(a, path, 'y', 90), 90)
    const left = async (gateway: Gateway): Promise<number> => {
      const { headers } = await ask(gateway.port, path, { headers: { 'x-who': 'y' } })
      return Number(/r=(\d+)/.exec(String(headers['ratelimit']))?.[1])
    }
    await soon(async () => (await left(b)) < 15)
    const more = (await admitted(b, path, 'y', 30)) + (await admitted(c, path, 'y', 30))
    t.ok(more <= 40, `${more} more of the 10 that were left, and what a host admits before its first exchange`)
    await soon(async () => (await left(a)) === 0)
    t.equal(await admitted(a, path, 'y', 10), 0)
  })

t.test('all at once: no more than the documented overshoot', async (t) => {
  const total = await together('/rate', 'z', 120)
  t.ok(total >= 100 && total <= 300, `${total}: at most each host's own bucket`)
  await soon(async () => (await together('/rate', 'z', 1)) === 0)
})

t.test('what answers cost is shared, too', async (t) => {
  const [a, b] = gateways as [Gateway, Gateway]
  for (let i = 0; i < 20; i++) await ask(a.port, '/costly', { headers: { 'x-who': 'w' } })
  await soon(async () => {
    const { status: code } = await ask(b.port, '/costly', { headers: { 'x-who': 'w' } })
    return code === 429
  })
  t.pass('the other host refuses')
})

t.test('nothing of a client is in the store, and every key ends', async (t) => {
  const keys = redis.cli('--scan').split('\n').filter(Boolean)
  t.ok(keys.length > 5, `${keys.length} keys`)
  const limits = keys.filter((key) => /:\{[0-9a-f]\}:/.test(key))
  t.ok(limits.every((key) => /^gatehouse:\{[0-9a-f]\}:[rsq]:[0-9a-f]{16}[cs](:\d+)?$/.test(key)))
  for (const key of limits) t.ok(Number(redis.cli('pttl', key)) > 0, key)
  t.match(redis.cli('get', 'gatehouse:seed'), /^[0-9a-f]{32}$/)
})

t.test('status tells of it, and nobody of the password', async (t) => {
  const [first] = gateways
  const { cluster } = await status(first?.dir ?? '')
  t.match(cluster, { store: redis.url, connected: true, trouble: '', unusable: 0 })
  await soon(async () => ((await status(first?.dir ?? '')).cluster?.limits.age ?? Infinity) < 2000)
})

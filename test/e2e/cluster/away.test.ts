/** The store killed, paused and restarted under load: each way of going on without it, no 5xx of ours, and back again. */
import t, { type Test } from 'tap'
import { ask } from '../client.ts'
import { metric } from '../control.ts'
import { status } from '../control-socket.ts'
import { startGateway } from '../gateway.ts'
import { startUpstream } from '../upstream.ts'
import { Visitors } from '../visitors.ts'
import { noRedis, soon, startRedis } from './redis-server.ts'

if (noRedis) {
  t.plan(0, noRedis)
  process.exit(0)
}

const redis = await startRedis(t, ['requirepass not-in-any-log'])
const upstream = await startUpstream(t, (request, response) => {
  request.resume()
  response.end('ok')
})
const limit = (more: string): string =>
  `policies: { limits: [ { name: a, rate: 1000/s, burst: 40, by: "header:x-who", scope: cluster, ${more} } ] }`
const gateway = await startGateway(
  t,
  `version: 1
listen: [ { address: "127.0.0.1:0" } ]
state: { dir: var }
cluster: { redis: { url: "${redis.url}", password: "\${env:STORE_PASSWORD}" }, timeout: 1s }
services:
  - name: s
    url: ${upstream.url}
    policies: { auth: public }
    routes:
      - { name: local, match: { paths: ["/strict/local"] }, ${limit('strict: true')} }
      - { name: open, match: { paths: ["/strict/open"] }, ${limit('strict: true, onFailure: open')} }
      - { name: closed, match: { paths: ["/strict/closed"] }, ${limit('strict: true, onFailure: closed')} }
      - { name: first, match: { paths: ["/first/local"] }, ${limit('onFailure: local')} }
      - { name: first-open, match: { paths: ["/first/open"] }, ${limit('onFailure: open')} }
      - { name: first-closed, match: { paths: ["/first/closed"] }, ${limit('onFailure: closed')} }
      - { name: slow, match: { paths: ["/slow"] }, policies: { limits: [ { name: b, rate: 30/h, by: "header:x-who", scope: cluster, strict: true } ] } }
      - { name: slow-open, match: { paths: ["/slow/open"] }, policies: { limits: [ { name: c, rate: 30/h, by: "header:x-who", scope: cluster, strict: true, onFailure: open } ] } }
`,
  { workers: 2, env: { STORE_PASSWORD: 'not-in-any-log' } }
)

async function statuses(path: string, who: string, times: number): Promise<Record<number, number>> {
  const all = await Promise.all(
    Array.from({ length: times }, () => ask(gateway.port, path, { headers: { 'x-who': who } }))
  )
  const counts: Record<number, number> = {}
  for (const { status: code } of all) counts[code] = (counts[code] ?? 0) + 1
  return counts
}
const connected = async (): Promise<boolean> => (await status(gateway.dir)).cluster?.connected ?? false
/** Every worker asks the store again, which is what it says. */
async function asks(): Promise<void> {
  await soon(connected)
  await soon(async () => {
    const { 200: passed } = await statuses('/strict/closed', `probe${Math.random()}`, 10)
    return passed === 10
  })
}

async function without(t: Test, who: string): Promise<void> {
  await soon(async () => !(await connected()))
  await soon(async () => (await statuses('/strict/closed', who, 1))[503] === 1)
  await soon(async () => (await statuses('/first/closed', who, 4))[503] === 4)
  t.same(await statuses('/slow', who, 50), { 200: 30, 429: 20 }, 'local: this host counts, exactly')
  t.same(await statuses('/slow/open', who, 50), { 200: 50 }, 'open: all pass')
  t.same(await statuses('/strict/closed', who, 5), { 503: 5 }, 'closed: nobody does')
  t.same(await statuses('/first/open', who, 60), { 200: 60 })
  t.equal((await ask(gateway.port, '/first/closed', { headers: { 'x-who': who } })).headers['retry-after'], '1')
  const { 200: passed = 0, ...rest } = await statuses('/first/local', who, 20)
  t.same([passed, rest], [20, {}])
}

for (const [name, away, back] of [
  ['killed and restarted empty', () => redis.kill(), () => redis.start()],
  ['paused', async () => redis.pause(), async () => redis.resume()]
] as const)
  t.test(`${name}: under load, each as it promises, and then together again`, async (t) => {
    await asks()
    const visitors = new Visitors(gateway.port, {
      keepAlive: 4,
      path: '/strict/local',
      headers: { 'x-who': `visitor ${name}` },
      pause: 2
    })
    await away()
    await without(t, name)
    await back()
    await asks()
    const { statuses: seen, lost } = await visitors.stop()
    t.same(lost, [])
    t.same(
      [...seen.keys()].filter((code) => code !== 200 && code !== 429),
      [],
      'no answer of another kind'
    )
    t.same(await statuses('/slow', `after ${name}`, 50), { 200: 30, 429: 20 }, 'counts are right again')
    const told = redis.cli('-a', 'not-in-any-log', '--no-auth-warning', 'dbsize')
    t.ok(Number(told) > 0, 'in the store')
  })

t.test('each change is said once, and no line says the password', async (t) => {
  // On a busy machine it may seem away once more than it was.
  const changes = [...gateway.stderr.matchAll(/the store of the cluster (is away|answers)/g)].map(([, what]) => what)
  t.ok(changes.length >= 5, String(changes))
  t.same(
    changes,
    changes.map((_, i) => (i % 2 === 0 ? 'answers' : 'is away'))
  )
  t.notMatch(gateway.stderr + gateway.stdout, /not-in-any-log/)
  t.ok((await metric(gateway, 'gatehouse_cluster_strict_decisions_total')) > 100)
  t.ok((await metric(gateway, 'gatehouse_cluster_exchanges_total')) > 0)
})

/** What one host bans or revokes holds on the others within a second, with its evidence; one that was away catches up. */
import t from 'tap'
import type { BanEntry } from '../../../src/control/bans/book.ts'
import { ask } from '../client.ts'
import { control, metric } from '../control.ts'
import { startGateway, type Gateway } from '../gateway.ts'
import { sha256 } from '../tokens.ts'
import { startUpstream } from '../upstream.ts'
import { noRedis, soon, startRedis } from './redis-server.ts'

if (noRedis) {
  t.plan(0, noRedis)
  process.exit(0)
}

const redis = await startRedis(t)
const upstream = await startUpstream(t, (request, response) => {
  request.resume()
  response.end('ok')
})
const yaml = (never = ''): string => `version: 1
listen: [ { address: "127.0.0.1:0" } ]
state: { dir: var }
cluster: { redis: "${redis.url}" }
threats: { mode: enforce${never} }
consumers: [ { name: acme, keys: [ { id: k, hash: "sha256:${sha256('acme-key')}" } ] } ]
services:
  - name: s
    url: ${upstream.url}
    routes:
      - { name: open, match: { paths: ["/open"] }, policies: { auth: public } }
      - { name: keyed, match: { paths: ["/keyed"] }, policies: { auth: { key: true } } }
`
const [a, b, lenient] = (await Promise.all([
  startGateway(t, yaml(), { workers: 1 }),
  startGateway(t, yaml(), { workers: 2 }),
  startGateway(t, yaml(', never: ["127.0.0.9/32"]'), { workers: 1 })
])) as [Gateway, Gateway, Gateway]

const code = async (gateway: Gateway, path: string, from: string, headers = {}): Promise<number> =>
  (await ask(gateway.port, path, { from, headers })).status
async function bans(gateway: Gateway): Promise<BanEntry[]> {
  return (JSON.parse((await control(gateway, '/bans')).body) as { bans: BanEntry[] }).bans
}

t.test('a honeypot on one host: kept out on the other, and why', async (t) => {
  await ask(a.port, '/.env', { from: '127.0.0.9' })
  await soon(async () => (await code(b, '/open', '127.0.0.9')) === 403)
  t.equal(await code(b, '/open', '127.0.0.10'), 200)
  const [ban] = await bans(b)
  t.match(ban, { who: '127.0.0.9', scenario: 'honeypot' })
  t.match(ban?.evidence[0], { method: 'GET', path: '/.env' }, 'the evidence came with it')
  await b.said(/127\.0\.0\.9 is banned, by another host: honeypot/)
  await soon(async () => (await metric(b, 'gatehouse_cluster_received_total')) >= 1)
  // Who hears of a later ban has heard of this one.
  await ask(a.port, '/.env', { from: '127.0.0.14' })
  await soon(async () => (await code(lenient, '/open', '127.0.0.14')) === 403)
  t.equal(await code(lenient, '/open', '127.0.0.9'), 200, 'never banned where it is never to be')
  t.equal((await control(a, '/bans/127.0.0.14', 'DELETE')).status, 200)
  await soon(async () => (await code(lenient, '/open', '127.0.0.14')) === 200)
  await soon(async () => (await bans(b)).length === 1)
})

t.test('taken back by its owner on the other host', async (t) => {
  const { status } = await control(b, '/bans/127.0.0.9', 'DELETE')
  t.equal(status, 200)
  await soon(async () => (await code(a, '/open', '127.0.0.9')) === 200)
  await soon(async () => (await bans(a)).length === 0)
})

t.test('revocations, made and taken back', async (t) => {
  const headers = { 'x-api-key': 'acme-key' }
  t.equal(await code(b, '/keyed', '127.0.0.1', headers), 200)
  const body = JSON.stringify({
    consumer: 'acme',
    until: new Date(Date.now() + 3_600_000).toISOString(),
    reason: 'left'
  })
  const made = await control(a, '/revocations', 'POST', body)
  t.equal(made.status, 201)
  await soon(async () => (await code(b, '/keyed', '127.0.0.1', headers)) === 401)
  const { id } = (JSON.parse(made.body) as { revocation: { id: string } }).revocation
  t.match((await control(b, '/revocations')).body, id)
  t.equal((await control(b, `/revocations/${id}`, 'DELETE')).status, 200)
  await soon(async () => (await code(a, '/keyed', '127.0.0.1', headers)) === 200)
})

t.test('a host that was away catches up, and a store that lost its memory gets it back', async (t) => {
  await ask(a.port, '/.git/config', { from: '127.0.0.11' })
  await soon(async () => (await code(b, '/open', '127.0.0.11')) === 403)
  await redis.kill()
  await ask(b.port, '/.env', { from: '127.0.0.12' })
  await soon(async () => (await bans(b)).length === 2)
  await redis.start()
  await soon(async () => (await code(a, '/open', '127.0.0.12')) === 403)
  const later = await startGateway(t, yaml(), { workers: 1 })
  await soon(async () => (await code(later, '/open', '127.0.0.11')) === 403)
  await soon(async () => (await code(later, '/open', '127.0.0.12')) === 403)
  await soon(async () => (await bans(later)).length === 2)
})

t.test('what somebody else writes into the store bans nobody', async (t) => {
  const until = Date.now() + 60_000
  const write = (id: string, item: string): string =>
    redis.cli('xadd', 'gatehouse:{bans}:changes', '*', 'id', id, 'item', item)
  const before = await bans(b)
  write('x', 'no json')
  write('y', JSON.stringify({ id: 'y', until, at: Date.now(), value: { kind: 'address', key: '0.0.0.0/0' } }))
  write('z', JSON.stringify({ id: 'other', until, at: Date.now(), value: null }))
  write('w', '[1]')
  await soon(async () => {
    const { cluster } = JSON.parse((await control(b, '/status')).body) as { cluster: { unusable: number } }
    return cluster.unusable >= 4
  })
  t.same(await bans(b), before)
  t.equal(await code(b, '/open', '127.0.0.13'), 200)
})

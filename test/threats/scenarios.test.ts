/** What scenarios count, N-1, N, N+1; whom they ban, for how long, and whom never. */
import t from 'tap'
import { sha256 } from '../e2e/tokens.ts'
import { town, type Town, type Visited } from './kit.ts'

const SECOND = 1000
const MINUTE = 60 * SECOND
const HOUR = 60 * MINUTE

const keys = (n: number): string =>
  Array.from(
    { length: n },
    (_, i) => `{ name: c${i}, keys: [ { id: k${i}, hash: "sha256:${sha256(`key-${i}`)}" } ] }`
  ).join(', ')

const yaml = (threats: string, client = ''): string => `version: 1
listen: [ { address: "127.0.0.1:0" } ]
${client}
threats: ${threats}
consumers: [ ${keys(4)}, { name: bait, keys: [ { id: bait, hash: "sha256:${sha256('bait')}", canary: true } ] } ]
services:
  - name: s
    url: http://127.0.0.1:9
    routes:
      - { name: site, match: { paths: ["/site/*"] }, policies: { auth: public } }
      - { name: keyed, match: { paths: ["/keyed/{id}"] }, policies: { auth: { key: true } } }
      - { name: small, match: { paths: ["/small"] }, policies: { auth: public, validate: { body: { maxSize: 1kb } } } }
`
const BUILT_IN = yaml('{ mode: enforce }')
const FROM = '192.0.2.1'

const scan = (place: Town, i: number, from = FROM): Promise<Visited> => place.visit({ from, path: `/nothing-${i}` })
async function scanned(place: Town, times: number, from = FROM, first = 0): Promise<void> {
  for (let i = 0; i < times; i++) await scan(place, first + i, from)
}

t.test('N-1, N, N+1 distinct paths', async (t) => {
  const place = await town(t, BUILT_IN)
  await scanned(place, 14)
  await scan(place, 0)
  await scan(place, 13)
  t.same(place.bans, [], '14, some of them twice')
  await scan(place, 14)
  t.same(place.bans, [], '15')
  t.equal((await scan(place, 15)).status, 404, 'the sixteenth is answered like the others')
  t.match(place.bans, [{ who: FROM, scenario: 'scanner', at: place.now, until: place.now + 10 * MINUTE, offences: 0 }])
  t.match(await scan(place, 0), { status: 403, policy: 'ban', rule: 'scanner' })
  t.equal(place.bans[0]?.evidence.length, 8)
  t.match(place.bans[0]?.evidence.at(-1), {
    method: 'GET',
    path: '/nothing-15',
    status: 404,
    time: place.now,
    id: /^.{26}$/
  })
  t.equal(place.bans.length, 1, 'a banned client that goes on is no news')
})

t.test('the bucket leaks: fifteen a minute for an hour ban nobody, sixteen do', async (t) => {
  for (const [pause, banned] of [
    [4 * SECOND, false],
    [3.75 * SECOND, true]
  ] as const) {
    const place = await town(t, BUILT_IN)
    for (let i = 0; i < 900; i++) {
      await scan(place, i)
      place.now += pause
    }
    t.equal(place.bans.length > 0, banned, `one each ${pause} ms`)
  }
})

t.test(
  'a ban ends with its last second; each further one is twice as long, up to the longest; a day forgives',
  async (t) => {
    const place = await town(t, BUILT_IN)
    const lengths: number[] = []
    for (let i = 0; i < 10; i++) {
      await scanned(place, 16, FROM, i * 16)
      const ban = place.bans.at(-1)
      if (ban === undefined) throw new Error('no ban')
      lengths.push((ban.until - ban.at) / MINUTE)
      place.now = ban.until - 1
      t.equal((await place.visit({ from: FROM, path: '/site/a' })).status, 403, 'one ms before its end')
      place.now = ban.until
      t.equal((await place.visit({ from: FROM, path: '/site/a' })).status, 200)
      place.now += MINUTE
    }
    t.same(lengths, [10, 20, 40, 80, 160, 320, 640, 1280, 1440, 1440])
    place.now += 25 * HOUR
    await scanned(place, 16)
    t.equal(place.bans.at(-1)?.offences, 0)
  }
)

t.test('an identified caller who asks for objects that are not there: it alone, on that route', async (t) => {
  const place = await town(t, BUILT_IN)
  const get = (id: number, key: string): Promise<Visited> =>
    place.visit({ from: FROM, path: `/keyed/${id}`, headers: { 'x-api-key': key }, service: 404 })
  for (let i = 0; i < 20; i++) await get(i, 'key-0')
  t.same(place.bans, [], '20')
  await get(20, 'key-0')
  t.match(place.bans, [{ kind: 'key', who: 'caller c0, route s.keyed', scenario: 'object-enumeration' }])
  t.match(await get(1, 'key-0'), { status: 403, policy: 'ban', rule: 'object-enumeration' })
  t.equal((await get(1, 'key-1')).status, 404)
})

t.test('objects that are there may be as many as one likes', async (t) => {
  const place = await town(t, BUILT_IN)
  for (let i = 0; i < 1000; i++)
    await place.visit({ from: FROM, path: `/keyed/${i}`, headers: { 'x-api-key': 'key-0' } })
  t.same(place.bans, [])
})

t.test(
  'never: not by a scenario, not at a honeypot, not even where it was banned before; trusted proxies neither',
  async (t) => {
    const place = await town(t, BUILT_IN)
    await scanned(place, 16)
    await place.configure(yaml('{ never: ["192.0.2.0/25"] }'))
    t.equal((await place.visit({ from: FROM, path: '/site/a' })).status, 200)
    await scanned(place, 40, '192.0.2.2')
    t.equal((await place.visit({ from: '192.0.2.2', path: '/.env' })).status, 404)
    t.equal(place.bans.length, 1)
    const proxied = await town(
      t,
      yaml('{ mode: enforce }', 'client: { addressFrom: x-forwarded-for, trustedProxies: ["192.0.2.0/25"] }')
    )
    await scanned(proxied, 40)
    t.same(proxied.bans, [])
    for (let i = 0; i < 16; i++)
      await proxied.visit({ from: FROM, path: `/nothing-${i}`, headers: { 'x-forwarded-for': '198.51.100.9' } })
    t.match(proxied.bans, [{ who: '198.51.100.9' }], 'the client behind it is')
    t.equal((await proxied.visit({ from: FROM, path: '/site/a' })).status, 200)
  }
)

t.test('several identities behind one address: limited and told of', async (t) => {
  const place = await town(t, BUILT_IN)
  const succeed = (i: number): Promise<Visited> =>
    place.visit({ from: FROM, path: '/keyed/1', headers: { 'x-api-key': `key-${i}` } })
  await succeed(0)
  await succeed(1)
  t.notOk(place.services.detector.isCrowd(FROM), 'two')
  await succeed(2)
  t.ok(place.services.detector.isCrowd(FROM), 'three')
  await scanned(place, 16)
  t.match(place.bans, [{ who: FROM, limited: true, scenario: 'scanner' }])
  const statuses: number[] = []
  for (let i = 0; i < 22; i++) statuses.push((await succeed(0)).status)
  t.same(statuses, [...Array<number>(20).fill(200), 429, 429], 'twenty at once')
  t.match(await succeed(0), { status: 429, policy: 'ban', rule: 'scanner' })
  place.now += 100
  t.equal((await succeed(0)).status, 200, 'and ten a second')
  place.now += SECOND
  await place.visit({ from: FROM, path: '/keyed/1', headers: { 'x-api-key': 'bait' } })
  t.match(place.bans.at(-1), { scenario: 'canary', limited: false })
  t.match(await succeed(0), { status: 403, policy: 'ban', rule: 'canary' }, 'a canary key bans whom a limit spared')
})

t.test('two identities that come and go for a day are no crowd; a canary key bans a crowd', async (t) => {
  const place = await town(t, BUILT_IN)
  for (let i = 0; i < 24 * 6; i++) {
    for (const key of ['key-0', 'key-1'])
      await place.visit({ from: FROM, path: '/keyed/1', headers: { 'x-api-key': key } })
    t.notOk(place.services.detector.isCrowd(FROM))
    place.now += 10 * MINUTE
  }
  for (const key of ['key-0', 'key-1', 'key-2'])
    await place.visit({ from: FROM, path: '/keyed/1', headers: { 'x-api-key': key } })
  t.ok(place.services.detector.isCrowd(FROM))
  t.equal((await place.visit({ from: FROM, path: '/keyed/1', headers: { 'x-api-key': 'bait' } })).status, 401)
  t.match(place.bans, [{ scenario: 'canary', limited: false }])
  t.equal((await place.visit({ from: FROM, path: '/site/a' })).status, 403)
})

t.test('a network: only after sixteen of its addresses', async (t) => {
  const place = await town(t, BUILT_IN)
  for (let i = 1; i <= 15; i++) await place.visit({ from: `192.0.2.${i}`, path: '/.env' })
  t.equal(place.bans.length, 15)
  t.equal((await place.visit({ from: '192.0.2.200', path: '/site/a' })).status, 200, 'fifteen')
  await place.visit({ from: '192.0.2.16', path: '/.env' })
  t.match(place.bans.at(-1), { who: '192.0.2.0/24', scenario: 'honeypot', reason: /^16 addresses/ })
  t.match(await place.visit({ from: '192.0.2.200', path: '/site/a' }), { status: 403, policy: 'ban', rule: 'honeypot' })
  t.equal((await place.visit({ from: '192.0.3.1', path: '/site/a' })).status, 200)
})

t.test('IPv6: a client is its prefix, a network a /48', async (t) => {
  const place = await town(t, BUILT_IN)
  await place.visit({ from: '2001:db8:0:1::1', path: '/.env' })
  t.match(place.bans, [{ who: '2001:db8:0:1::/64' }])
  t.equal((await place.visit({ from: '2001:db8:0:1:ffff::2', path: '/site/a' })).status, 403)
  t.equal((await place.visit({ from: '2001:db8:0:2::1', path: '/site/a' })).status, 200)
  for (let i = 2; i <= 16; i++) await place.visit({ from: `2001:db8:0:${i.toString(16)}::1`, path: '/.env' })
  t.match(place.bans.at(-1), { who: '2001:db8::/48' })
  t.equal((await place.visit({ from: '2001:db8:0:100::1', path: '/site/a' })).status, 403)
  const own = await town(t, yaml('{ mode: enforce }', 'client: { ipv6Prefix: 60 }'))
  await own.visit({ from: '2001:db8:0:10::1', path: '/.env' })
  t.match(own.bans, [{ who: '2001:db8:0:10::/60' }])
  t.equal((await own.visit({ from: '2001:db8:0:1f::9', path: '/site/a' })).status, 403)
  t.equal((await own.visit({ from: '2001:db8:0:20::9', path: '/site/a' })).status, 200)
})

t.test('shadow on a ban, and on threats: counted, logged, let pass', async (t) => {
  const one = await town(
    t,
    yaml(
      '{ bans: [ { name: scanner, count: { status: [404], distinct: path }, by: ip, rate: 3/min, ban: 5m, mode: shadow } ] }'
    )
  )
  await scanned(one, 4)
  t.match(one.bans, [{ scenario: 'scanner', mode: 'shadow' }])
  t.match(await one.visit({ from: FROM, path: '/site/a' }), { status: 200, shadows: ['scanner'] })
  t.match(await one.visit({ from: FROM, path: '/.env' }), { status: 403, policy: 'honeypot' }, 'it covers nothing else')

  const all = await town(t, yaml('{ mode: shadow }'))
  t.match(await all.visit({ from: FROM, path: '/.env' }), { status: 404, shadows: ['honeypot'] })
  t.match(await all.visit({ from: FROM, path: '/site/a' }), { status: 200, shadows: ['honeypot'] })
  t.match(all.bans, [{ mode: 'shadow' }])
  await all.configure(BUILT_IN)
  t.equal((await all.visit({ from: FROM, path: '/site/a' })).status, 200, 'what was tried out is not in force later')
})

t.test('scenarios of one’s own: plain counts, policies, keys, replaced and dropped', async (t) => {
  const place = await town(
    t,
    yaml(`{ bans: [
      { name: big-bodies, count: { policy: validate }, by: ip, rate: 2/min, ban: 1m },
      { name: agents, count: { status: [404] }, by: "header:user-agent", rate: 2/min, ban: 1m },
      { name: framing, count: { policy: [framing, limits] }, by: ip, rate: 2/min, ban: 1m }
    ] }`)
  )
  const big = { from: FROM, path: '/small', method: 'POST', headers: { 'content-length': '5000' } }
  for (const status of [413, 413, 413, 403]) t.equal((await place.visit(big)).status, status)
  const agent = { path: '/nothing', headers: { 'user-agent': 'probe' } }
  for (const i of [1, 2, 3]) t.equal((await place.visit({ from: `198.51.100.${i}`, ...agent })).status, 404)
  t.match(place.bans.at(-1), { kind: 'key', who: 'header:user-agent probe', scenario: 'agents' })
  const other = { from: '198.51.100.9', path: '/site/a' }
  t.match(await place.visit({ ...other, headers: { 'user-agent': 'probe' } }), { status: 403, rule: 'agents' })
  t.equal((await place.visit(other)).status, 200)
  // Refused before anybody asked who it was.
  const odd = { from: '203.0.113.5', path: '/site/a', headers: { 'transfer-encoding': 'gzip' } }
  for (let i = 0; i < 3; i++) t.equal((await place.visit(odd)).status, 400)
  t.equal((await place.visit({ from: '203.0.113.5', path: '/site/a' })).status, 403)

  const none = await town(t, yaml('{ bans: none }'))
  await scanned(none, 100)
  t.equal((await none.visit({ from: FROM, path: '/.env' })).status, 404)
  t.same(none.bans, [])
})

t.test('one account from many addresses', async (t) => {
  const place = await town(
    t,
    yaml(
      '{ bans: [ { name: account-stuffing, count: { status: [401], distinct: credential }, by: account, rate: 3/min, ban: 1m } ] }'
    )
  )
  for (let i = 0; i < 30; i++)
    await place.visit({ from: `198.51.100.${i}`, path: '/keyed/1', headers: { 'x-api-key': `guess-${i}` } })
  t.same(place.bans, [], 'an unknown key claims to be nobody')
})

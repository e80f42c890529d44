/** What is asked of nft, and when; that nft does it is shown in test/e2e/threats/nftables.test.ts. */
import t, { type Test } from 'tap'
import type { BanReport } from '../../../src/ban.ts'
import { Firewall, type FirewallAround, type FirewallPlan } from '../../../src/control/bans/firewall.ts'
import type { Log } from '../../../src/observe/log.ts'
import type { ClientPlan } from '../../../src/plan/listener.ts'
import { eventually } from '../../e2e/visitors.ts'

const NOW = 1_800_000_000_000
const client: ClientPlan = {
  addressFrom: { kind: 'connection' },
  trustedProxies: [],
  ipv6Prefix: 64,
  chunked: 'accept'
}
const plan = (threats: Partial<FirewallPlan['threats']> = {}): FirewallPlan => ({
  threats: { mode: 'enforce', never: [], blockAt: 'nftables', ...threats },
  listeners: [{ client }]
})

function ban(key: string, more: Partial<BanReport> = {}): BanReport {
  return {
    kind: 'address',
    key,
    who: key,
    scenario: 'scanner',
    where: '',
    reason: '',
    at: NOW,
    until: NOW + 60_000,
    offences: 0,
    remembered: NOW,
    mode: 'enforce',
    limited: false,
    evidence: [],
    ...more
  }
}

function bench(t: Test, more: Partial<FirewallAround> & { bans?: BanReport[] } = {}) {
  const scripts: string[] = []
  const said: string[] = []
  const failing = { with: '' }
  const say = (text: string): number => said.push(text)
  const firewall = new Firewall({
    nft: (script) => {
      if (failing.with !== '') return Promise.reject(new Error(failing.with))
      scripts.push(script)
      return Promise.resolve()
    },
    log: () => ({ error: say, warn: say, info: say, debug: say }) as unknown as Log,
    holding: () => more.bans ?? [],
    isCrowd: (key) => key === '198.51.100.9',
    most: 100_000,
    clock: () => NOW,
    pause: 1,
    retry: 1,
    ...more
  })
  t.teardown(() => firewall.close())
  const next = (): Promise<string> => eventually(() => scripts.shift(), 'a script')
  return { firewall, scripts, said, failing, next }
}

t.test('golden: the table', async (t) => {
  const bans = [ban('192.0.2.1'), ban('192.0.2.0/24'), ban('2001:db8::/64')]
  const { firewall, next } = bench(t, { bans })
  await firewall.use(plan({ never: ['10.0.0.0/8', 'fd00::/8'] }), [443, 80, 443])
  t.equal(
    await next(),
    `add table inet gatehouse
delete table inet gatehouse
table inet gatehouse {
  set ports { type inet_service; elements = { 443, 80 } }
  set never4 { type ipv4_addr; flags interval; auto-merge; elements = { 10.0.0.0/8 } }
  set never6 { type ipv6_addr; flags interval; auto-merge; elements = { fd00::/8 } }
  counter dropped { }
  chain banned {
    ip saddr @never4 return
    ip6 saddr @never6 return
  }
  chain input {
    type filter hook input priority filter - 10; policy accept;
    tcp dport @ports jump banned
  }
}
add set inet gatehouse banned4_32 { type ipv4_addr; flags timeout; }
add rule inet gatehouse banned ip saddr @banned4_32 counter name dropped drop
add element inet gatehouse banned4_32 { 192.0.2.1 }
delete element inet gatehouse banned4_32 { 192.0.2.1 }
add element inet gatehouse banned4_32 { 192.0.2.1 timeout 60s }
add set inet gatehouse banned4_24 { type ipv4_addr; flags timeout; }
add rule inet gatehouse banned ip saddr & 255.255.255.0 @banned4_24 counter name dropped drop
add element inet gatehouse banned4_24 { 192.0.2.0 }
delete element inet gatehouse banned4_24 { 192.0.2.0 }
add element inet gatehouse banned4_24 { 192.0.2.0 timeout 60s }
add set inet gatehouse banned6_64 { type ipv6_addr; flags timeout; }
add rule inet gatehouse banned ip6 saddr & ffff:ffff:ffff:ffff:: @banned6_64 counter name dropped drop
add element inet gatehouse banned6_64 { 2001:db8:: }
delete element inet gatehouse banned6_64 { 2001:db8:: }
add element inet gatehouse banned6_64 { 2001:db8:: timeout 60s }
`
  )
})

t.test('only what the gateway refuses too', async (t) => {
  const { firewall, next, scripts } = bench(t)
  await firewall.use(plan({ never: ['10.0.0.0/8'] }), [443])
  await next()
  firewall.held(ban('caller acme', { kind: 'key' }))
  firewall.held(ban('192.0.2.2', { mode: 'shadow' }))
  firewall.held(ban('192.0.2.3', { limited: true }))
  firewall.held(ban('192.0.2.4', { until: NOW }))
  firewall.held(ban('10.1.2.3'))
  firewall.held(ban('198.51.100.0/24'))
  firewall.lifted(ban('192.0.2.5'))
  firewall.held(ban('198.51.100.9', { scenario: 'added' }))
  const script = await next()
  t.match(script, /198\.51\.100\.9 timeout/, 'an owner’s word counts for a crowd too')
  t.equal(script.match(/timeout \d/g)?.length, 1, 'and nothing else')
  firewall.held(ban('198.51.100.9', { limited: true }))
  t.match(await next(), /delete element inet gatehouse banned4_32 \{ 198\.51\.100\.9 \}\n$/)
  t.same(scripts, [])
  t.same(firewall.report(), { bans: 0, failures: 0, error: null })
})

t.test('nothing at all where bans are the gateway’s, or in shadow', async (t) => {
  const { firewall, next, scripts } = bench(t, { bans: [ban('192.0.2.1')] })
  await firewall.prepare(plan({ blockAt: 'gateway' }))
  await firewall.use(plan({ blockAt: 'gateway' }), [443])
  firewall.held(ban('192.0.2.2'))
  t.equal(firewall.report(), null)
  await firewall.use(plan({ mode: 'shadow' }), [443])
  const script = await next()
  t.notMatch(script, 'timeout')
  await firewall.use(plan({ mode: 'shadow' }), [443])
  t.same(scripts, [], 'the same again is no work')
})

t.test('bounded: in number, and in each run', async (t) => {
  const address = (i: number): string => `10.${i >> 16}.${(i >> 8) & 255}.${i & 255}`
  const bans = Array.from({ length: 10_002 }, (_, i) => ban(address(i)))
  const { firewall, next } = bench(t, { bans, most: 10_001 })
  await firewall.use(plan(), [443])
  const elements = async (): Promise<number | undefined> => (await next()).match(/timeout \d/g)?.length
  t.same([await elements(), await elements()], [10_000, 1])
  t.equal(firewall.report()?.bans, 10_001)
  firewall.held(ban('192.0.2.1'))
  firewall.lifted(ban(address(0)))
  t.match(await next(), /delete element inet gatehouse banned4_32 \{ 10\.0\.0\.0 \}/)
  firewall.held(ban('192.0.2.1'))
  t.match(await next(), '192.0.2.1 timeout')
})

t.test('a failure is said once, tried again, and makes the table anew', async (t) => {
  const bans = [ban('192.0.2.1')]
  const { firewall, next, said, failing } = bench(t, { bans })
  await firewall.use(plan(), [443])
  await next()
  failing.with = 'nft says: no'
  firewall.held(ban('192.0.2.2'))
  await eventually(() => (firewall.report()?.failures ?? 0) > 2, 'tried again')
  t.equal(firewall.report()?.error, 'nft says: no')
  t.same(said, ['bans are not in the kernel: the gateway goes on refusing'])
  await t.rejects(firewall.prepare(plan()), /^threats\.blockAt: nftables: nft says: no$/)
  bans.push(ban('192.0.2.2'))
  failing.with = ''
  const script = await next()
  t.match(script, /^add table inet gatehouse\ndelete table/)
  t.match(script, '192.0.2.1 timeout')
  t.match(script, '192.0.2.2 timeout')
  await eventually(() => said.length === 2, 'said')
  t.equal(said[1], 'bans are in the kernel again')
  t.equal(firewall.report()?.error, null)
})

t.test('a table that others removed is made anew', async (t) => {
  const scripts: string[] = []
  let there = true
  const { firewall } = bench(t, {
    bans: [ban('192.0.2.1')],
    look: 5,
    nft: (script, check) => {
      if (check) return there ? Promise.resolve() : Promise.reject(new Error('No such file or directory'))
      there = true
      scripts.push(script)
      return Promise.resolve()
    }
  })
  await firewall.use(plan(), [443])
  there = false
  await eventually(() => scripts.length === 2, 'a second table')
  t.equal(scripts[1], scripts[0])
})

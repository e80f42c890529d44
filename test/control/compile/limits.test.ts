import t, { type Test } from 'tap'
import { errorsOf, routeOf, routeWith, saysExactly, warningsOf } from './configuration.ts'

const limit = (text: string, auth = '{ key: true }'): string => routeWith(`auth: ${auth}, limits: [ ${text} ]`)
const saysOf = (t: Test, text: string, ...expected: RegExp[]): void =>
  saysExactly(t, errorsOf(limit(`{ name: l, by: caller, ${text} }`)), expected)

t.test('sliding: a rate without a burst, in whole seconds', async (t) => {
  const [plan] = routeOf(limit('{ name: l, rate: 100/5s, algorithm: sliding, by: ip }')).limits
  t.strictSame(plan?.amount, { kind: 'sliding', count: 100, period: 5000 })
  t.equal(plan?.needsCaller, false)
  saysOf(t, 'rate: 5/s, algorithm: sliding, burst: 5', /limits\[0\]\.burst: a sliding window has no burst/)
  saysOf(t, 'rate: 5/1500ms, algorithm: sliding', /limits\[0\]: a sliding window is whole seconds/)
  saysOf(t, 'rate: 5/s, algorithm: slider', /limits\[0\]\.algorithm: expected bucket or sliding/)
  saysOf(t, 'concurrent: 5, algorithm: sliding', /limits\[0\]\.algorithm: .*goes with rate only/)
})

t.test('warned of where only what clients choose tells them apart, whatever they ask for', async (t) => {
  const warnings = (by: string): string[] => warningsOf(limit(`{ name: l, rate: 1/s, by: ${by} }`))
  for (const by of [
    '"header:x-a"',
    '["cookie:a", "query:b"]',
    '["header:x-a", route]',
    '[path, service, host, "query:q"]'
  ])
    saysExactly(t, warnings(by), [/limits\[0\]\.by: only values that clients choose/])
  for (const by of ['["header:x-a", ip]', '["query:q", caller]', '["cookie:a", "claim:sub"]', 'path', '[all, route]'])
    t.strictSame(warnings(by), [], by)
})

t.test('cost: at most what the limit holds', async (t) => {
  t.strictSame(routeOf(limit('{ name: l, rate: 60/s, cost: 60, by: ip }')).limits[0]?.cost, {
    units: 60,
    response: null
  })
  saysOf(t, 'rate: 60/s, cost: 61', /limits\[0\]: a request that costs 61 never fits into a bucket of 60/)
  saysOf(t, 'rate: 60/s, algorithm: sliding, cost: 61', /limits\[0\]: .* never fits into a window of 60/)
  saysOf(t, 'rate: 60/s, cost: 0', /limits\[0\]\.cost: /)
  saysOf(t, 'rate: 60/s, cost: "5"', /limits\[0\]\.cost: /)
  saysOf(t, 'concurrent: 6, cost: 2', /limits\[0\]\.cost: .*one by one/)
})

t.test('cost told by the answer', async (t) => {
  t.strictSame(routeOf(limit('{ name: l, rate: 60/s, cost: { response: X-Cost }, by: ip }')).limits[0]?.cost, {
    units: 1,
    response: { header: 'x-cost', max: 1_000_000 }
  })
  saysOf(t, 'rate: 60/s, cost: { response: "x cost" }', /cost\.response: expected a header’s name/)
  saysOf(t, 'rate: 60/s, cost: { default: 2 }', /cost: "response" is missing/)
  saysOf(t, 'rate: 60/s, cost: { response: x, default: 5, max: 4 }', /cost\.default: .*above max/)
})

t.test('tiers: conditions, an amount of the limit’s kind, checked like it', async (t) => {
  const [plan] = routeOf(
    limit(
      '{ name: l, rate: 60/s, by: ip, tiers: [ { groups: [a], scopes: [b], rate: none }, { when: "true", rate: 9/s, burst: 2 } ] }'
    )
  ).limits
  t.equal(plan?.needsCaller, true, 'who calls must be known')
  t.strictSame(
    plan?.tiers?.map(({ amount }) => amount),
    [null, { kind: 'rate', count: 9, period: 1000, burst: 2 }]
  )
  const tier = (text: string): string => `rate: 60/s, cost: 10, tiers: [ ${text} ]`
  saysOf(t, tier('{ rate: 70/s }'), /tiers\[0\]: expected "groups", "scopes" or "when"/)
  saysOf(t, tier('{ groups: [a] }'), /tiers\[0\]: expected "rate"/)
  saysOf(t, tier('{ groups: [a], concurrent: 5 }'), /tiers\[0\]\.concurrent: the limit is by rate/)
  saysOf(t, tier('{ groups: [a], rate: none, burst: 5 }'), /tiers\[0\]\.burst: /)
  saysOf(t, tier('{ groups: [a], rate: 9/s }'), /tiers\[0\]: a request that costs 10 never fits/)
  saysOf(t, tier('{ groups: [a], rate: nine }'), /tiers\[0\]\.rate: expected a rate .* or none/)
  saysOf(t, tier('{ when: "caller.gruops", rate: 90/s }'), /tiers\[0\]\.when: at column/)
  saysOf(t, tier('{ when: "path.nr == \'1\'", rate: 90/s }'), /tiers\[0\]\.when: .*nr/)
  saysOf(t, 'rate: 60/s, tiers: []', /tiers: an empty list/)
  t.match(warningsOf(limit('{ name: l, rate: 1/s, by: ip, tiers: [ { groups: [a], rate: 2/s } ] }', 'public')), [
    /tiers\[0\]: a public route has no caller/
  ])
})

t.test('quota: per calendar day or month', async (t) => {
  t.strictSame(routeOf(limit('{ name: l, quota: 100000/month, by: consumer }')).limits[0]?.amount, {
    kind: 'quota',
    count: 100_000,
    per: 'month'
  })
  saysOf(t, 'quota: 5/week', /limits\[0\]\.quota: expected a quota such as 100000\/month/)
  saysOf(t, 'quota: 0/day', /limits\[0\]\.quota: /)
  saysOf(t, 'quota: 5/day, burst: 5', /limits\[0\]\.burst: /)
  saysOf(t, 'quota: 5/day, rate: 5/s', /"rate" and "quota" exclude each other/)
  saysOf(t, 'quota: 5/day, cost: 6', /limits\[0\]: .* never fits into a quota of 5/)
  saysOf(t, 'quota: 5/day, tiers: [ { groups: [a], quota: none } ]')
  saysOf(t, 'quota: 5/day, tiers: [ { groups: [a], rate: 6/s } ]', /tiers\[0\]\.rate: the limit is by quota/)
})

t.test('queue: of requests at once only', async (t) => {
  const [plan] = routeOf(limit('{ name: l, concurrent: 5, queue: 3, by: ip }')).limits
  t.strictSame(plan?.amount, { kind: 'concurrent', max: 5, queue: 3 })
  saysOf(t, 'rate: 5/s, queue: 5', /limits\[0\]\.queue: .*goes with concurrent/)
  saysOf(t, 'concurrent: 5, queue: 0', /limits\[0\]\.queue: /)
  saysOf(t, 'concurrent: 5, queue: 1001', /limits\[0\]\.queue: /)
})

t.test('bandwidth: bytes of bodies per time', async (t) => {
  const [plan] = routeOf(limit('{ name: l, bandwidth: 1mb/s, by: ip }')).limits
  t.strictSame(plan?.amount, { kind: 'bandwidth', bytes: 1 << 20, period: 1000 })
  saysOf(t, 'bandwidth: 1mb', /limits\[0\]\.bandwidth: expected a bandwidth such as/)
  saysOf(t, 'bandwidth: 0kb/s', /limits\[0\]\.bandwidth: /)
  saysOf(t, 'bandwidth: 1gb/s', /limits\[0\]: bandwidth must be 1kb\/s to 512mb\/s/)
  saysOf(t, 'bandwidth: 1kb/min', /limits\[0\]: bandwidth must be/)
  saysOf(t, 'bandwidth: 1mb/s, cost: 2', /limits\[0\]\.cost: .*goes with rate and quota/)
  saysOf(t, 'bandwidth: 1mb/s, burst: 2', /limits\[0\]\.burst: /)
  saysOf(t, 'bandwidth: 1mb/s, tiers: [ { groups: [a], bandwidth: 2mb/s }, { groups: [b], rate: none } ]')
})

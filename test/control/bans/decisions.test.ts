import t from 'tap'
import { parseGoDuration, readDecisions } from '../../../src/control/bans/decisions.ts'

const decision = (more: Record<string, unknown> = {}): Record<string, unknown> => ({
  duration: '3h59m57.5s',
  id: 1,
  origin: 'cscli',
  scenario: "manual 'ban' from 'm1'",
  scope: 'Ip',
  type: 'ban',
  value: '192.0.2.7',
  ...more
})
const read = (made: unknown, deleted: unknown = null) => readDecisions(JSON.stringify({ new: made, deleted }))

t.test('golden: what its local API answers', async (t) => {
  const { made, ended, ignored } = read(
    [
      decision(),
      decision({ scope: 'Range', value: '203.0.113.9/24' }),
      decision({ value: '2001:DB8::1', duration: '1.0001s' })
    ],
    [decision({ duration: '-757.384144ms' })]
  )
  t.same(
    made.map(({ who, left }) => [who, left]),
    [
      ['192.0.2.7', 14_397_500],
      ['203.0.113.0/24', 14_397_500],
      ['2001:db8::1', 1_001]
    ]
  )
  t.equal(made[0]?.reason, "CrowdSec (cscli): manual 'ban' from 'm1'")
  t.same(
    ended.map(({ who, left }) => [who, left]),
    [['192.0.2.7', -757]]
  )
  t.equal(ignored, 0)
  t.same(readDecisions('{"deleted":null,"new":null}'), { made: [], ended: [], ignored: 0 })
})

t.test('what is no ban of an address or a network is counted and left', async (t) => {
  const others = [
    decision({ type: 'captcha' }),
    decision({ scope: 'Country', value: 'FR' }),
    decision({ value: '192.0.2.256' }),
    decision({ value: 7 }),
    decision({ duration: 'for ever' }),
    decision({ duration: undefined }),
    decision({ scope: 'Range', value: '0.0.0.0/0' }),
    decision({ scope: 'Range', value: '10.0.0.0/7' }),
    decision({ scope: 'Range', value: '2000::/15' }),
    'ban',
    null,
    []
  ]
  t.same(read(others), { made: [], ended: [], ignored: others.length })
  const widest = [decision({ value: '10.0.0.0/8' }), decision({ value: '2000::/16' })]
  t.equal(read(widest).made.length, 2)
})

t.test('garbage is refused whole', async (t) => {
  for (const body of ['', '[]', 'null', '"ban"', '<html>', '{}', '{"new":{},"deleted":null}', '{"new":[],"deleted":7}'])
    t.throws(() => readDecisions(body), /no stream of decisions/, body)
})

t.test('what an owner is shown is printable, and no longer than he reads', async (t) => {
  const { made } = read([
    decision({ origin: 'lists\u001b[2J', scenario: `${'x'.repeat(1000)}\n` }),
    decision({ origin: 7 })
  ])
  t.equal(made[0]?.reason.length, 200)
  t.match(made[0]?.reason, /^CrowdSec \(lists\?\[2J\): xxx/)
  t.match(made[1]?.reason, /^CrowdSec \(\?\)/)
  t.equal(read([decision({ duration: '9999999h' })]).made[0]?.left, 31_536_000_000, 'a year at most')
})

t.test('Go’s durations', async (t) => {
  for (const [text, ms] of [
    ['10m', 600_000],
    ['1h0m0.25s', 3_600_250],
    ['59.170565126s', 59_170.565126],
    ['-69.150286ms', -69.150286],
    ['5µs', 0.005],
    ['0s', 0],
    ['', null],
    ['-', null],
    ['10', null],
    ['1s1h', null],
    ['1.5.5s', null],
    ['1d', null],
    [`${'1'.repeat(50)}s`, null]
  ] as const)
    t.equal(parseGoDuration(text), ms, text)
})

import t from 'tap'
import { ConnectionLimits, OVER_MAX, OVER_RATE, UNCOUNTED } from '../../src/limits/connections.ts'
import { COUNTER, CounterReader, Counters, type CounterName } from '../../src/memory/counters.ts'
import { allocateShared } from '../../src/memory/shared.ts'
import type { ConnectionsPlan } from '../../src/plan/listener.ts'

const plan = (max: number | null, rate: ConnectionsPlan['rate'] = null, level = 'client'): ConnectionsPlan => ({
  level,
  max,
  rate,
  where: 'g.yaml:3:5'
})

function bench(workers = 2, connectionSlots = 64) {
  const memory = allocateShared({ workers, limitSlots: 1024, connectionSlots, ringBytes: 1 << 16 })
  const time = { now: 1_000_000_000_000n }
  const limits = Array.from(
    { length: workers },
    (_, worker) => new ConnectionLimits(memory, worker, new Counters(memory, worker), () => time.now)
  )
  const reader = new CounterReader(memory)
  return {
    limits,
    pass: (ms: number) => (time.now += BigInt(ms) * 1_000_000n),
    count: (name: CounterName) => {
      reader.update()
      return reader.total(COUNTER[name])
    }
  }
}

for (const workers of [1, 2, 4]) {
  t.test(`N-1, N, N+1 open at once over ${workers} workers`, async (t) => {
    const { limits, count } = bench(workers)
    const max = 5
    const at = (i: number): ConnectionLimits => limits[i % workers] as ConnectionLimits
    const cap = at(0).prepare(plan(max))
    const places = Array.from({ length: max }, (_, i) => at(i).open(cap, 'a'))
    t.ok(places.every((place) => place >= 0))
    t.equal(at(1).open(cap, 'a'), OVER_MAX)
    t.ok(at(1).open(cap, 'b') >= 0, 'another client has its own')
    t.equal(count('connectionsOverMax'), 1)
    at(2).close(places[2] as number)
    t.ok(at(3).open(cap, 'a') >= 0)
    t.equal(at(3).open(cap, 'a'), OVER_MAX)
  })
}

t.test('how fast they come: N-1, N, N+1, and again as time passes', async (t) => {
  const { limits, pass, count } = bench()
  const [a, b] = limits as [ConnectionLimits, ConnectionLimits]
  const cap = a.prepare(plan(null, { count: 3, period: 3_000 }))
  t.strictSame(
    [a, b, a, b].map((one) => one.open(cap, 'a')),
    [UNCOUNTED, UNCOUNTED, UNCOUNTED, OVER_RATE]
  )
  t.equal(a.open(cap, 'b'), UNCOUNTED)
  pass(999)
  t.equal(b.open(cap, 'a'), OVER_RATE)
  pass(1)
  t.equal(b.open(cap, 'a'), UNCOUNTED)
  t.equal(b.open(cap, 'a'), OVER_RATE)
  t.equal(count('connectionsOverRate'), 3)
})

t.test('of both, the rate is asked first, and a refusal by it takes no place', async (t) => {
  const { limits, pass } = bench()
  const [a] = limits as [ConnectionLimits]
  const cap = a.prepare(plan(2, { count: 1, period: 1_000 }))
  t.ok(a.open(cap, 'a') >= 0)
  for (let i = 0; i < 5; i++) t.equal(a.open(cap, 'a'), OVER_RATE)
  pass(1_000)
  t.ok(a.open(cap, 'a') >= 0)
  pass(1_000)
  t.equal(a.open(cap, 'a'), OVER_MAX)
})

t.test('a listener that says otherwise counts for itself', async (t) => {
  const { limits } = bench()
  const [a] = limits as [ConnectionLimits]
  t.ok(a.open(a.prepare(plan(1)), 'a') >= 0)
  t.equal(a.open(a.prepare(plan(1)), 'a'), OVER_MAX, 'prepared anew, as by a reload')
  t.ok(a.open(a.prepare(plan(1, null, 'listener x')), 'a') >= 0)
})

t.test('a worker that is gone holds nothing', async (t) => {
  const { limits } = bench()
  const [a, b] = limits as [ConnectionLimits, ConnectionLimits]
  const cap = a.prepare(plan(2))
  a.open(cap, 'a')
  b.open(cap, 'a')
  b.releaseWorker(0)
  t.ok(b.open(cap, 'a') >= 0)
  t.equal(b.open(cap, 'a'), OVER_MAX)
})

t.test('more clients than slots: those past them are let in and counted', async (t) => {
  const { limits, count } = bench()
  const [a] = limits as [ConnectionLimits]
  const cap = a.prepare(plan(1))
  let places = 0
  for (let i = 0; i < 200; i++) if (a.open(cap, `10.0.0.${i}`) >= 0) places++
  t.ok(places <= 64)
  t.equal(count('connectionTableFull'), 200 - places)
  t.equal(count('connectionsOverMax'), 0)
  t.equal(a.fill(), places / 64)
})

t.test('the log: a line a client and minute, and of all clients a burst of twenty and one a second', async (t) => {
  const { limits, pass } = bench()
  const [a, b] = limits as [ConnectionLimits, ConnectionLimits]
  t.ok(a.worthALine('a'))
  t.notOk(b.worthALine('a'))
  pass(59_999)
  t.notOk(a.worthALine('a'))
  pass(1)
  t.ok(b.worthALine('a'))
  let lines = 0
  for (let i = 0; i < 100; i++) if (a.worthALine(`b${i}`)) lines++
  t.equal(lines, 19)
  pass(1_000)
  t.ok(b.worthALine('c'))
})

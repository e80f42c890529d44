import t from 'tap'
import { checkAmount } from '../../src/limits/amount.ts'
import { Limiter, newLimitVerdict, NOTHING_HELD } from '../../src/limits/limiter.ts'
import { COUNTER, CounterReader, Counters } from '../../src/memory/counters.ts'
import { allocateShared } from '../../src/memory/shared.ts'
import type { LimitPlan } from '../../src/plan/limit.ts'

export function plan(amount: LimitPlan['amount'], more: Partial<LimitPlan> = {}): LimitPlan {
  return {
    name: 'plan',
    level: 'gateway',
    by: [],
    amount,
    needsCaller: true,
    mode: 'enforce',
    where: 'g.yaml:3:5',
    ...more
  }
}

const FIVE = { kind: 'rate', count: 5, period: 60_000, burst: 5 } as const

function bench(limitSlots = 1024) {
  const memory = allocateShared({ workers: 2, limitSlots, ringBytes: 1 << 16 })
  let now = 1_000_000_000_000n
  const limiters = [0, 1].map((worker) => new Limiter(memory, worker, new Counters(memory, worker), () => now))
  const reader = new CounterReader(memory)
  const verdict = newLimitVerdict()
  const [a, b] = limiters as [Limiter, Limiter]
  return {
    a,
    b,
    verdict,
    pass: (ms: number) => (now += BigInt(ms) * 1_000_000n),
    take: (limiter: Limiter, limit: LimitPlan, key = 'acme', identified = true) => {
      limiter.take(limiter.prepare(limit), key, identified, now, verdict)
      return verdict.admitted
    },
    peek: (limiter: Limiter, limit: LimitPlan, key = 'acme') => {
      limiter.peek(limiter.prepare(limit), key, true, now, verdict)
      return verdict.remaining
    },
    count: (name: keyof typeof COUNTER) => {
      reader.update()
      return reader.total(COUNTER[name])
    }
  }
}

t.test('one bucket over workers and generations: level, name and key are its place', async (t) => {
  const { a, b, take, count } = bench()
  const admitted = Array.from({ length: 8 }, (_, i) => take(i % 2 ? a : b, plan(FIVE)))
  t.same(admitted, [true, true, true, true, true, false, false, false])
  t.equal(count('limitRefusals'), 3)
  t.equal(take(a, plan(FIVE), 'other'), true, 'another key')
  t.equal(take(a, plan(FIVE, { name: 'x' })), true, 'another name')
  t.equal(take(a, plan(FIVE, { level: 'service:x' })), true, 'another level')
  t.equal(take(a, plan(FIVE, { level: 'gatewayp', name: 'lan' })), true, 'joined the same, but not the same')
  t.equal(take(a, plan(FIVE), 'acme', false), true, 'the half of those who are not identified')
  t.equal(take(a, plan(FIVE, { where: 'g.yaml:9:1', mode: 'shadow' })), false, 'moved in the file: the same')
})

t.test('a reload with another rate goes on with the same bucket', async (t) => {
  const { a, take, verdict, pass } = bench()
  for (let i = 0; i < 5; i++) take(a, plan(FIVE))
  t.equal(take(a, plan({ ...FIVE, burst: 10 })), true)
  t.equal(verdict.remaining, 4)
  t.equal(take(a, plan({ ...FIVE, burst: 1 })), false)
  pass(60_000)
  t.equal(take(a, plan(FIVE)), true)
})

t.test('strangers who fill their half leave identified callers theirs', async (t) => {
  const { a, take, verdict, count } = bench(128)
  const hour = plan({ kind: 'rate', count: 1, period: 3_600_000, burst: 1 })
  for (let i = 0; i < 64; i++) take(a, hour, `${i}`, false)
  t.equal(take(a, hour, 'one more', false), true, 'without a slot, by the sketch')
  t.equal(take(a, hour, 'one more', false), false, 'which holds it to its limit')
  t.equal(verdict.full, true)
  t.equal(count('limitTableFull'), 1)
  t.equal(count('limitRefusals'), 0)
  t.equal(take(a, hour, 'acme', true), true)
  t.equal(a.fill(1_000_000_000_000n).find(({ table, half }) => table === 'rate' && half === 'strangers')?.fill, 1)
})

t.test('requests at once: N-1, N, N+1, then one ends', async (t) => {
  const { a, b, take, verdict, peek } = bench()
  const parallel = plan({ kind: 'concurrent', max: 2 })
  t.equal(take(a, parallel), true)
  t.equal(verdict.remaining, 1)
  const held = verdict.hold
  t.not(held, NOTHING_HELD)
  t.equal(take(b, parallel), true)
  t.equal(verdict.remaining, 0)
  t.equal(take(a, parallel), false)
  t.match(verdict, { hold: NOTHING_HELD, remaining: 0, retryNs: 1e9, full: false })
  t.equal(peek(a, parallel), 0)
  t.equal(take(a, parallel, 'acme', false), true, 'the other half')
  a.release(verdict.hold)
  a.release(held)
  t.equal(peek(a, parallel), 1)
  t.equal(take(b, parallel), true)
})

t.test('a worker that goes gives its places back, in both halves', async (t) => {
  const { a, b, take } = bench()
  const one = plan({ kind: 'concurrent', max: 1 })
  t.ok(take(a, one) && take(a, one, 'acme', false))
  t.notOk(take(b, one) || take(b, one, 'acme', false))
  b.releaseWorker(0)
  t.ok(take(b, one) && take(b, one, 'acme', false))
})

t.test('a verdict of a rate holds nothing, whatever was in the object', async (t) => {
  const { a, take, verdict } = bench()
  take(a, plan({ kind: 'concurrent', max: 1 }))
  take(a, plan(FIVE))
  t.equal(verdict.hold, NOTHING_HELD)
})

t.test('amounts that cannot be counted are refused in words', async (t) => {
  t.equal(checkAmount(FIVE), null)
  t.equal(checkAmount({ kind: 'rate', count: 100_000_000, period: 1000, burst: 100_000_000 }), null)
  t.match(checkAmount({ ...FIVE, count: 0 }), /at least 1/)
  t.match(checkAmount({ ...FIVE, period: 0.5 }), /at least 1 ms/)
  t.match(checkAmount({ ...FIVE, burst: 0 }), /burst/)
  t.match(checkAmount({ ...FIVE, burst: NaN }), /burst/)
  t.match(checkAmount({ kind: 'rate', count: 1, period: 86_400_000, burst: 1e9 }), /36 years/)
  t.equal(checkAmount({ kind: 'concurrent', max: 1_048_575 }), null)
  t.match(checkAmount({ kind: 'concurrent', max: 1_048_576 }), /1 to 1048575/)
  t.match(checkAmount({ kind: 'concurrent', max: 0 }), /1 to/)
  t.throws(() => bench().a.prepare(plan({ ...FIVE, burst: 0 })), /g.yaml:3:5: limit plan: burst/)
})

import t from 'tap'
import { joined, limitItem, policyItem, retryAfter } from '../../src/limits/headers.ts'
import { Limiter, newLimitVerdict, type Limit } from '../../src/limits/limiter.ts'
import { Counters } from '../../src/memory/counters.ts'
import { allocateShared } from '../../src/memory/shared.ts'
import type { LimitPlan } from '../../src/plan/limit.ts'

const memory = allocateShared({ workers: 1, limitSlots: 1024, ringBytes: 1 << 16 })
const limiter = new Limiter(memory, 0, new Counters(memory, 0), () => NOW)
const NOW = 1_000_000_000_000n

function limit(amount: LimitPlan['amount'], name = 'plan'): Limit {
  return limiter.prepare({ name, level: 'gateway', by: [], amount, needsCaller: true, mode: 'enforce', where: '' })
}

function rate(count: number, period: number, burst = count): Limit {
  return limit({ kind: 'rate', count, period, burst })
}

const FEBRUARY = Date.UTC(2028, 1, 29, 23)
const policyOf = (of: Limit): string => policyItem(of, FEBRUARY)

function taken(of: Limit, key: string, times: number): string[] {
  const verdict = newLimitVerdict()
  return Array.from({ length: times }, () => {
    limiter.take(of, key, true, NOW, verdict)
    return limitItem(of, verdict)
  })
}

t.test('policies: quota and window in whole seconds', async (t) => {
  t.equal(policyOf(rate(60, 60_000)), '"plan";q=60;w=60')
  t.equal(policyOf(rate(1, 86_400_000)), '"plan";q=1;w=86400')
  t.equal(policyOf(rate(100, 250)), '"plan";q=400;w=1', 'shorter than a second')
  t.equal(policyOf(rate(3, 1500)), '"plan";q=4;w=2', 'no whole seconds: rounded down')
  t.equal(policyOf(rate(100_000_000, 1000)), '"plan";q=100000000;w=1')
  t.equal(policyOf(limit({ kind: 'concurrent', max: 10 }, 'parallel')), '"parallel";q=10;qu="concurrent-requests"')
})

t.test('quotas: the length of the period that is under way', async (t) => {
  t.equal(policyOf(limit({ kind: 'quota', count: 10, per: 'day' })), '"plan";q=10;w=86400')
  t.equal(policyOf(limit({ kind: 'quota', count: 10, per: 'month' })), `"plan";q=10;w=${29 * 86_400}`)
})

t.test('limits: what remains, and seconds until there is more', async (t) => {
  t.same(taken(rate(60, 60_000), 'a', 2), ['"plan";r=59;t=1', '"plan";r=58;t=2'])
  t.same(taken(rate(2, 60_000), 'b', 3), ['"plan";r=1;t=30', '"plan";r=0;t=30', '"plan";r=0;t=30'])
  const parallel = limit({ kind: 'concurrent', max: 2 }, 'parallel')
  t.same(taken(parallel, 'c', 3), ['"parallel";r=1', '"parallel";r=0', '"parallel";r=0'])
})

t.test('numbers of any length, and one limit after the other', async (t) => {
  const parallel = limit({ kind: 'concurrent', max: 2 }, 'parallel')
  const plan = rate(2, 60_000)
  const seconds = [0, 1, 9, 10, 999, 2 ** 31 - 1, 2 ** 31, 1e15]
  for (const remaining of [0, 9, 10, 99, 100, 2 ** 31 - 1, 2 ** 31, 999_999_999_999_999, 1e15]) {
    const told = Math.min(remaining, 999_999_999_999_999)
    for (const wait of seconds) {
      const verdict = { ...newLimitVerdict(), remaining, resetNs: wait * 1e9 }
      t.equal(limitItem(plan, verdict), `"plan";r=${told};t=${Math.min(wait, 999_999_999_999_999)}`)
      t.equal(limitItem(parallel, verdict), `"parallel";r=${told}`)
    }
  }
  const name = 'n'.repeat(200)
  t.equal(limitItem(limit({ kind: 'concurrent', max: 2 }, name), newLimitVerdict()), `"${name}";r=0`)
})

t.test('several limits are one list', async (t) => {
  t.equal(joined(joined('', '"a";r=1'), '"b";r=2;t=3'), '"a";r=1, "b";r=2;t=3')
})

t.test('names are quoted as structured field strings', async (t) => {
  t.equal(
    policyOf(limit({ kind: 'concurrent', max: 1 }, 'a"\\b\r\n\u00e9')),
    '"a\\"\\\\b";q=1;qu="concurrent-requests"'
  )
})

t.test('Retry-After: whole seconds, rounded up, at least one', async (t) => {
  t.same([0, 1, 1e9, 1e9 + 1, 36e12].map(retryAfter), [1, 1, 1, 2, 36_000])
})

t.test('a refused limit waits no longer than Retry-After says', async (t) => {
  const of = rate(2, 60_000)
  const verdict = newLimitVerdict()
  for (let i = 0; i < 3; i++) limiter.take(of, 'd', true, NOW, verdict)
  t.equal(limitItem(of, verdict), `"plan";r=0;t=${retryAfter(verdict.retryNs)}`)
})

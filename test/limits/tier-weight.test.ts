/** As how many a request counts by its tier. */
import t from 'tap'
import { MOST_WEIGHT, tierWeights } from '../../src/limits/tier-weight.ts'
import type { AmountPlan } from '../../src/plan/limit.ts'

const rate = (count: number, period: number): AmountPlan => ({ kind: 'rate', count, period, burst: 1 })

t.test('what the best is granted, as a multiple of what each is', async (t) => {
  t.same(tierWeights([rate(60, 60_000)]), [1])
  t.same(tierWeights([rate(60, 60_000), rate(600, 60_000), rate(5, 1_000)]), [10, 1, 2], 'in whatever period')
  t.same(tierWeights([rate(100, 1_000), rate(10, 1_000)]), [1, 10], "the limit's own may be the best")
  t.same(tierWeights([rate(2, 1_000), rate(3, 1_000)]), [2, 1], 'a half is rounded')
  t.same(tierWeights([rate(5, 1_000), rate(5, 1_000)]), [1, 1])
})

t.test('no more than the most', async (t) => {
  t.same(tierWeights([rate(1, 1_000), rate(MOST_WEIGHT, 1_000)]), [MOST_WEIGHT, 1])
  t.same(tierWeights([rate(1, 1_000), rate(MOST_WEIGHT + 1, 1_000)]), [MOST_WEIGHT, 1])
  t.same(
    tierWeights([rate(1, 86_400_000), rate(1_000_000, 1_000), null]),
    [MOST_WEIGHT, MOST_WEIGHT, 1],
    'rate: none is the best'
  )
})

t.test('of every kind', async (t) => {
  const kinds: [AmountPlan, AmountPlan][] = [
    [
      { kind: 'sliding', count: 10, period: 60_000 },
      { kind: 'sliding', count: 40, period: 60_000 }
    ],
    [
      { kind: 'quota', count: 300, per: 'month' },
      { kind: 'quota', count: 40, per: 'day' }
    ],
    [
      { kind: 'bandwidth', bytes: 1024, period: 1_000 },
      { kind: 'bandwidth', bytes: 4096, period: 1_000 }
    ],
    [
      { kind: 'concurrent', max: 2 },
      { kind: 'concurrent', max: 8, queue: 5 }
    ]
  ]
  for (const [low, high] of kinds) t.same(tierWeights([low, high]), [4, 1], low.kind)
})

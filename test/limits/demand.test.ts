import t from 'tap'
import { Demand } from '../../src/limits/demand.ts'
import { KeyHash } from '../../src/memory/hash.ts'

function newDemand(): Demand {
  const hash = new KeyHash([1, 2, 3, 4])
  return new Demand(hash, hash.domain('test'))
}

/** Everybody comes as often as the number says, one after the other. Returns how many of each are turned away. */
function interval(demand: Demand, wanted: readonly number[]): number[] {
  const away = wanted.map(() => 0)
  for (let turn = 0; turn < Math.max(...wanted); turn++) {
    wanted.forEach((n, client) => {
      if (turn < n && demand.turnsAway(`client ${client}`, 1)) away[client] = (away[client] ?? 0) + 1
    })
  }
  return away
}

const sum = (numbers: readonly number[]): number => numbers.reduce((a, b) => a + b, 0)

/** What max-min fairness gives, by halving. */
function fair(wanted: readonly number[], share: number): number {
  let [low, high] = [0, Math.max(...wanted)]
  for (let i = 0; i < 100; i++) {
    const level = (low + high) / 2
    if (sum(wanted.map((n) => Math.min(n, level))) < (1 - share) * sum(wanted)) low = level
    else high = level
  }
  return high
}

t.test('the share of all is turned away, and of nobody below the level', async (t) => {
  const crowds = {
    'one of many': [1000, 10, 10, 10, 5, 1],
    two: [300, 100],
    equal: [50, 50, 50, 50],
    'every size': Array.from({ length: 40 }, (_, i) => 1 + i * 3),
    'a few large': [500, 400, 300, ...Array.from({ length: 60 }, () => 4)]
  }
  for (const [name, wanted] of Object.entries(crowds)) {
    for (const share of [0.1, 0.3, 0.5, 0.9]) {
      const demand = newDemand()
      interval(demand, wanted)
      demand.next(share)
      const away = interval(demand, wanted)
      const level = fair(wanted, share)
      const what = `${name}, ${share}: ${away.join(' ')}`
      t.ok(Math.abs(sum(away) - share * sum(wanted)) <= wanted.length + 0.02 * sum(wanted), what)
      wanted.forEach((n, client) => {
        if (n < level - 1) t.equal(away[client], 0, `${what}: ${n} is below ${level}`)
        else t.ok(n - (away[client] ?? 0) <= level + 2 + 0.02 * n, `${what}: ${n} gets no more than ${level}`)
      })
    }
  }
})

t.test('of two who want the same the one whose requests weigh more loses first', async (t) => {
  const demand = newDemand()
  const clients = { low: 10, middle: 2, high: 1 }
  const away: Record<string, number> = { low: 0, middle: 0, high: 0 }
  const round = (): void => {
    for (let turn = 0; turn < 100; turn++)
      for (const [client, weight] of Object.entries(clients))
        if (demand.turnsAway(client, weight)) away[client] = (away[client] ?? 0) + 1
  }
  round()
  t.same(away, { low: 0, middle: 0, high: 0 })
  // Of 1,300 that are wanted 910 are granted: 100, 200, and the rest to the low one.
  demand.next(0.3)
  round()
  t.same({ ...away, low: 0 }, { low: 0, middle: 0, high: 0 })
  t.ok(Math.abs((away['low'] ?? 0) - 39) <= 2, `${away['low']} of the low one`)
})

t.test('of all: everybody; of nothing: nobody', async (t) => {
  const demand = newDemand()
  t.same(interval(demand, [10, 100]), [0, 0])
  demand.next(1)
  t.same(interval(demand, [10, 100]), [10, 100])
  t.ok(demand.turnsAway('a new one', 1))
  demand.next(0)
  t.same(interval(demand, [10, 100]), [0, 0])
})

t.test('of an interval of which nothing is known each loses the share', async (t) => {
  const demand = newDemand()
  demand.next(0.25)
  t.same(interval(demand, [40]), [10])
})

t.test('a client that begins to want much has its level, and the others what they want', async (t) => {
  const demand = newDemand()
  interval(demand, [100, 10])
  demand.next(0.5)
  const away = interval(demand, [100, 10, 1000])
  t.equal(away[1], 0)
  // What it wants grows as it comes: level * (1 + ln(1000 / level)), with a level of 45.
  t.ok(1000 - (away[2] ?? 0) < 195, `${away[2]} of 1000`)
})

t.test('what was wanted two intervals ago is forgotten', async (t) => {
  const demand = newDemand()
  interval(demand, [1000, 10])
  demand.next(0.5)
  interval(demand, [10, 10])
  t.ok((interval(demand, [10])[0] ?? 0) > 0, 'not yet after one')
  demand.next(0.2)
  demand.next(0.2)
  interval(demand, [10, 20])
  demand.next(0.1)
  t.equal(interval(demand, [10])[0], 0)
})

t.test('cleared, it knows nothing', async (t) => {
  const demand = newDemand()
  interval(demand, [1000])
  demand.next(1)
  demand.clear()
  t.same(interval(demand, [1000]), [0])
})

t.test('20,000 clients that want one each hide nobody who wants much', async (t) => {
  const demand = newDemand()
  const many = Array.from({ length: 20_000 }, () => 1)
  for (const share of [0, 0.4]) {
    demand.next(share)
    for (let i = 0; i < 2000; i++) demand.turnsAway('much', 1)
    interval(demand, many)
  }
  demand.next(0.4)
  let away = 0
  for (let i = 0; i < 2000; i++) if (demand.turnsAway('much', 1)) away++
  t.ok(away > 1500, `${away} of 2000`)
})

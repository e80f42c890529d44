import t from 'tap'
import fc from 'fast-check'
import { scaleOf, withScale } from '../../src/memory/debt-sketch.ts'
import { bytesOfLimitTable, LimitTable, newRate, newVerdict, type Rate } from '../../src/memory/limit-table.ts'

const START = 1_000_000_000_000n
const SECOND = 1_000_000_000n

class Bench {
  now = START
  readonly verdict = newVerdict()
  readonly table: LimitTable

  constructor(slots = 64) {
    this.table = new LimitTable(new SharedArrayBuffer(bytesOfLimitTable(slots)), slots, () => this.now)
  }

  take(rate: Rate, key = 1): boolean {
    this.table.take(key, key, rate, this.now, this.verdict)
    return this.verdict.admitted
  }

  admitted(rate: Rate, tries: number, key = 1): number {
    let n = 0
    for (let i = 0; i < tries; i++) if (this.take(rate, key)) n++
    return n
  }
}

t.test('N-1, N, N+1: of a burst of N the Nth is the last', async (t) => {
  for (const burst of [1, 2, 60, 1000]) {
    const bench = new Bench()
    const rate = newRate(60, 60_000, burst)
    t.equal(bench.admitted(rate, burst - 1), burst - 1)
    t.equal(bench.admitted(rate, 1), 1)
    t.equal(bench.verdict.remaining, 0)
    t.equal(bench.admitted(rate, 3), 0)
  }
})

t.test('one request comes back per interval, not a nanosecond before', async (t) => {
  const bench = new Bench()
  const rate = newRate(60, 60_000, 5)
  bench.admitted(rate, 5)
  bench.now += SECOND - 1n
  t.equal(bench.admitted(rate, 1), 0)
  t.equal(bench.verdict.retryNs, 1)
  bench.now += 1n
  t.equal(bench.admitted(rate, 2), 1)
  bench.now += 100n * SECOND
  t.equal(bench.admitted(rate, 10), 5, 'never more than the burst')
})

t.test('says what remains, when it is full and how long to wait', async (t) => {
  const bench = new Bench()
  const rate = newRate(60, 60_000, 3)
  bench.take(rate)
  t.same(bench.verdict, { admitted: true, remaining: 2, resetNs: 1e9, retryNs: 0, full: false })
  bench.now += SECOND / 2n
  bench.take(rate)
  t.same(bench.verdict, { admitted: true, remaining: 1, resetNs: 1.5e9, retryNs: 0, full: false })
  bench.take(rate)
  bench.take(rate)
  t.same(bench.verdict, { admitted: false, remaining: 0, resetNs: 2.5e9, retryNs: 0.5e9, full: false })
})

t.test('a refused request is not charged', async (t) => {
  const bench = new Bench()
  const rate = newRate(1, 1000, 1)
  bench.take(rate)
  bench.admitted(rate, 1000)
  bench.now += SECOND
  t.equal(bench.take(rate), true)
})

t.test('peek charges nothing and says what take would', async (t) => {
  const bench = new Bench()
  const rate = newRate(10, 1000, 2)
  const peek = newVerdict()
  for (const [admitted, remaining] of [
    [true, 2],
    [true, 1],
    [false, 0]
  ]) {
    bench.table.peek(1, 1, rate, bench.now, peek)
    bench.table.peek(1, 1, rate, bench.now, peek)
    t.equal(peek.admitted, admitted)
    t.equal(peek.remaining, remaining)
    t.equal(bench.take(rate), admitted)
  }
  t.equal(peek.retryNs, bench.verdict.retryNs)
})

t.test('rates from one a day to beyond a nanosecond each hold their burst', async (t) => {
  const day = 86_400_000
  const rates: [count: number, period: number, burst: number][] = [
    [1, day, 1],
    [1, day, 10_000],
    [1_000_000, 1000, 7],
    [100_000_000, 1000, 100],
    [1_000_000_000, 1, 100],
    [3, 1, 5]
  ]
  for (const [count, period, burst] of rates) {
    const bench = new Bench()
    t.equal(bench.admitted(newRate(count, period, burst), burst + 5), burst, `${count}/${period}ms burst ${burst}`)
  }
})

t.test('bursts of a hundred million and a billion are counted to the last', async (t) => {
  const bench = new Bench()
  const rate = newRate(100_000_000, 1000, 1_000_000_000)
  bench.take(rate)
  t.equal(bench.verdict.remaining, 999_999_999)
  // The same bucket with all but three spent, by a limit that costs that much at once.
  const spend = { ...rate, interval: rate.interval * 999_999_996n }
  t.equal(bench.take(spend), true)
  t.equal(bench.admitted(rate, 5), 3)
})

t.test('the interval is rounded up: three in ten milliseconds never admits a fourth early', async (t) => {
  const bench = new Bench()
  const rate = newRate(3, 10, 1)
  t.equal(rate.interval, 3_333_334n)
  bench.take(rate)
  bench.now += 3_333_333n
  t.equal(bench.take(rate), false)
  bench.now += 1n
  t.equal(bench.take(rate), true)
})

t.test('a bucket that takes over 36 years to refill is refused by name', async (t) => {
  t.throws(() => newRate(1, 86_400_000, 1_000_000_000), /burst of 1000000000 .* 36 years .*lower it/)
  t.doesNotThrow(() => newRate(1, 1000, 1_000_000_000))
})

t.test('keys do not touch each other, whatever slots they share', async (t) => {
  const bench = new Bench(64)
  const rate = newRate(1, 3_600_000, 2)
  for (let key = 1; key <= 64; key++) t.equal(bench.admitted(rate, 3, key), 2)
})

t.test('a full table: who has a slot stays exact, who has none gets no more than its limit', async (t) => {
  const bench = new Bench(64)
  const hour = newRate(1, 3_600_000, 2)
  for (let key = 1; key <= 64; key++) bench.admitted(hour, 2, key)
  t.equal(bench.table.fill(bench.now), 1)
  for (let key = 65; key <= 80; key++) t.equal(bench.admitted(hour, 5, key), 2, `key ${key} has no slot`)
  t.equal(bench.verdict.full, true)
  t.equal(bench.verdict.retryNs, 3600e9)
  for (let key = 1; key <= 80; key++) t.equal(bench.admitted(hour, 2, key), 0, `key ${key} has nothing left`)
  bench.now += 3600n * SECOND
  for (let key = 1; key <= 80; key++) t.ok(bench.admitted(hour, 3, key) <= 1, `one an hour for key ${key}`)
})

t.test('a million keys that come once push out no key in heavy use, whose slot stays exact', async (t) => {
  const bench = new Bench(64)
  const rate = newRate(60, 60_000, 60)
  for (let key = 1; key <= 8; key++) t.equal(bench.admitted(rate, 40, key), 40)
  for (let flood = 0; flood < 20_000; flood++) {
    if (flood % 100 === 0) bench.now += SECOND / 100n
    bench.take(rate, 1000 + flood)
  }
  const refilled = 2
  for (let key = 1; key <= 8; key++) {
    t.equal(bench.admitted(rate, 40, key), 20 + refilled)
    t.equal(bench.verdict.full, false, 'judged by its slot')
  }
})

t.test('a key in heavy use gets the slot of one that came once, and takes along what it owes', async (t) => {
  const bench = new Bench(64)
  const rate = newRate(60, 60_000, 60)
  for (let key = 1; key <= 64; key++) bench.take(rate, key)
  t.equal(bench.admitted(rate, 100, 500), 60, 'not one more for the change')
  t.equal(bench.verdict.full, false, 'it has a slot')
  let pushed = 0
  for (let key = 1; key <= 64; key++) {
    const admitted = bench.admitted(rate, 100, key)
    t.ok(admitted <= 59, `${admitted} of the 59 that key ${key} has left`)
    if (admitted < 59) pushed++
  }
  t.ok(pushed < 20, `${pushed} share their cells with others`)
})

t.test('buckets of another scale are neither pushed out nor held to those debts', async (t) => {
  const bench = new Bench(64)
  const key = (n: number, scale: number): [number, number] => [n, withScale(n * 7919, scale)]
  const take = (rate: Rate, n: number): boolean => {
    const [lo, hi] = key(n, scaleOf(rate.capacityNs))
    bench.table.take(lo, hi, rate, bench.now, bench.verdict)
    return bench.verdict.admitted
  }
  const fast = newRate(100, 1000, 100)
  const slow = newRate(1, 3_600_000, 10)
  for (let i = 0; i < 90; i++) take(fast, 1)
  for (let n = 10; n < 5000; n++) take(slow, n)
  let left = 0
  while (take(fast, 1)) left++
  t.equal(left, 10, 'its slot is its own')
  let none = 0
  while (take(fast, 2)) none++
  t.equal(none, 100, 'and one without a slot has all of its own')
})

t.test('agrees with the sketch off and on: never more than the limit, whatever came before', async () => {
  fc.assert(
    fc.property(
      fc.array(fc.tuple(fc.integer({ min: 1, max: 200 }), fc.integer({ min: 0, max: 3 })), { maxLength: 600 }),
      (requests) => {
        const bench = new Bench(64)
        const rate = newRate(1, 1000, 3)
        const admitted = new Map<number, number>()
        for (const [key, pause] of requests) {
          bench.now += BigInt(pause) * 50_000_000n
          if (bench.take(rate, key)) admitted.set(key, (admitted.get(key) ?? 0) + 1)
          if ((admitted.get(key) ?? 0) > 3 + Number((bench.now - START) / SECOND)) return false
        }
        return true
      }
    ),
    { numRuns: 50 }
  )
})

t.test('a slot that was taken over and its key that comes back: a full bucket each', async (t) => {
  const bench = new Bench(64)
  const rate = newRate(10, 1000, 2)
  for (let round = 0; round < 50; round++) {
    for (let key = 1; key <= 60; key++) t.equal(bench.admitted(rate, 3, round * 60 + key), 2)
    bench.now += SECOND
  }
})

t.test('agrees with a bucket kept in exact arithmetic, for any sequence of arrivals', async (t) => {
  fc.assert(
    fc.property(
      fc.integer({ min: 1, max: 1000 }),
      fc.integer({ min: 1, max: 10 }),
      fc.array(fc.integer({ min: 0, max: 300_000_000 }), { maxLength: 60 }),
      (count, burst, gaps) => {
        const bench = new Bench()
        const rate = newRate(count, 1000, burst)
        let full = 0n
        for (const gap of gaps) {
          bench.now += BigInt(gap)
          const from = full > bench.now ? full : bench.now
          const admit = from + rate.interval - bench.now <= rate.capacity
          if (admit) full = from + rate.interval
          if (bench.take(rate) !== admit) return false
        }
        return true
      }
    )
  )
  t.pass()
})

t.test('a moment read before another thread charged is no way round the limit', async (t) => {
  const bench = new Bench()
  const rate = newRate(1, 1000, 1)
  t.equal(bench.take(rate), true)
  bench.table.take(1, 1, rate, bench.now - 500_000_000n, bench.verdict)
  t.equal(bench.verdict.admitted, false)
})

import t from 'tap'
import { dayOf, endOf, lengthOf, startOf } from '../../src/memory/calendar.ts'
import { newVerdict } from '../../src/memory/limit-table.ts'
import { bytesOfQuotaTable, QuotaTable, type Quota, type QuotaCount } from '../../src/memory/quota-table.ts'

const NOON = Date.UTC(2028, 1, 28, 12)
const HOUR = 3_600_000
const SLOTS = 64

class Bench {
  wall = NOON
  readonly verdict = newVerdict()
  readonly table = new QuotaTable(new SharedArrayBuffer(bytesOfQuotaTable(SLOTS)), SLOTS, () => this.wall)

  admitted(quota: Quota, tries: number, key = 1): number {
    let n = 0
    for (let i = 0; i < tries; i++) {
      this.table.take(key, key, quota, this.verdict)
      if (this.verdict.admitted) n++
    }
    return n
  }
}

const daily = (count: number, cost = 1): Quota => ({ count, per: 'day', cost })

t.test('the calendar, in UTC', async (t) => {
  const day = (...date: [number, number, number]): number => dayOf(Date.UTC(...date))
  t.equal(endOf('day', day(2028, 1, 28)), day(2028, 1, 29))
  t.equal(endOf('month', day(2028, 1, 28)), day(2028, 2, 1), 'a leap year')
  t.equal(endOf('month', day(2027, 11, 31)), day(2028, 0, 1))
  t.equal(lengthOf('month', Date.UTC(2028, 1, 1)), 29 * 86_400)
  t.equal(lengthOf('month', Date.UTC(2028, 11, 31, 23, 59, 59, 999)), 31 * 86_400)
  t.equal(startOf(dayOf(NOON)), Date.UTC(2028, 1, 28))
})

t.test('N-1, N, N+1, and again from midnight on', async (t) => {
  const bench = new Bench()
  t.equal(bench.admitted(daily(5), 4), 4)
  t.equal(bench.verdict.remaining, 1)
  t.equal(bench.verdict.retryNs, 0)
  t.equal(bench.admitted(daily(5), 3), 1)
  t.same(bench.verdict, {
    admitted: false,
    remaining: 0,
    resetNs: 12 * HOUR * 1e6,
    retryNs: 12 * HOUR * 1e6,
    full: false
  })
  bench.wall += 12 * HOUR - 1
  t.equal(bench.admitted(daily(5), 1), 0)
  bench.wall += 1
  t.equal(bench.admitted(daily(5), 7), 5)
})

t.test('a month ends with the month', async (t) => {
  const bench = new Bench()
  const monthly: Quota = { count: 3, per: 'month', cost: 1 }
  t.equal(bench.admitted(monthly, 4), 3)
  bench.wall = Date.UTC(2028, 1, 29, 23, 59, 59, 999)
  t.equal(bench.admitted(monthly, 1), 0)
  t.equal(bench.verdict.retryNs, 1e6)
  bench.wall += 1
  t.equal(bench.admitted(monthly, 4), 3)
})

t.test('a clock that is set back gives no quota twice', async (t) => {
  const bench = new Bench()
  bench.admitted(daily(5), 3)
  bench.wall -= 24 * HOUR
  t.equal(bench.admitted(daily(5), 5), 2)
})

t.test('costs, and charges that nobody could refuse', async (t) => {
  const bench = new Bench()
  t.equal(bench.admitted(daily(100, 30), 5), 3)
  t.equal(bench.verdict.remaining, 10)
  bench.table.charge(1, 1, daily(100), 500, bench.verdict)
  t.equal(bench.verdict.remaining, 0)
  bench.table.peek(1, 1, daily(100), bench.verdict)
  t.equal(bench.verdict.admitted, false)
  bench.wall += 24 * HOUR
  bench.table.peek(1, 1, daily(100), bench.verdict)
  t.same(bench.verdict, { admitted: true, remaining: 100, resetNs: 0, retryNs: 0, full: false })
})

t.test('what changed is told once, and can be brought back elsewhere', async (t) => {
  const bench = new Bench()
  bench.admitted(daily(5), 3, 7)
  bench.admitted(daily(5), 1, -8)
  const seen = new BigInt64Array(bench.table.slots)
  const told: QuotaCount[] = []
  bench.table.changes(seen, (count) => told.push(count))
  const end = dayOf(NOON) + 1
  t.strictSame(
    told.toSorted((a, b) => a.count - b.count),
    [
      { lo: -8, hi: -8, end, count: 1 },
      { lo: 7, hi: 7, end, count: 3 }
    ]
  )
  bench.table.changes(seen, () => t.fail('nothing changed'))
  const other = new Bench()
  for (const count of told) t.equal(other.table.put(count), 'slot')
  t.equal(other.admitted(daily(5), 5, 7), 2)
  t.equal(other.admitted(daily(5), 5, -8), 4)
  t.equal(other.table.put({ lo: 7, hi: 7, end, count: 1 }), 'nowhere', 'there already')
  t.equal(other.table.put({ lo: 9, hi: 9, end: end - 1, count: 1 }), 'nowhere', 'over')
  t.equal(other.table.put({ lo: 9, hi: 9, end: end + 31, count: 1 }), 'nowhere', 'no period is so long')
})

t.test('brought back into a table without room: held to the sketch, days and months apart', async (t) => {
  const today = dayOf(NOON)
  const monthly: Quota = { count: 5, per: 'month', cost: 1 }
  const full = (wall = NOON): Bench => {
    const bench = new Bench()
    bench.wall = wall
    for (let key = 1; key <= SLOTS; key++) bench.admitted(monthly, 1, key)
    return bench
  }
  const byDay = full()
  t.equal(byDay.table.put({ lo: 99, hi: 99, end: today + 1, count: 3 }), 'sketch')
  t.equal(byDay.admitted(daily(5), 9, 99), 2)
  t.equal(byDay.admitted(monthly, 9, 99), 5)
  const byMonth = full()
  t.equal(byMonth.table.put({ lo: 99, hi: 99, end: endOf('month', today), count: 3 }), 'sketch')
  t.equal(byMonth.admitted(monthly, 9, 99), 2)
  t.equal(byMonth.admitted(daily(5), 9, 99), 5)
  const lastDay = full(NOON + 24 * HOUR)
  t.equal(lastDay.table.put({ lo: 99, hi: 99, end: today + 2, count: 3 }), 'sketch')
  t.equal(lastDay.admitted(monthly, 9, 99), 2, 'on the last day it may be either')
  t.equal(lastDay.admitted(daily(5), 9, 99), 2)
})

t.test('one key fewer than slots, as many, one more: each gets its quota', async (t) => {
  for (const keys of [SLOTS - 1, SLOTS, SLOTS + 1]) {
    const bench = new Bench()
    for (let key = 1; key <= keys; key++) t.equal(bench.admitted(daily(2), 3, key), 2, `key ${key} of ${keys}`)
    t.equal(bench.table.fill(), Math.min(keys, SLOTS) / SLOTS)
    t.equal(bench.verdict.full, keys > SLOTS)
    for (let key = 1; key <= keys; key++) t.equal(bench.admitted(daily(2), 1, key), 0)
    bench.wall += 12 * HOUR
    for (let key = 1; key <= keys; key++) t.equal(bench.admitted(daily(2), 3, key), 2, 'the next day')
  }
})

t.test('ten times as many keys as slots: none gets more than its quota, and nearly all of them that', async (t) => {
  const bench = new Bench()
  const keys = SLOTS * 10
  for (let day = 0; day < 2; day++) {
    const admitted = Array.from({ length: keys }, (_, key) => bench.admitted(daily(2), 3, key + 1))
    t.equal(Math.max(...admitted), 2)
    t.ok(admitted.filter((n) => n === 2).length > keys * 0.98)
    for (let key = 1; key <= keys; key++) t.equal(bench.admitted(daily(2), 1, key), 0)
    bench.wall += 24 * HOUR
  }
})

t.test('a flood of keys takes no slot whose period runs, and no count of it', async (t) => {
  const bench = new Bench()
  for (let key = 1; key <= SLOTS; key++) bench.admitted(daily(9), 5, key)
  for (let key = 1000; key < 31_000; key++) bench.table.take(key, key * 7919, daily(9), bench.verdict)
  for (let key = 1; key <= SLOTS; key++) t.equal(bench.admitted(daily(9), 9, key), 4)
  t.equal(bench.admitted(daily(1000), 1, 40_000), 1, 'a newcomer after them')
  t.ok(bench.verdict.remaining > 900, `${bench.verdict.remaining} of 1000 left`)
})

t.test('days and months of keys without a slot don’t count for each other', async (t) => {
  const bench = new Bench()
  for (let key = 1; key <= SLOTS; key++) bench.admitted({ count: 1, per: 'month', cost: 1 }, 1, key)
  const monthly: Quota = { count: 5, per: 'month', cost: 1 }
  t.equal(bench.admitted(monthly, 3, 1000), 3)
  t.equal(bench.admitted(daily(5), 6, 1000), 5)
  bench.wall += 12 * HOUR
  t.equal(bench.admitted(daily(5), 6, 1000), 5, 'the next day')
  bench.table.peek(1000, 1000, monthly, bench.verdict)
  t.equal(bench.verdict.remaining, 2, 'the same month')
  t.equal(bench.admitted(monthly, 6, 1000), 2)
})

t.test('a key that comes to a slot brings what it used', async (t) => {
  const bench = new Bench()
  for (let key = 1; key <= SLOTS; key++) bench.admitted(daily(1), 1, key)
  const monthly: Quota = { count: 9, per: 'month', cost: 1 }
  bench.admitted(monthly, 3, 1000)
  bench.table.charge(1000, 1000, monthly, 4, bench.verdict)
  t.equal(bench.verdict.remaining, 2)
  bench.wall += 12 * HOUR
  t.equal(bench.admitted(monthly, 1, 1000), 1, 'the days are over, and a slot is free')
  t.ok(bench.table.fill() > 0)
  t.equal(bench.admitted(monthly, 5, 1000), 1)
  t.equal(bench.verdict.full, false)
  bench.wall += 24 * HOUR * 30
  t.equal(bench.admitted(monthly, 10, 1000), 9, 'the next month')
})

t.test('a key that used all comes to a slot with it, and is still refused', async (t) => {
  const bench = new Bench()
  for (let key = 1; key <= SLOTS; key++) bench.admitted(daily(1), 1, key)
  const monthly: Quota = { count: 2, per: 'month', cost: 1 }
  t.equal(bench.admitted(monthly, 3, 1000), 2)
  bench.wall += 12 * HOUR
  t.equal(bench.admitted(monthly, 3, 1000), 0)
  t.equal(bench.verdict.full, false)
})

import t from 'tap'
import fc from 'fast-check'
import { newVerdict } from '../../src/memory/limit-table.ts'
import { bytesOfSlidingTable, SlidingTable, type Window } from '../../src/memory/sliding-table.ts'
import { dueAfter, spareBucketOf } from '../../src/memory/spare-bucket.ts'

const SLOTS = 64
const SECOND = 1_000_000_000n

class Bench {
  now = 1_000_000n * SECOND
  readonly verdict = newVerdict()
  readonly table = new SlidingTable(new SharedArrayBuffer(bytesOfSlidingTable(SLOTS)), SLOTS, () => this.now)

  admitted(window: Window, tries: number, key = 1): number {
    let n = 0
    for (let i = 0; i < tries; i++) {
      this.table.take(key, key * 7919, window, this.now, this.verdict)
      if (this.verdict.admitted) n++
    }
    return n
  }

  /** @param seconds of the windows of all slots */
  crowd(seconds: number): void {
    for (let key = 1; key <= SLOTS; key++) this.admitted({ count: 9, seconds, cost: 1 }, 1, key)
  }
}

const perMinute = (count: number, cost = 1): Window => ({ count, seconds: 60, cost })

t.test('one key fewer than slots, as many, one more', async (t) => {
  for (const keys of [SLOTS - 1, SLOTS, SLOTS + 1]) {
    const bench = new Bench()
    for (let key = 1; key <= Math.min(keys, SLOTS); key++) t.equal(bench.admitted(perMinute(4), 5, key), 4)
    if (keys > SLOTS) {
      t.equal(bench.admitted(perMinute(4), 5, keys), 2, 'half of it at once')
      t.equal(bench.verdict.full, true)
      t.equal(bench.verdict.retryNs, 30e9)
      bench.now += 30n * SECOND - 1n
      t.equal(bench.admitted(perMinute(4), 1, keys), 0)
      bench.now += 1n
      t.equal(bench.admitted(perMinute(4), 2, keys), 1, 'and the other half in a period')
    }
    t.equal(bench.table.fill(bench.now), Math.min(keys, SLOTS) / SLOTS)
  }
})

t.test('a flood of keys takes no slot, and newcomers after it are served', async (t) => {
  const bench = new Bench()
  for (let key = 1; key <= SLOTS; key++) bench.admitted(perMinute(9), 5, key)
  for (let key = 1000; key < 3000; key++) bench.admitted(perMinute(9), 1, key)
  for (let key = 1; key <= SLOTS; key++) t.equal(bench.admitted(perMinute(9), 9, key), 4)
  const served = Array.from({ length: 100 }, (_, i) => bench.admitted(perMinute(100), 20, 40_000 + i) >= 10)
  t.ok(served.filter(Boolean).length > 80, `${served.filter(Boolean).length} of 100`)
})

t.test('a key that comes to a slot brings what may still count', async (t) => {
  const bench = new Bench()
  bench.crowd(1)
  t.equal(bench.admitted(perMinute(10), 9, 1000), 5)
  bench.table.peek(1000, 1000 * 7919, perMinute(10), bench.now, bench.verdict)
  t.equal(bench.verdict.admitted, false)
  bench.now += 2n * SECOND
  t.equal(bench.admitted(perMinute(10), 9, 1000), 0, 'five, and five that may have been before')
  t.equal(bench.verdict.full, false, 'it has a slot')
  bench.now += 180n * SECOND
  t.equal(bench.admitted(perMinute(10), 11, 1000), 10)
})

t.test('charges that nobody can refuse are owed', async (t) => {
  const bench = new Bench()
  bench.crowd(3600)
  bench.table.charge(1000, 1000 * 7919, perMinute(10), 25, bench.now, bench.verdict)
  t.equal(bench.admitted(perMinute(10), 1, 1000), 0)
  bench.now += 132n * SECOND - 1n
  t.equal(bench.admitted(perMinute(10), 5, 1000), 0)
  bench.now += 1n
  t.equal(bench.admitted(perMinute(10), 5, 1000), 1, 'two periods, after which a window would have forgotten them')
  bench.table.charge(1001, 1001 * 7919, perMinute(1), 2 ** 52, bench.now, bench.verdict)
  bench.table.charge(1001, 1001 * 7919, perMinute(1), 2 ** 52, bench.now, bench.verdict)
  t.equal(bench.admitted(perMinute(1), 1, 1001), 0)
})

/** The definition, over what was admitted: whether one more at `now` is within it. */
function within(
  admitted: readonly { at: bigint; cost: number }[],
  { count, seconds }: Window,
  cost: number,
  now: bigint
) {
  const period = BigInt(seconds) * SECOND
  const window = now / period
  const unitsIn = (n: bigint) => admitted.reduce((sum, one) => (one.at / period === n ? sum + one.cost : sum), 0)
  const left = (window + 1n) * period - now
  const weight = (BigInt(unitsIn(window - 1n)) * left + period - 1n) / period
  return Number(weight) + unitsIn(window) + cost <= count
}

t.test('without a slot, with one, and on the way: never more than the window says', async (t) => {
  const step = fc.oneof(
    fc.constant(0n),
    fc.bigInt({ min: 0n, max: 25n * SECOND }),
    fc.constantFrom(SECOND, 5n * SECOND - 1n, 5n * SECOND, 10n * SECOND, 10n * SECOND + 1n, 20n * SECOND)
  )
  const steps = fc.array(fc.record({ step, tries: fc.integer({ min: 1, max: 9 }), crowd: fc.boolean() }), {
    maxLength: 25
  })
  fc.assert(
    fc.property(fc.integer({ min: 1, max: 12 }), fc.integer({ min: 1, max: 12 }), steps, (a, b, all) => {
      const window: Window = { count: Math.max(a, b), seconds: 10, cost: Math.min(a, b) }
      const bench = new Bench()
      bench.crowd(1)
      const admitted: { at: bigint; cost: number }[] = []
      for (const { step: passed, tries, crowd } of all) {
        bench.now += passed
        if (crowd) bench.crowd(1)
        for (let i = 0; i < tries; i++) {
          if (bench.admitted(window, 1, 1000) === 0) continue
          if (!within(admitted, window, window.cost, bench.now)) return false
          admitted.push({ at: bench.now, cost: window.cost })
        }
      }
      return true
    }),
    { numRuns: 500 }
  )
  t.pass('500 runs')
})

t.test('the bucket serves at least half of what the window does', async (t) => {
  for (const count of [2, 3, 7, 100, 1_000_000]) {
    const spare = spareBucketOf({ count, seconds: 60, cost: 1 })
    t.ok(spare.capacity / spare.unit >= BigInt(Math.floor(count / 2)))
    t.ok((60n * SECOND) / spare.unit >= BigInt(Math.floor(count / 2)) - 1n, `${count}`)
  }
  t.equal(spareBucketOf({ count: 1, seconds: 60, cost: 1 }).unit, 120n * SECOND, 'two windows, for the only one')
  const spare = spareBucketOf({ count: 2, seconds: 60, cost: 1 })
  t.equal(dueAfter(spare, 0n, 2 ** 50, 5n), 5n + 180n * SECOND, 'what a window would have forgotten is not owed')
})

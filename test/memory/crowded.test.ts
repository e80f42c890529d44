/**
 * More keys than slots, wherever the system puts a thread aside: what a key has in the sketch and what it has in a slot
 * are one count. limit-table's is in test/regression/309.
 */
import t from 'tap'
import { newVerdict } from '../../src/memory/limit-table.ts'
import { bytesOfQuotaTable, QuotaTable } from '../../src/memory/quota-table.ts'
import { bytesOfSlidingTable, SlidingTable } from '../../src/memory/sliding-table.ts'
import { interpose, interposed, numbers } from './fixtures/interposed.ts'

const SLOTS = 64
const DEEPEST = 3
const RUNS = 200
const DAY = 86_400_000
const QUOTA = 3

t.teardown(interpose())

/**
 * @param one a decision on one of three hot keys by the thread of this depth
 * @param pass the clock goes on, perhaps
 */
function play(random: (below: number) => number, one: (thread: number) => void, pass: () => void): void {
  let depth = 0
  interposed.between = () => {
    if (depth === DEEPEST || random(30) > 0) return
    depth++
    pass()
    for (let n = random(3); n >= 0; n--) one(depth)
    depth--
  }
  for (let n = 0; n < 5; n++) one(0)
  interposed.between = () => undefined
  for (let n = 0; n < 12; n++) one(0)
}

function quotaExceeded(seed: number, steps: readonly number[]): boolean {
  const random = numbers(seed)
  const buffer = new SharedArrayBuffer(bytesOfQuotaTable(SLOTS))
  let wall = DAY * 20_000
  const threads = Array.from({ length: DEEPEST + 1 }, () => new QuotaTable(buffer, SLOTS, () => wall))
  const verdict = newVerdict()
  const quota = { count: QUOTA, per: 'month', cost: 1 } as const
  // Full of keys whose day ends while the month of the hot ones goes on: those come to slots then.
  for (let key = 0; key < SLOTS; key++) {
    threads[0]?.take(key + 1, key * 7919, { count: 9, per: 'day', cost: 1 }, verdict)
  }
  const used = [0, 0, 0]
  const one = (thread: number): void => {
    const hot = random(3)
    const cost = 1 + random(2)
    threads[thread]?.take(100 + hot, 7919 * (100 + hot), { ...quota, cost }, verdict)
    if (verdict.admitted) used[hot] = (used[hot] ?? 0) + cost
  }
  play(random, one, () => (wall += steps[random(steps.length)] ?? 0))
  return Math.max(...used) > QUOTA
}

const SECOND = 1_000_000_000n
const COUNT = 6

function windowExceeded(seed: number, steps: readonly bigint[]): boolean {
  const random = numbers(seed)
  const buffer = new SharedArrayBuffer(bytesOfSlidingTable(SLOTS))
  let now = 3600n * SECOND * 10n
  const threads = Array.from({ length: DEEPEST + 1 }, () => new SlidingTable(buffer, SLOTS, () => now))
  const verdict = newVerdict()
  // Full of keys that are forgotten while the first window of the hot ones goes on: those come to slots then.
  for (let key = 0; key < SLOTS; key++) {
    threads[0]?.take(key + 1, key * 7919, { count: 9, seconds: 1, cost: 1 }, now, verdict)
  }
  const used = [0, 0, 0]
  const one = (thread: number): void => {
    const hot = random(3)
    const cost = 1 + random(2)
    threads[thread]?.take(100 + hot, 7919 * (100 + hot), { count: COUNT, seconds: 3600, cost }, now, verdict)
    if (verdict.admitted) used[hot] = (used[hot] ?? 0) + cost
  }
  play(random, one, () => (now += steps[random(steps.length)] ?? 0n))
  return Math.max(...used) > COUNT
}

for (const [name, steps] of [
  ['stands', [0n]],
  ['goes on', [0n, 0n, 0n, SECOND]]
] as const) {
  t.test(`a sliding window, while the clock ${name}`, async (t) =>
    t.same(
      Array.from({ length: RUNS }, (_, seed) => seed).filter((seed) => windowExceeded(seed, steps)),
      []
    )
  )
}

for (const [name, steps] of [
  ['stands', [0]],
  ['comes to midnight', [0, 0, 0, DAY]]
] as const) {
  t.test(`a quota, while the clock ${name}`, async (t) =>
    t.same(
      Array.from({ length: RUNS }, (_, seed) => seed).filter((seed) => quotaExceeded(seed, steps)),
      []
    )
  )
}

/**
 * More keys than slots, wherever the system puts a thread aside: what a key has in the sketch and what it has in a slot
 * are one count. limit-table's is in test/regression/309.
 */
import t from 'tap'
import { bytesOfConcurrency, ConcurrencyTable } from '../../src/memory/concurrency.ts'
import { newVerdict } from '../../src/memory/limit-table.ts'
import { bytesOfQuotaTable, QuotaTable } from '../../src/memory/quota-table.ts'
import { bytesOfSlidingTable, SlidingTable } from '../../src/memory/sliding-table.ts'
import { interpose, interposed } from './fixtures/interposed.ts'
import { numbers } from './fixtures/numbers.ts'

const SLOTS = 64
const DEEPEST = 3
const RUNS = 100
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

const AT_ONCE = 2

function atOnceExceeded(seed: number): string | null {
  const random = numbers(seed)
  const buffer = new SharedArrayBuffer(bytesOfConcurrency(SLOTS, DEEPEST + 1))
  const threads = Array.from({ length: DEEPEST + 1 }, () => new ConcurrencyTable(buffer, SLOTS, DEEPEST + 1))
  const [first] = threads
  const key = (n: number) => [100 + n, 7919 * (100 + n)] as const
  // As many others as slots, of which some end and make room for the hot ones.
  const others = Array.from({ length: SLOTS }, (_, n) => first?.acquire(n + 1, n * 7919, 1, 0) ?? -1)
  const held: { hot: number; slot: number; thread: number }[] = []
  let exceeded = 0
  const one = (thread: number): void => {
    const table = threads[thread]
    const choice = random(8)
    if (choice === 0 && others.length > 0) return table?.release(others.pop() ?? 0, 0)
    if (choice < 4 && held.length > 0) {
      const [ended] = held.splice(random(held.length), 1)
      if (ended !== undefined) table?.release(ended.slot, ended.thread)
      return
    }
    const hot = random(3)
    const slot = table?.acquire(...key(hot), AT_ONCE, thread) ?? -1
    if (slot < 0) return
    held.push({ hot, slot, thread })
    if (held.filter((each) => each.hot === hot).length > AT_ONCE) exceeded++
  }
  play(random, one, () => undefined)
  if (exceeded > 0) return `${seed}: ${exceeded} above the maximum`
  for (const { slot, thread } of held) first?.release(slot, thread)
  const left = [0, 1, 2].map((hot) => first?.underWayOf(...key(hot)))
  return left.every((n) => n === 0) ? null : `${seed}: ${left.join()} left`
}

t.test('requests at once, while others end', async (t) =>
  t.same(
    Array.from({ length: 10 * RUNS }, (_, seed) => atOnceExceeded(seed)).filter((found) => found !== null),
    []
  )
)

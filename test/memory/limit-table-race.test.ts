/** Exactness over real threads: the slot protocol of slots.ts under as many crossings as a second holds. */
import t from 'tap'
import { Worker } from 'node:worker_threads'
import { bytesOfConcurrency, ConcurrencyTable } from '../../src/memory/concurrency.ts'
import { KeyHash } from '../../src/memory/hash.ts'
import { bytesOfLimitTable } from '../../src/memory/limit-table.ts'
import { bytesOfQuotaTable } from '../../src/memory/quota-table.ts'
import { bytesOfSlidingTable } from '../../src/memory/sliding-table.ts'
import type { Race } from './fixtures/race.ts'

const THREADS = 4
const HOUR = 3_600_000

function race(more: Pick<Race, 'kind' | 'slots' | 'rounds' | 'keys' | 'tries' | 'burst' | 'period' | 'hold'>): Race {
  const clock = new SharedArrayBuffer(16)
  new BigInt64Array(clock)[0] = 1_000_000n
  const bytes = {
    rounds: bytesOfLimitTable,
    running: bytesOfLimitTable,
    'at-once': (slots: number) => bytesOfConcurrency(slots, THREADS),
    windows: bytesOfSlidingTable,
    quotas: bytesOfQuotaTable
  }
  return {
    ...more,
    table: new SharedArrayBuffer(bytes[more.kind](more.slots)),
    threads: THREADS,
    thread: 0,
    barrier: new SharedArrayBuffer(8),
    clock,
    results: new SharedArrayBuffer((more.rounds * more.keys + 3) * 4)
  }
}

function results(of: Race): number[] {
  return [...new Int32Array(of.results)]
}

const oneKey = race({ kind: 'rounds', slots: 64, rounds: 20, keys: 1, tries: 400, burst: 100, period: HOUR / 100 })
const newKeys = race({ kind: 'rounds', slots: 1 << 14, rounds: 10, keys: 1000, tries: 1, burst: 3, period: HOUR })
// All keys share one window of 64 slots, and every round takes over what the round before left.
const takenOver = race({ kind: 'rounds', slots: 64, rounds: 400, keys: 40, tries: 1, burst: 2, period: HOUR })
// Five times as many keys as slots: what has no slot is kept in the sketch, while keys displace each other.
const crowded = race({ kind: 'rounds', slots: 64, rounds: 40, keys: 300, tries: 3, burst: 2, period: HOUR })
const running = race({ kind: 'running', slots: 64, rounds: 1, keys: 60, tries: 400, burst: 2, period: 1 })
const atOnce = race({ kind: 'at-once', slots: 64, rounds: 1, keys: 5, tries: 15_000, burst: 2, period: 1 })
// Four threads with 40 requests under way each, of 200 keys in 64 slots.
const atOnceCrowded = race({
  kind: 'at-once',
  slots: 64,
  rounds: 1,
  keys: 200,
  tries: 15_000,
  burst: 2,
  period: 1,
  hold: 40
})
const crowdedWindows = race({ kind: 'windows', slots: 64, rounds: 40, keys: 300, tries: 2, burst: 4, period: HOUR })
const crowdedQuotas = race({ kind: 'quotas', slots: 64, rounds: 40, keys: 300, tries: 2, burst: 4, period: HOUR })

t.before(async () => {
  // One set of threads for all races: starting threads costs more than the races do.
  const races = [oneKey, newKeys, takenOver, crowded, running, atOnce, atOnceCrowded, crowdedWindows, crowdedQuotas]
  const ends = Array.from({ length: THREADS }, (_, thread) => {
    const worker = new Worker(new URL('./fixtures/race.ts', import.meta.url), {
      workerData: races.map((of) => ({ ...of, thread })),
      execArgv: ['--disable-warning=ExperimentalWarning']
    })
    return new Promise<void>((resolve, reject) => {
      worker.on('error', reject)
      worker.on('exit', () => resolve())
    })
  })
  await Promise.all(ends)
})

t.test('100 an hour for one key, raced by four threads, admits exactly 100', async (t) => {
  t.same(
    results(oneKey).slice(0, oneKey.rounds),
    Array.from({ length: oneKey.rounds }, () => 100)
  )
})

t.test('keys first met by four threads at once get one bucket each', async (t) => {
  const admitted = results(newKeys).slice(0, newKeys.rounds * newKeys.keys)
  t.same(new Set(admitted), new Set([3]), 'four tries each, three admitted')
})

t.test('expired slots are taken over under races without a request too many or too few', async (t) => {
  const count = takenOver.rounds * takenOver.keys
  t.equal(results(takenOver)[count], 0, 'no window was full')
  t.same(new Set(results(takenOver).slice(0, count)), new Set([2]), 'four tries each, two admitted')
})

t.test('more keys than slots: none gets more than its burst, and most get it', async (t) => {
  const admitted = results(crowded).slice(0, crowded.rounds * crowded.keys)
  t.equal(Math.max(...admitted), 2, 'twelve tries each')
  const served = admitted.filter((n) => n === 2).length / admitted.length
  t.ok(served > 0.3, `${served} of them`)
  const last = admitted.slice(-crowded.keys)
  t.ok(last.filter((n) => n === 2).length > 64, 'the last round as the first: debts have passed')
})

t.test('a running clock: no key gets more than its burst and what the time refills', async (t) => {
  const [start = 0n, end = 0n] = new BigInt64Array(running.clock)
  const most = running.burst + Math.ceil(Number(end - start) / 1e6)
  const admitted = results(running).slice(0, running.keys)
  t.ok(Math.max(...admitted) <= most, 'not more')
  t.ok(Math.min(...admitted) >= running.burst, 'every key was served')
})

t.test('requests at once never exceed the maximum, and all places come back', async (t) => {
  const { keys } = atOnce
  t.equal(results(atOnce)[keys], 0, 'nothing above the maximum')
  t.ok((results(atOnce)[keys + 1] ?? 0) > 1000, 'many were admitted')
  const table = new ConcurrencyTable(atOnce.table, atOnce.slots, THREADS)
  const hash = new KeyHash([1, 2, 3, 4])
  const domain = hash.domain('race')
  for (let key = 0; key < keys; key++) {
    hash.of(`${key}`, domain)
    t.equal(table.underWayOf(hash.lo, hash.hi), 0)
  }
})

t.test('requests at once of more keys than slots never exceed the maximum, and all places come back', async (t) => {
  const { keys } = atOnceCrowded
  const [above, admitted = 0, without = 0] = results(atOnceCrowded).slice(keys)
  t.equal(above, 0, 'nothing above the maximum')
  t.ok(without > 1000 && admitted - without > 1000, `${without} of ${admitted} without a slot`)
  const table = new ConcurrencyTable(atOnceCrowded.table, atOnceCrowded.slots, THREADS)
  const hash = new KeyHash([1, 2, 3, 4])
  const domain = hash.domain('race')
  let left = 0
  for (let key = 0; key < keys; key++) {
    hash.of(`${key}`, domain)
    left += table.underWayOf(hash.lo, hash.hi)
  }
  t.equal(left, 0)
})

t.test('windows and quotas of more keys than slots: none gets more than its count', async (t) => {
  for (const [of, least] of [
    [crowdedWindows, 2],
    [crowdedQuotas, 4]
  ] as const) {
    const admitted = results(of).slice(0, of.rounds * of.keys)
    t.ok(Math.max(...admitted) <= 4, `${of.kind}: eight tries each`)
    const served = admitted.filter((n) => n >= least).length / admitted.length
    t.ok(served > 0.95, `${of.kind}: ${served} have ${least}`)
    t.ok(admitted.slice(-of.keys).filter((n) => n >= least).length > of.keys * 0.95, 'the last round as the first')
  }
})

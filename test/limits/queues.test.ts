/** Queues of requests at once: order over workers, bounds, and that nobody is forgotten. */
import t from 'tap'
import { Worker } from 'node:worker_threads'
import { Limiter, newLimitVerdict, type Limit } from '../../src/limits/limiter.ts'
import { Counters } from '../../src/memory/counters.ts'
import { allocateShared } from '../../src/memory/shared.ts'
import { eventually } from '../e2e/visitors.ts'
import type { QueueRace } from './fixtures/queue-race.ts'

function bench(max: number, queue: number) {
  const memory = allocateShared({ workers: 2, limitSlots: 1024, ringBytes: 1 << 16 })
  const limiters = [0, 1].map((worker) => new Limiter(memory, worker, new Counters(memory, worker)))
  const [a, b] = limiters as [Limiter, Limiter]
  const limitOf = (limiter: Limiter): Limit =>
    limiter.prepare({
      name: 'parallel',
      level: 'gateway',
      by: [],
      amount: { kind: 'concurrent', max, queue },
      needsCaller: false,
      mode: 'enforce',
      where: ''
    })
  const limits = new Map(limiters.map((limiter) => [limiter, limitOf(limiter)]))
  const verdict = newLimitVerdict()
  const turns: string[] = []
  const holds = new Map<string, () => void>()
  return {
    a,
    b,
    turns,
    release: (name: string) => holds.get(name)?.(),
    /** `in`, `out`, or where it waits. */
    take(limiter: Limiter, name: string): 'in' | 'out' | { abandon(): void } {
      const limit = limits.get(limiter) as Limit
      limiter.take(limit, 'key', false, 1n, verdict)
      const granted = (hold: number): void => {
        turns.push(name)
        holds.set(name, () => limiter.release(hold))
      }
      if (verdict.waits) return limiter.wait(limit, false, granted)
      if (!verdict.admitted) return 'out'
      granted(verdict.hold)
      return 'in'
    }
  }
}

function until(condition: () => boolean): Promise<boolean> {
  return eventually(condition, String(condition))
}

t.test('first come, first served over two workers, and no more wait than may', async (t) => {
  const { a, b, take, turns, release } = bench(1, 4)
  t.equal(take(a, '0'), 'in')
  for (const [limiter, name] of [
    [b, '1'],
    [a, '2'],
    [a, '3'],
    [b, '4']
  ] as const) {
    t.type(take(limiter, name), 'object', `${name} waits`)
  }
  t.equal(take(a, '5'), 'out', 'the queue is full')
  for (let last = 0; last < 4; last++) {
    release(String(last))
    t.ok(await until(() => turns.length === last + 2))
  }
  t.strictSame(turns, ['0', '1', '2', '3', '4'])
  release('4')
  t.equal(take(b, '6'), 'in', 'nobody waits any more')
})

t.test('newcomers stand behind those who wait, even when a place is free', async (t) => {
  const { a, b, take, turns, release } = bench(1, 4)
  take(a, '0')
  take(b, '1')
  release('0')
  t.type(take(a, '2'), 'object')
  t.ok(await until(() => turns.length === 2))
  t.strictSame(turns, ['0', '1'])
})

t.test('who leaves gives its turn to the next, and gets none', async (t) => {
  const { a, b, take, turns, release } = bench(1, 2)
  take(a, '0')
  const first = take(b, '1')
  take(a, '2')
  t.equal(take(a, '3'), 'out')
  if (typeof first === 'object') first.abandon()
  t.type(take(b, '4'), 'object', 'and its place in the queue')
  release('0')
  t.ok(await until(() => turns.length === 2))
  release('2')
  t.ok(await until(() => turns.length === 3))
  t.strictSame(turns, ['0', '2', '4'])
  if (typeof first === 'object') first.abandon()
  t.strictSame(turns, ['0', '2', '4'], 'twice is once')
})

t.test('a worker that goes takes its waiters along and wakes the others', async (t) => {
  const { a, b, take, turns } = bench(1, 4)
  take(b, '0')
  const lost = take(b, '1')
  take(a, '2')
  a.releaseWorker(1)
  t.ok(await until(() => turns.includes('2')))
  t.type(lost, 'object')
})

t.test('four threads that take, wait and give back: never too many, and nobody is forgotten', async (t) => {
  const memory = allocateShared({ workers: 4, limitSlots: 1024, ringBytes: 1 << 16 })
  const race = { memory, max: 3, queue: 100, clients: 12, turns: 150, results: new SharedArrayBuffer(16) }
  await Promise.all(
    Array.from({ length: 4 }, (_, worker) => {
      const workerData: QueueRace = { ...race, worker }
      const thread = new Worker(new URL('./fixtures/queue-race.ts', import.meta.url), {
        workerData,
        execArgv: ['--disable-warning=ExperimentalWarning']
      })
      return new Promise<void>((resolve, reject) => {
        thread.on('error', reject)
        thread.on('exit', () => resolve())
      })
    })
  )
  const [underWay, violations, done] = new Int32Array(race.results)
  t.equal(underWay, 0)
  t.equal(violations, 0)
  t.equal(done, 4 * race.clients * race.turns)
})

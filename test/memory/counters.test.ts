import t from 'tap'
import { bytesOfCounters, COUNTER, COUNTER_NAMES, CounterReader, Counters } from '../../src/memory/counters.ts'

function memory(workers = 2) {
  return { workers, counters: new SharedArrayBuffer(bytesOfCounters(workers)) }
}

t.test('totals are over all threads, per worker its own', async (t) => {
  const shared = memory()
  new Counters(shared, 0).add(COUNTER.requests, 3)
  new Counters(shared, 1).add(COUNTER.requests)
  new Counters(shared, 'main').add(COUNTER.workerRestarts)
  new Counters(shared, 'control').add(COUNTER.reloads, 2)
  const reader = new CounterReader(shared)
  t.equal(reader.total(COUNTER.requests), 0, 'nothing before an update')
  reader.update()
  t.equal(reader.total(COUNTER.requests), 4)
  t.equal(reader.of(0, COUNTER.requests), 3)
  t.equal(reader.total(COUNTER.workerRestarts), 1)
  t.equal(reader.total(COUNTER.reloads), 2)
  t.equal(reader.total(COUNTER.recordsDropped), 0)
})

t.test('a count that goes round 32 bits goes on growing', async (t) => {
  const shared = memory()
  const counters = new Counters(shared, 0)
  const reader = new CounterReader(shared)
  for (let i = 0; i < 5; i++) {
    counters.add(COUNTER.requests, 2 ** 31 - 1)
    reader.update()
  }
  t.equal(reader.total(COUNTER.requests), 5 * (2 ** 31 - 1))
})

t.test('every name has its own place', async (t) => {
  const shared = memory()
  const counters = new Counters(shared, 1)
  COUNTER_NAMES.forEach((name, i) => counters.add(COUNTER[name], i + 1))
  const reader = new CounterReader(shared)
  reader.update()
  t.same(
    COUNTER_NAMES.map((name) => reader.total(COUNTER[name])),
    COUNTER_NAMES.map((_, i) => i + 1)
  )
})

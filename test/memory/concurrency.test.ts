import t from 'tap'
import { BUSY, bytesOfConcurrency, ConcurrencyTable, NO_ROOM } from '../../src/memory/concurrency.ts'

function tables(slots = 64, workers = 2): ConcurrencyTable[] {
  const buffer = new SharedArrayBuffer(bytesOfConcurrency(slots, workers))
  return Array.from({ length: workers }, () => new ConcurrencyTable(buffer, slots, workers))
}

t.test('N-1, N, N+1 at once, over workers', async (t) => {
  const [a, b] = tables() as [ConcurrencyTable, ConcurrencyTable]
  const slot = a.acquire(1, 1, 3, 0)
  t.ok(slot >= 0)
  t.equal(b.acquire(1, 1, 3, 1), slot)
  t.equal(a.acquire(1, 1, 3, 0), slot)
  t.equal(a.underWay, 3)
  t.equal(b.acquire(1, 1, 3, 1), BUSY)
  t.equal(b.underWay, 3)
  a.release(slot, 0)
  t.equal(b.acquire(1, 1, 3, 1), slot)
  t.equal(b.underWayOf(1, 1), 3)
})

t.test('keys count apart', async (t) => {
  const [a] = tables() as [ConcurrencyTable]
  t.ok(a.acquire(1, 1, 1, 0) >= 0)
  t.ok(a.acquire(2, 1, 1, 0) >= 0)
  t.equal(a.acquire(1, 1, 1, 0), BUSY)
  t.equal(a.underWayOf(3, 1), 0)
})

t.test('a worker that goes gives back its share and no more', async (t) => {
  const [a, b] = tables() as [ConcurrencyTable, ConcurrencyTable]
  for (let i = 0; i < 3; i++) a.acquire(1, 1, 10, 0)
  const slot = b.acquire(1, 1, 10, 1)
  a.acquire(2, 2, 10, 0)
  b.releaseWorker(0)
  t.equal(b.underWayOf(1, 1), 1)
  t.equal(b.underWayOf(2, 2), 0)
  b.releaseWorker(0)
  t.equal(b.underWayOf(1, 1), 1, 'a second time changes nothing')
  b.release(slot, 1)
  t.equal(b.underWayOf(1, 1), 0)
})

t.test('keys with nothing under way make room; keys with something do not', async (t) => {
  const [a] = tables() as [ConcurrencyTable]
  const slots = Array.from({ length: 64 }, (_, i) => a.acquire(i + 1, 9, 1, 0))
  t.ok(slots.every((slot) => slot >= 0 && slot < a.slots))
  t.equal(a.fill(0n), 1)
  t.equal(a.acquire(99, 9, 1, 0, 0, true), NO_ROOM, 'where only slots count')
  a.release(slots[20] ?? -1, 0)
  t.ok(a.acquire(99, 9, 1, 0, 0, true) >= 0)
  t.equal(a.acquire(21, 9, 1, 0, 0, true), NO_ROOM)
  t.equal(a.acquire(5, 9, 1, 0), BUSY)
  t.equal(a.crowded, false)
})

t.test('one key fewer than slots, as many, one more, and ten times as many', async (t) => {
  for (const keys of [63, 64, 65, 640]) {
    const [a, b] = tables() as [ConcurrencyTable, ConcurrencyTable]
    const slots: number[] = []
    for (let key = 1; key <= keys; key++) {
      const before = slots.length
      for (let i = 0; i < 3; i++) {
        const slot = a.acquire(key, key * 7919, 2, 0)
        if (slot >= 0) slots.push(slot)
      }
      // Of ten times as many a few share all their cells with others.
      if (keys <= 65) t.equal(slots.length - before, 2, `key ${key} of ${keys}`)
      else if (slots.length - before > 2) t.fail(`key ${key} has more than 2`)
    }
    t.ok(slots.length > keys * 1.95)
    t.equal(a.crowded, keys > 64)
    t.equal(b.underWayOf(1, 7919), 2)
    t.equal(b.underWayOf(keys, keys * 7919), 2)
    for (const slot of slots) a.release(slot, 0)
    for (let key = 1; key <= keys; key++) t.equal(b.underWayOf(key, key * 7919), 0)
  }
})

t.test(
  'a key without a slot: nobody waits for it, a worker that goes gives its share back, and a free slot is taken',
  async (t) => {
    const [a, b] = tables() as [ConcurrencyTable, ConcurrencyTable]
    const slots = Array.from({ length: 64 }, (_, i) => a.acquire(i + 1, 9, 1, 0))
    const held = [a.acquire(99, 9, 3, 0), a.acquire(99, 9, 3, 0), b.acquire(99, 9, 3, 1)]
    t.ok(held.every((slot) => slot >= a.slots))
    t.equal(a.underWay, 2)
    t.equal(b.underWay, 3)
    t.equal(b.acquire(99, 9, 3, 1, 5), BUSY)
    b.release(slots[20] ?? -1, 0)
    t.ok(b.acquire(99, 9, 4, 1) >= b.slots, 'not while it has requests without one')
    b.releaseWorker(0)
    t.equal(b.underWayOf(99, 9), 2)
    b.releaseWorker(1)
    t.equal(b.underWayOf(99, 9), 0)
    const slot = b.acquire(99, 9, 3, 1)
    t.ok(slot >= 0 && slot < b.slots)
  }
)

t.test('many rounds through one slot keep the count', async (t) => {
  const [a] = tables() as [ConcurrencyTable]
  for (let i = 0; i < 10_000; i++) a.release(a.acquire(1, 1, 1, 0), 0)
  t.equal(a.underWayOf(1, 1), 0)
  t.ok(a.acquire(1, 1, 1, 0) >= 0)
  t.equal(a.acquire(1, 1, 1, 0), BUSY)
})

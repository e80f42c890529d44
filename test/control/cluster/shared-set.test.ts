import t, { type Test } from 'tap'
import type { Connection } from '../../../src/cluster/connection.ts'
import { SharedSet, type SharedItem } from '../../../src/control/cluster/shared-set.ts'
import { connected, planOf } from '../../cluster/store.ts'
import { noRedis, startRedis, type RedisServer } from '../../e2e/cluster/redis-server.ts'
import { eventually } from '../../e2e/visitors.ts'

if (noRedis) {
  t.plan(0, noRedis)
  process.exit(0)
}

const HOUR = 3_600_000

interface Host {
  set: SharedSet
  items: Map<string, SharedItem>
  make(id: string, more?: Partial<SharedItem>): SharedItem
}

function host(connection: Connection, usable = (_item: SharedItem): boolean => true): Host {
  const items = new Map<string, SharedItem>()
  const set = new SharedSet({
    name: 'things',
    prefix: 'test',
    connection,
    held: () => [...items.values()],
    receive: (item) => {
      if (!usable(item)) return false
      if (item.value === null) items.delete(item.id)
      else items.set(item.id, item)
      return true
    },
    received: () => {}
  })
  return {
    set,
    items,
    make: (id, more = {}) => {
      const item = { id, at: Date.now(), until: Date.now() + HOUR, value: { of: id }, ...more }
      if (item.value === null) items.delete(id)
      else items.set(id, item)
      set.publish(item)
      return item
    }
  }
}

async function pair(t: Test): Promise<[RedisServer, Host, Host, Connection]> {
  const redis = await startRedis(t)
  const connection = await connected(t, planOf(redis))
  return [redis, host(connection), host(connection), connection]
}

t.test('made here, held there; taken back there, gone here', async (t) => {
  const [, a, b] = await pair(t)
  const item = a.make('x')
  await a.set.round()
  await b.set.round()
  t.same([...b.items.values()], [item])
  b.make('x', { at: Date.now() + 1, value: null })
  await b.set.round()
  await a.set.round()
  t.same([...a.items], [])
})

t.test('a host that comes later gets all, of thousands too, and what was taken back is not among them', async (t) => {
  const [, a, b, connection] = await pair(t)
  for (let i = 0; i < 2500; i++) a.make(`item ${i}`)
  a.make('item 7', { at: Date.now() + 1, value: null })
  await a.set.round()
  t.equal(a.set.waiting, 0)
  await b.set.round()
  t.equal(b.items.size, 2499)
  const late = host(connection)
  late.items.set('item 7', { id: 'item 7', at: Date.now() - HOUR, until: Date.now() + HOUR, value: 1 })
  await late.set.round()
  t.equal(late.items.has('item 7'), false, 'it had kept it over a restart, and hears of its end')
  t.equal(late.items.size, 2499)
})

t.test('the later word counts, whoever hears it when', async (t) => {
  const [, a, b] = await pair(t)
  const now = Date.now()
  a.make('x', { at: now })
  b.make('x', { at: now + 5, value: null })
  await b.set.round()
  await a.set.round()
  await b.set.round()
  await a.set.round()
  t.equal(b.items.has('x'), false)
})

t.test('a store that was emptied is told again, by whoever still holds it', async (t) => {
  const [redis, a, b] = await pair(t)
  a.make('x')
  await a.set.round()
  await b.set.round()
  redis.cli('flushall')
  await b.set.round()
  t.equal(redis.cli('hlen', 'test:{things}'), '1')
})

t.test('what has ended is not shared, and leaves the store', async (t) => {
  const [redis, a, b] = await pair(t)
  a.make('over', { until: Date.now() - 1 })
  a.make('soon', { until: Date.now() + 50 })
  await a.set.round()
  await new Promise((resolve) => setTimeout(resolve, 80))
  a.make('x')
  await a.set.round()
  await b.set.round()
  t.same([...b.items.keys()], ['x'])
  t.equal(redis.cli('hlen', 'test:{things}'), '1')
  t.ok(Number(redis.cli('pttl', 'test:{things}')) > HOUR - 60_000)
})

t.test('what is no item changes nothing and is counted; the rest of it is taken', async (t) => {
  const [redis, a, b] = await pair(t)
  const good = JSON.stringify({ id: 'e', at: Date.now(), until: Date.now() + HOUR, value: 1 })
  const bad = [
    '',
    'null',
    '[]',
    '{"id":"other"}',
    JSON.stringify({ id: 'd', at: 'x', until: 1 }),
    good,
    `"${'x'.repeat(40_000)}"`
  ]
  a.make('first')
  await a.set.round()
  await b.set.round()
  for (const item of bad) redis.cli('xadd', 'test:{things}:changes', '*', 'id', 'e', 'item', item)
  await b.set.round()
  t.same([...b.items.keys()], ['first', 'e'])
  t.equal(b.set.unusable, bad.length - 1)
})

t.test('without the store it waits, and is told when that is back', async (t) => {
  const [redis, a, b, connection] = await pair(t)
  await redis.kill()
  await eventually(() => !connection.up, 'it is missed')
  a.make('x')
  await t.rejects(a.set.round())
  t.equal(a.set.waiting, 1)
  await redis.start()
  await eventually(() => connection.up, 'it is found again')
  await a.set.round()
  await b.set.round()
  t.same([...b.items.keys()], ['x'])
})

t.test('an older copy of the store is given what came after it', async (t) => {
  const [redis, a, b] = await pair(t)
  a.make('old')
  await a.set.round()
  await b.set.round()
  const changes = redis.cli('--raw', 'xrange', 'test:{things}:changes', '-', '+')
  a.make('new')
  await a.set.round()
  const last = redis.cli('--raw', 'xrevrange', 'test:{things}:changes', '+', '-', 'COUNT', '1').split('\n')[0] ?? ''
  redis.cli('xdel', 'test:{things}:changes', last)
  redis.cli('hdel', 'test:{things}', 'new')
  t.equal(redis.cli('--raw', 'xrange', 'test:{things}:changes', '-', '+'), changes, 'as if it had never come')
  await a.set.round()
  await b.set.round()
  t.same([...b.items.keys()], ['old', 'new'])
})

t.test('keys of another type give way, and lines that nobody here wrote shift no others', async (t) => {
  const [redis, a, b] = await pair(t)
  a.make('kept')
  await a.set.round()
  for (const key of ['test:{things}', 'test:{things}:ends', 'test:{things}:changes']) {
    redis.cli('del', key)
    redis.cli('rpush', key, 'x')
    await a.set.round()
    await a.set.round()
    t.equal(redis.cli('--raw', 'hkeys', 'test:{things}'), 'kept', key)
  }
  redis.cli('xadd', 'test:{things}:changes', '*', 'odd', 'one')
  a.make('after it')
  await a.set.round()
  await b.set.round()
  t.ok(b.items.has('after it'))
})

t.test('what has ended is forgotten, without a host having been away', async (t) => {
  const [, a] = await pair(t)
  for (let i = 0; i < 25_000; i++) {
    a.make(`item ${i}`, { until: Date.now() - 1 })
    if (i % 1000 === 0) await a.set.round()
  }
  await a.set.round()
  t.ok(a.set.known < 20_000, `${a.set.known} remembered`)
})

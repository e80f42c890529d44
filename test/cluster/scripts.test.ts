/** The scripts in a real store: exact to the request, and no key for ever. */
import t from 'tap'
import { EXCHANGE, TAKE } from '../../src/cluster/scripts.ts'
import { noRedis, startRedis } from '../e2e/cluster/redis-server.ts'
import { connected, planOf } from './store.ts'

if (noRedis) {
  t.plan(0, noRedis)
  process.exit(0)
}

const redis = await startRedis(t)
const connection = await connected(t, planOf(redis))
const take = async (key: string, ...args: (string | number)[]): Promise<number[]> =>
  ((await connection.run(TAKE, [key], args.map(String), 5000)) as string[]).map(Number)
const exchange = async (key: string, ...args: (string | number)[]): Promise<number[]> =>
  ((await connection.run(EXCHANGE, [key], args.map(String), 5000)) as string[]).map(Number)
const times = async (n: number, once: () => Promise<number[]>): Promise<number> => {
  let admitted = 0
  for (const [yes = 0] of await Promise.all(Array.from({ length: n }, once))) admitted += yes
  return admitted
}

t.test('a burst is exact, at units that no double holds exactly too', async (t) => {
  // 7 a minute and 300 an hour, to a sixteenth of a microsecond.
  for (const unit of [8_571_428.625, 12_000_000, 60_000_000.0625])
    for (const burst of [1, 2, 7, 100]) {
      const key = `burst ${unit} ${burst}`
      t.equal(await times(burst - 1, () => take(key, 'r', unit, burst * unit, 0)), burst - 1)
      t.equal(await times(3, () => take(key, 'r', unit, burst * unit, 0)), 1, `one more of ${burst}`)
    }
})

t.test('costs, windows and quotas at their edge', async (t) => {
  t.equal(await times(10, () => take('cost', 'r', 3e6, 10e6, 0)), 3)
  t.equal(await times(10, () => take('window', 's', 3, 20, 3_600e6)), 6)
  t.equal(await times(10, () => take('quota', 'q', 3, 20, Date.now() + 60_000)), 6)
  t.same(await take('quota', 'q', 3, 20, Date.now() + 60_000), [0, 18])
  const [, before, present] = await take('window', 's', 3, 20, 3_600e6)
  t.same([before, present], [0, 18])
})

t.test('what comes back as time passes', async (t) => {
  t.equal((await times(50, () => take('fast', 'r', 1000, 20_000, 0))) >= 20, true)
  await new Promise((resolve) => setTimeout(resolve, 30))
  t.equal(await times(19, () => take('fast', 'r', 1000, 20_000, 0)), 19, 'a bucket of 20 ms is full again')
  for (let i = 0; i < 3; i++) await take('second', 's', 1, 3, 1e6)
  await new Promise((resolve) => setTimeout(resolve, 2100))
  t.equal((await times(5, () => take('second', 's', 1, 3, 1e6))) >= 3, true, 'two windows later all is there')
})

t.test('an exchange adds, or raises to what there must be at least', async (t) => {
  const [now = 0, before = 0, after = 0, level] = await exchange('x', 'r', 5e6, 0, 0)
  t.same([before - now, after - now, level], [0, 5e6, 5e6])
  const [, second = 0, raised = 0] = await exchange('x', 'r', 0, 60e6, 0)
  t.equal(second, after, 'nobody else came')
  t.ok(raised > after + 50e6)
  t.same((await exchange('y', 's', 4, 0, 3_600e6)).slice(1), [0, 4, 4])
  t.same((await exchange('y', 's', 0, 9, 3_600e6)).slice(1), [4, 9, 9])
  t.same((await exchange('y', 's', 0, 5, 3_600e6)).slice(1), [9, 9, 9])
  const end = Date.now() + 60_000
  t.same((await exchange('z', 'q', 4, 0, end)).slice(1), [0, 4, 4])
  t.same((await exchange('z', 'q', 2, 9, end)).slice(1), [4, 9, 9])
})

t.test('what somebody else wrote at a key counts as nothing, and costs the other keys nothing', async (t) => {
  const asked = { r: [1e6, 5e6, 0], s: [1, 5, 3_600e6], q: [1, 5, Date.now() + 60_000] }
  const spoil = {
    'a list': (key: string) => redis.cli('rpush', key, 'x'),
    words: (key: string) => redis.cli('set', key, 'many'),
    'no amount': (key: string) => redis.cli('set', key, 'inf'),
    'a window of words': (key: string) => redis.cli('hset', key, 'w', 'x', 'c', 'nan', 'p', '-inf', 't', '1e300')
  }
  for (const [what, write] of Object.entries(spoil))
    for (const [kind, [cost = 0, most = 0, period = 0]] of Object.entries(asked)) {
      const key = `${what} ${kind}`
      write(key)
      const [, , after = 0] = await exchange(key, kind, cost, 0, period)
      t.ok(Number.isFinite(after), `${key}: exchanged`)
      redis.cli('del', key)
      write(key)
      t.equal(await times(10, () => take(key, kind, cost, most, period)), 5, `${key}: asked`)
    }
})

t.test('every key ends', async (t) => {
  for (const key of redis.cli('--scan').split('\n')) {
    if (key === 'test:seed') continue
    t.ok(Number(redis.cli('pttl', key)) > 0, key)
  }
})

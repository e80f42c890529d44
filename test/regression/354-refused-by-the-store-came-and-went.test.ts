/**
 * A store that answered greetings and refused what it was asked, by its access list or for one key that somebody else had
 * written, was away and back twenty times a second, with a line in the log each.
 */
import t from 'tap'
import { TAKE } from '../../src/cluster/scripts.ts'
import { connected, planOf } from '../cluster/store.ts'
import { noRedis, startRedis } from '../e2e/cluster/redis-server.ts'

if (noRedis) {
  t.plan(0, noRedis)
  process.exit(0)
}

t.test('it is away for longer each time', async (t) => {
  const redis = await startRedis(t)
  const states: string[] = []
  const connection = await connected(t, planOf(redis), { states })
  redis.cli('acl', 'setuser', 'default', '-hset')
  for (const until = Date.now() + 4000; Date.now() < until; await new Promise((resolve) => setTimeout(resolve, 10)))
    await connection.run(TAKE, ['window'], ['s', '1', '9', '1000000'], 1000).catch(() => {})
  t.match(states[1], /can't run this command/)
  t.ok(states.length > 2 && states.length < 18, `${states.length} changes in 4 s`)
})

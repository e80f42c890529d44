/** A store behind a sentinel, which says where the master is. */
import t from 'tap'
import { status } from '../e2e/control-socket.ts'
import { countedTogether, EXACTLY, startPair } from '../e2e/cluster/pair.ts'
import { noRedis, startRedis, startSentinel } from '../e2e/cluster/redis-server.ts'

if (noRedis) {
  t.plan(0, noRedis)
  process.exit(0)
}

const master = await startRedis(t, ['requirepass master-word'])
const port = await startSentinel(t, 'main', master.port, 'master-word')
const [a, b] = await startPair(t, `{ url: "redis://127.0.0.1:${port}", sentinel: main, password: master-word }`)

t.test('two gateways count together', async (t) => {
  t.same(await countedTogether(a, b), EXACTLY)
  t.equal((await status(a.dir)).cluster?.store, `redis://127.0.0.1:${port} (sentinel main)`)
})

/** Hosts that start while the store is away: each serves and counts alone, and once it is there they agree on a seed and count as one. */
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { ask } from '../e2e/client.ts'
import { freePort } from '../e2e/free-port.ts'
import { admitted, ADMITTED, countedTogether, EXACTLY, startPair } from '../e2e/cluster/pair.ts'
import { noRedis, soon, startRedis } from '../e2e/cluster/redis-server.ts'

if (noRedis) {
  t.plan(0, noRedis)
  process.exit(0)
}

t.test('started without the store, together with it', async (t) => {
  const port = await freePort()
  const pair = await startPair(t, `"redis://127.0.0.1:${port}"`)
  const [a, b] = pair
  await a.said(/the store of the cluster is away: [^;]*ECONNREFUSED[^;]*; this host counts alone/)
  t.equal(await admitted(a, '/strict', 'early', ADMITTED + 5), ADMITTED)
  t.equal(await admitted(b, '/first', 'early', ADMITTED + 5), ADMITTED)
  const redis = await startRedis(t, [], port)
  const seed = (dir: string): string => {
    try {
      return readFileSync(join(dir, 'var/cluster-seed'), 'utf8').trim()
    } catch {
      return ''
    }
  }
  await soon(async () => pair.every(({ dir }) => seed(dir) !== '' && seed(dir) === redis.cli('get', 'gatehouse:seed')))
  // One of them changed to the other's: a generation of its own, prepared under the new seed.
  await soon(async () => pair.some(({ stderr }) => /hash keys with another seed: applied/.test(stderr)))
  // Of strict limits each worker asks by itself, and says so.
  await soon(async () => pair.every(({ stderr }) => /asks the store of the cluster about strict limits/.test(stderr)))
  t.same(await countedTogether(a, b), EXACTLY)
  t.equal((await ask(a.port, '/first', { headers: { 'x-who': 'new' } })).status, 200)
})

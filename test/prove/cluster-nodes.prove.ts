/** A Redis Cluster of three masters. */
import { spawnSync } from 'node:child_process'
import t from 'tap'
import { countedTogether, EXACTLY, startPair } from '../e2e/cluster/pair.ts'
import { noRedis, startRedis } from '../e2e/cluster/redis-server.ts'

if (noRedis) {
  t.plan(0, noRedis)
  process.exit(0)
}

t.test('two gateways count together, and each master keeps some of it', async (t) => {
  const settings = ['cluster-enabled yes', 'cluster-node-timeout 2000']
  const nodes = await Promise.all([0, 1, 2].map(() => startRedis(t, settings)))
  const addresses = nodes.map(({ port }) => `127.0.0.1:${port}`)
  const made = spawnSync('redis-cli', ['--cluster', 'create', ...addresses, '--cluster-yes'], { encoding: 'utf8' })
  t.match(made.stdout, /All 16384 slots covered/)
  const urls = addresses.slice(0, 2).map((address) => `"redis://${address}"`)
  const [a, b] = await startPair(t, `{ url: [${urls.join(', ')}], cluster: true }`)
  t.same(await countedTogether(a, b), EXACTLY)
  const keys = nodes.map((node) => Number(node.cli('dbsize')))
  t.ok(
    keys.every((n) => n > 0),
    `keys: ${keys.join(', ')}`
  )
})

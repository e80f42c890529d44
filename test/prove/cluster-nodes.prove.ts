/** A Redis Cluster of three masters. */
import { spawnSync } from 'node:child_process'
import t from 'tap'
import { admitted, countedTogether, EXACTLY, startPair } from '../e2e/cluster/pair.ts'
import { noRedis, startRedis } from '../e2e/cluster/redis-server.ts'

/** That none of so many keys comes to one of three masters has a chance of (2/3)^200, 10^-35. */
const MANY = 200

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
  const keys = (): number[] => nodes.map((node) => Number(node.cli('dbsize')))
  // The hashes that say whose a key is have a seed of this store's: few keys may miss a master, so many can't.
  for (let i = 0; i < MANY && keys().includes(0); i++) t.equal(await admitted(a, '/strict', `one more ${i}`, 1), 1)
  t.notOk(keys().includes(0), `keys: ${keys().join(', ')}`)
})

/** A store that speaks TLS under an authority of its own, and asks for a user and a password. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import t from 'tap'
import { testCertificate } from '../e2e/certificates.ts'
import { status } from '../e2e/control-socket.ts'
import { freePort } from '../e2e/free-port.ts'
import { countedTogether, EXACTLY, startPair } from '../e2e/cluster/pair.ts'
import { noRedis, startRedis } from '../e2e/cluster/redis-server.ts'

if (noRedis) {
  t.plan(0, noRedis)
  process.exit(0)
}

const { ca, files } = await testCertificate('redis', ['redis.internal'])
const dir = mkdtempSync(join(tmpdir(), 'gatehouse-tls-'))
t.teardown(() => rmSync(dir, { recursive: true, force: true }))
for (const [name, text] of Object.entries(files)) writeFileSync(join(dir, name), text)
const port = await freePort()
await startRedis(
  t,
  [
    'port 0',
    `tls-port ${port}`,
    `tls-cert-file ${dir}/redis.pem`,
    `tls-key-file ${dir}/redis.key`,
    'tls-auth-clients no',
    'user gatehouse on >pass~word ~gatehouse:* +@all',
    'user default off'
  ],
  port
)
const redis = (word: string): string =>
  `{ url: "rediss://gatehouse:${word}@127.0.0.1:${port}", ca: ca.pem, serverName: redis.internal }`

t.test('two gateways that know the word count together', async (t) => {
  const [a, b] = await startPair(t, redis('${env:STORE}'), { env: { STORE: 'pass~word' }, files: { 'ca.pem': ca } })
  t.same(await countedTogether(a, b), EXACTLY)
  t.equal((await status(a.dir)).cluster?.store, `rediss://127.0.0.1:${port}`)
  t.notMatch(a.stderr + b.stderr, /pass~word/)
})

t.test('one that does not counts for itself, and says why without the word', async (t) => {
  const [stranger] = await startPair(t, redis('wrong-word'), { files: { 'ca.pem': ca } })
  t.match(await stranger.said(/the store of the cluster is away[^}]*/), /WRONGPASS/)
  t.notMatch(stranger.stderr, /:wrong-word/)
})

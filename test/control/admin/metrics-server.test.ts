import { createServer } from 'node:http'
import { once } from 'node:events'
import t from 'tap'
import { startMetricsServer } from '../../../src/control/admin/metrics-server.ts'

t.test('serves the exposition at /metrics and nothing else', async (t) => {
  const server = await startMetricsServer({ host: '127.0.0.1', port: 0 }, async () => 'up 1\n')
  t.teardown(() => server.close())
  const base = `http://127.0.0.1:${server.port}`
  const good = await fetch(`${base}/metrics`)
  t.equal(good.status, 200)
  t.match(good.headers.get('content-type'), /^text\/plain; version=0\.0\.4/)
  t.equal(await good.text(), 'up 1\n')
  t.equal((await fetch(`${base}/`)).status, 404)
  const post = await fetch(`${base}/metrics`, { method: 'POST', body: 'x' })
  t.equal(post.status, 405)
  t.equal(post.headers.get('allow'), 'GET')
})

t.test('scrapes at once are collected once, and a failure is not kept', async (t) => {
  let collected = 0
  const server = await startMetricsServer({ host: '127.0.0.1', port: 0 }, async () => {
    collected++
    // Long enough for the others to come, on a machine with other things to do.
    await new Promise((resolve) => setTimeout(resolve, 1_000))
    if (collected === 1) throw new Error('secret inside')
    return 'up 1\n'
  })
  t.teardown(() => server.close())
  const url = `http://127.0.0.1:${server.port}/metrics`
  const failed = await Promise.all([fetch(url), fetch(url), fetch(url)])
  t.same(
    failed.map(({ status }) => status),
    [500, 500, 500]
  )
  t.notMatch(await failed[0]?.text(), 'secret')
  t.equal(collected, 1)
  t.equal((await fetch(url)).status, 200)
})

t.test('an address in use rejects', async (t) => {
  const other = createServer().listen(0, '127.0.0.1')
  await once(other, 'listening')
  t.teardown(() => void other.close())
  const address = other.address()
  const port = address !== null && typeof address === 'object' ? address.port : 0
  await t.rejects(
    startMetricsServer({ host: '127.0.0.1', port }, async () => ''),
    { code: 'EADDRINUSE' }
  )
})

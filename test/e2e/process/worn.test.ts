/** A worker that has counted its connections is replaced by another, and no client loses a request by it. */
import { fileURLToPath } from 'node:url'
import t from 'tap'
import { ask } from '../client.ts'
import { connect } from '../connection.ts'
import { metric, settled } from '../control.ts'
import { startGateway } from '../gateway.ts'
import { startUpstream } from '../upstream.ts'
import { eventually, Visitors } from '../visitors.ts'

const FAULTS = fileURLToPath(new URL('./faults.ts', import.meta.url))
const MOST = 40

const configuration = `version: 1
listen: [ { name: plain, address: "127.0.0.1:0" } ]
client: { connections: { max: 1000 } }
services:
  - name: s
    url: http://127.0.0.1:1
    policies: { auth: public }
    routes:
      - { name: r, match: { paths: ["/"] }, respond: { status: 200, body: "x" } }
      - { name: held, match: { paths: ["/held"] } }
`
const env = { GATEHOUSE_WORKER_CONNECTIONS: String(MOST) }
/** For what is never answered. */
const hasty = { ...env, GATEHOUSE_DRAIN_DELAY: '0ms', GATEHOUSE_DRAIN_DEADLINE: '1s' }

void t.test('each in its turn, under load', async (t) => {
  const gateway = await startGateway(t, configuration, { workers: 2, env })
  const visitors = new Visitors(gateway.port, { keepAlive: 6, fresh: 3, pause: 2 })
  for (const worker of [0, 1])
    await gateway.said(new RegExp(`worker ${worker} has counted its connections and is replaced`))
  const losses = await visitors.stop()
  t.same(losses.lost, [])
  t.ok(losses.answered > MOST, `${losses.answered} answers`)
  t.ok(losses.closes > 0, 'those with a connection were told to open another')
  t.equal(await metric(gateway, 'gatehouse_worker_restarts_total'), 0, 'none of them failed')
})

void t.test('a stop meanwhile has its own deadline', async (t) => {
  let asked = 0
  const upstream = await startUpstream(t, () => asked++)
  const gateway = await startGateway(t, configuration.replace('http://127.0.0.1:1', upstream.url), {
    workers: 2,
    env: hasty
  })
  // Under way on both workers, and never answered.
  const held = await Promise.all(Array.from({ length: 8 }, () => connect(gateway.port)))
  for (const line of held) line.send('GET /held HTTP/1.1\r\nHost: a\r\n\r\n')
  await eventually(() => asked === held.length, 'all are at the service')
  for (let i = 0; i < 2 * MOST; i++) await ask(gateway.port, '/')
  await gateway.said(/has counted its connections and is replaced/)
  const began = performance.now()
  t.equal(await gateway.stop(), 0)
  t.ok(performance.now() - began < 30_000, 'and not the minute that the worker had')
})

void t.test('one that fails meanwhile does not get the minute either', async (t) => {
  let asked = 0
  const upstream = await startUpstream(t, () => asked++)
  const gateway = await startGateway(t, configuration.replace('http://127.0.0.1:1', upstream.url), {
    workers: 2,
    env: hasty,
    preload: [FAULTS]
  })
  const lines = await Promise.all(Array.from({ length: 8 }, () => connect(gateway.port)))
  const workers: string[] = []
  for (const line of lines) {
    line.send('GET /worker HTTP/1.1\r\nHost: a\r\n\r\n')
    workers.push((await line.response()).body)
  }
  // Under way on both workers, and never answered: neither is done of itself.
  const held = await Promise.all(Array.from({ length: 8 }, () => connect(gateway.port)))
  for (const line of held) line.send('GET /held HTTP/1.1\r\nHost: a\r\n\r\n')
  await eventually(() => asked === held.length, 'all are at the service')
  for (let i = 0; i < 2 * MOST; i++) await ask(gateway.port, '/')
  const [worn = ''] = /\d/.exec(await gateway.said(/worker \d has counted its connections and is replaced/)) ?? []
  const from = gateway.stderr.length
  const line = lines[workers.indexOf(worn)]
  if (line === undefined) throw new Error(`no connection to worker ${worn}: ${workers.join()}`)
  line.send('GET / HTTP/1.1\r\nHost: a\r\nX-Fault: timer\r\n\r\n')
  await gateway.said(new RegExp(`worker ${worn} failed and is replaced`), from)
  await gateway.said(new RegExp(`worker ${worn} serves`), from)
})

void t.test('one alone stays', async (t) => {
  const gateway = await startGateway(t, configuration, { workers: 1, env })
  for (let i = 0; i < 2 * MOST; i++) t.equal((await ask(gateway.port, '/')).status, 200)
  await settled(gateway, 'gatehouse_connections_opened_total', 2 * MOST)
  t.notMatch(gateway.stderr, /is replaced/)
})

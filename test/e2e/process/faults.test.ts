import { fileURLToPath } from 'node:url'
import t from 'tap'
import { ask } from '../client.ts'
import { startGateway } from '../gateway.ts'
import { startUpstream } from '../upstream.ts'
import { eventually, Line, pause, Visitors } from '../visitors.ts'

const FAULTS = fileURLToPath(new URL('./faults.ts', import.meta.url))
const STAGES = [
  'framing',
  'client',
  'redirect',
  'ready',
  'wall',
  'route',
  'ip',
  'admission',
  'limits',
  'preflight',
  'auth',
  'caller-admission',
  'authorize',
  'caller-limits',
  'validate',
  'respond'
]

void t.test('what goes wrong inside a worker', async (t) => {
  const upstream = await startUpstream(t, (_request, response) => response.end('from the service'))
  const gateway = await startGateway(
    t,
    `version: 1
listen: [ { name: plain, address: "127.0.0.1:0" } ]
services:
  - name: front
    url: ${upstream.url}
    routes:
      - { name: page, match: { paths: ["/", "/worker"] }, policies: { auth: public } }
`,
    { workers: 3, preload: [FAULTS] }
  )
  const { port } = gateway

  await t.test('a stage that throws costs its request a 500 and nothing else', async (t) => {
    const visitors = new Visitors(port, { keepAlive: 10, fresh: 5 })
    for (const stage of STAGES) {
      const from = gateway.stderr.length
      const line = await Line.open(port)
      const { status, head, body } = await line.ask('/', true, { 'x-fault': `throw:${stage}` })
      t.equal(status, 500, stage)
      t.match(head, /content-type: application\/problem\+json/i)
      t.match(JSON.parse(body), { type: 'about:blank', title: 'Internal Server Error', status: 500 })
      t.notMatch(head + body, /injected|\.js|\.ts|at /, 'the caller learns nothing of the inside')
      t.equal((await line.ask('/')).status, 200, 'the same connection goes on')
      line.end()
      await gateway.said(new RegExp(`injected fault in ${stage}\\\\n +at .*faults\\.ts:\\d+`), from)
    }
    t.equal((await ask(port, '/', { headers: { 'x-fault': 'reject:auth' } })).status, 500, 'a stage that rejects, too')
    const losses = await visitors.stop()
    t.same(losses.lost, [])
    t.same([...losses.statuses.keys()], [200], 'all others were served')
    t.equal((await gateway.line((line) => line.status === 500)).decision, 'error', 'it stands in the access log')
  })

  for (const kind of ['timer', 'promise']) {
    await t.test(`a worker with an uncaught exception (${kind}) is replaced, and nothing is lost`, async (t) => {
      const from = gateway.stderr.length
      const visitors = new Visitors(port, { keepAlive: 15, fresh: 15, path: '/worker' })
      await pause(150)
      t.equal((await ask(port, '/', { headers: { 'x-fault': kind } })).status, 200)
      await gateway.said(/injected into a.*worker \d failed and is replaced/, from)
      const said = await gateway.said(/worker (\d) serves/, from)
      const replaced = said.slice(7, 8)
      await eventually(async () => (await ask(port, '/worker')).body === replaced, 'the new worker answers')
      const losses = await visitors.stop()
      t.same(losses.lost, [], 'not even requests of the worker that failed')
      t.same([...losses.statuses.keys()], [200])
      t.equal(gateway.stderr.slice(from).match(/failed and is replaced/g)?.length, 1, 'said once')
    })
  }

  await t.test(
    'a worker in an endless loop gets no new connection after a second, and again when it is back',
    async (t) => {
      const from = gateway.stderr.length
      const line = await Line.open(port)
      // Before it asks: the loop ends no sooner than 3.5 s from now, however long anything else takes.
      const end = performance.now() + 3_500
      const looping = (await line.ask('/worker', true, { 'x-fault': 'loop:3500' })).body
      // What came to it before it was found blocked has to wait, and is answered in the end.
      const early = Array.from({ length: 6 }, () => ask(port, '/worker'))
      await gateway.said(/is blocked: it gets no new connections/, from)
      while (performance.now() < end) {
        const { body } = await ask(port, '/worker')
        if (body === looping && performance.now() < end) t.fail('the one in the loop was asked')
        await pause(20)
      }
      t.ok(
        (await Promise.all(early)).every(({ status }) => status === 200),
        'what waited on it is answered'
      )
      await gateway.said(/answers again/, from)
      await eventually(async () => (await ask(port, '/worker')).body === looping, 'it gets connections again')
      line.end()
    }
  )
})

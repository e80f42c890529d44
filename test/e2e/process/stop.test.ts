import { existsSync, readFileSync, renameSync, statSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { ask } from '../client.ts'
import { gatehouse } from '../command.ts'
import { listens } from '../free-port.ts'
import { startGateway } from '../gateway.ts'
import { configuration } from '../reload/configuration.ts'
import { startUpstream } from '../upstream.ts'
import { eventually, Line } from '../visitors.ts'

/** A service that takes as long as the path says, in ms. */
function slow(t: Parameters<typeof startUpstream>[0]): ReturnType<typeof startUpstream> {
  return startUpstream(t, (request, response) => {
    setTimeout(() => response.end('done'), Number(request.url?.slice(1))).unref()
  })
}

const inFront = (url: string, more = ''): string =>
  configuration({
    more,
    services: `  - name: slow
    url: ${url}
    routes: [ { name: any, match: { paths: ["/*"] }, policies: { auth: public } } ]
`
  })

void t.test('SIGTERM: not ready, then closed, and what is under way finishes', async (t) => {
  const upstream = await slow(t)
  const gateway = await startGateway(t, inFront(upstream.url), { env: { GATEHOUSE_DRAIN_DELAY: '2s' } })
  const underWay = ask(gateway.port, '/4000')
  const kept = await Line.open(gateway.port)
  t.equal((await kept.ask('/-/ready')).status, 200)
  t.equal((await kept.ask('/0')).close, false)
  const began = performance.now()
  gateway.child.kill('SIGTERM')
  await gateway.said(/stopping/)
  const ready = await ask(gateway.port, '/-/ready')
  t.equal(ready.status, 503, 'not ready: balancers look elsewhere')
  t.equal((await ask(gateway.port, '/0')).status, 200, 'new connections are served until they have')
  const last = await kept.ask('/0')
  t.equal(last.status, 200)
  t.ok(last.close, 'kept connections are told to close')
  await eventually(async () => !(await listens(gateway.port)), 'the port closes')
  t.ok(performance.now() - began >= 1_950, 'after the delay')
  t.equal((await underWay).body, 'done', 'the request under way finished')
  t.equal(await gateway.exited, 0)
  t.notOk(existsSync(join(gateway.dir, 'var/control.sock')), 'its control socket is gone')
  t.notOk(existsSync(join(gateway.dir, 'var/gateway.lock')), 'and its lock')
})

void t.test('past the deadline it ends anyway', async (t) => {
  const upstream = await slow(t)
  const gateway = await startGateway(t, inFront(upstream.url), { env: { GATEHOUSE_DRAIN_DEADLINE: '300ms' } })
  const underWay = ask(gateway.port, '/20000').then(
    ({ status }) => (status === 503 ? 'cut off' : 'answered'),
    () => 'cut off'
  )
  await eventually(() => upstream.seen.length > 0, 'the request is under way')
  gateway.child.kill('SIGTERM')
  t.equal(await gateway.exited, 0)
  t.equal(await underWay, 'cut off')
})

void t.test('Ctrl-C: the signal to the whole process group is one clean stop', async (t) => {
  const upstream = await slow(t)
  const gateway = await startGateway(t, inFront(upstream.url), { group: true })
  const underWay = ask(gateway.port, '/500')
  await eventually(() => upstream.seen.length > 0, 'the request is under way')
  process.kill(-(gateway.child.pid ?? 0), 'SIGINT')
  t.equal((await underWay).body, 'done')
  t.equal(await gateway.exited, 0)
  t.notMatch(gateway.stderr, /"level":"error"|starting it again|killing/)
})

void t.test('`gatehouse stop`, and log rotation before it', async (t) => {
  const upstream = await slow(t)
  const gateway = await startGateway(t, inFront(upstream.url, 'log: { access: access.log }\n'))
  const log = join(gateway.dir, 'access.log')
  const logged = (file: string, path: string): Promise<boolean> =>
    eventually(() => existsSync(file) && readFileSync(file, 'utf8').includes(`"${path}"`), `${path} in ${file}`)
  await ask(gateway.port, '/1')
  await logged(log, '/1')
  renameSync(log, `${log}.1`)
  await ask(gateway.port, '/2')
  t.ok(await logged(`${log}.1`, '/2'), 'until it is told, it writes to the file it has open')
  gateway.child.kill('SIGUSR1')
  await eventually(() => existsSync(log), 'the file is there again')
  await ask(gateway.port, '/3')
  t.ok(await logged(log, '/3'), 'then to the one that has its name')
  t.equal(statSync(log).mode & 0o007, 0, 'which is not for everybody')
  t.notMatch(gateway.stderr, /[Dd]ebugger/, 'SIGUSR1 opens no debugger')

  const underWay = ask(gateway.port, '/1000')
  await eventually(() => upstream.seen.some(({ url }) => url === '/1000'), 'the request is under way')
  const stopped = await gatehouse('stop', gateway.config)
  t.equal(stopped.code, 0, stopped.stderr)
  t.equal((await underWay).body, 'done')
  t.equal(await gateway.exited, 0)
  t.notMatch(gateway.stderr, /starting it again/, 'an end that was asked for is not undone')
  await logged(log, '/1000')
})

import t from 'tap'
import { ask } from '../client.ts'
import { gatehouse } from '../command.ts'
import { startGateway } from '../gateway.ts'
import { startUpstream } from '../upstream.ts'
import { pause, Visitors } from '../visitors.ts'
import { configuration } from './configuration.ts'

void t.test('five reloads and five bad files under load from 50 connections', async (t) => {
  const upstream = await startUpstream(t, (_request, response) => response.end('from the service'))
  const service = (port: number): string =>
    configuration({
      services: `  - name: front
    url: http://127.0.0.1:${port}
    routes:
      - { name: page, match: { paths: ["/", "/page"] }, policies: { auth: public, headers: { response: { set: { x-generation: "GEN" } } } } }
`
    })
  const version = (i: number): string => service(upstream.port).replace('GEN', `g${i}`)
  const gateway = await startGateway(t, version(0))
  const visitors = new Visitors(gateway.port, { keepAlive: 40, fresh: 10, pause: 5 })

  const bad = [
    [version(1).replace('auth: public', 'auth: pblic'), /gatehouse\.yaml:9:\d+/],
    [version(1).replace('paths:', 'path:'), /gatehouse\.yaml:9:\d+/],
    [version(1).replace('version: 1', 'version: 7'), /gatehouse\.yaml:1:\d+/],
    ['services: [', /gatehouse\.yaml:1:\d+/],
    [version(1).replace('name: front', 'name: FRONT'), /gatehouse\.yaml:6:\d+/]
  ] as const
  for (const [i, [text, place]] of bad.entries()) {
    await pause(100)
    let from = gateway.stderr.length
    gateway.writeConfig(text)
    gateway.child.kill('SIGHUP')
    await gateway.said(/reload by SIGHUP refused; generation \d+ goes on/, from)
    t.match(gateway.stderr.slice(from), place, 'the owner is told file, line and column')
    t.equal((await ask(gateway.port, '/')).headers['x-generation'], `g${i}`, 'the last good one goes on')

    await pause(100)
    from = gateway.stderr.length
    gateway.writeConfig(version(i + 1))
    gateway.child.kill('SIGHUP')
    // The watch over the files may have been quicker, and does for both.
    await gateway.said(/reload by (?:SIGHUP|a changed file): (?:applied|unchanged)/, from)
    t.equal((await ask(gateway.port, '/')).headers['x-generation'], `g${i + 1}`, 'the new one holds at once')
  }
  const losses = await visitors.stop()
  t.same(losses.lost, [], 'no request was lost, no connection dropped')
  t.same([...losses.statuses.keys()], [200], 'and none was answered with anything but its answer')
  t.ok(losses.answered > 500, `under load: ${losses.answered} requests`)

  gateway.writeConfig(bad[1][0])
  const refused = await gatehouse('reload', gateway.config)
  t.equal(refused.code, 1)
  t.match(refused.stderr + refused.stdout, /gatehouse\.yaml:9:\d+/, 'the command names the place as well')
  t.match(refused.stderr, /refused: .*generation \d+ goes on/)
})

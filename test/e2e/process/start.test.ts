import { readdirSync, readFileSync, statSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { ask } from '../client.ts'
import { freePort } from '../free-port.ts'
import { spawnGateway, startGateway } from '../gateway.ts'
import { configuration } from '../reload/configuration.ts'
import { eventually, pause, Visitors } from '../visitors.ts'

void t.test('a second start', async (t) => {
  const port = await freePort()
  const listen = `{ name: plain, address: "127.0.0.1:${port}" }`
  const first = await startGateway(t, configuration({ listen, body: 'first' }))
  const visitors = new Visitors(port, { keepAlive: 2, fresh: 2, pause: 5 })

  await t.test('on the same address is an error, and the first goes on', async (t) => {
    const second = spawnGateway(t, configuration({ listen, body: 'second' }))
    t.equal(await second.exited, 1)
    t.match(second.stderr, new RegExp(`listener plain: 127\\.0\\.0\\.1:${port} is already in use`))
    t.notMatch(second.stderr, /starting it|stack|at /, 'said once, in a sentence')
  })

  await t.test('on all addresses of the same port, too', async (t) => {
    const second = spawnGateway(t, configuration({ listen: listen.replace('127.0.0.1', '0.0.0.0'), body: 'second' }))
    t.equal(await second.exited, 1)
    t.match(second.stderr, /is already in use/)
  })

  await t.test('on the same state directory, too', async (t) => {
    const second = spawnGateway(t, configuration({ state: join(first.dir, 'var'), body: 'second' }))
    t.equal(await second.exited, 1)
    t.match(second.stderr, /another gateway \(pid \d+\) uses this state directory/)
  })

  const losses = await visitors.stop()
  t.same(losses.lost, [])
  t.same([...losses.bodies.keys()], ['first'], 'nobody ever met the second')
})

void t.test('a database that is none keeps it from starting, and is left as it is', async (t) => {
  const garbage = 'no database, though as long as the header of one, which is a hundred bytes. '.repeat(20)
  const gateway = spawnGateway(t, configuration({}), { files: { 'var/gatehouse.db': garbage } })
  t.equal(await gateway.exited, 1)
  t.match(gateway.stderr, /gatehouse: .*gatehouse\.db is damaged .* move it away to start without them/)
  t.notMatch(gateway.stderr, /starting it|stack|at /, 'said once, in a sentence')
  t.equal(readFileSync(join(gateway.dir, 'var/gatehouse.db'), 'utf8'), garbage)
})

void t.test('a start and a stop under a thousand connections leave nothing behind', async (t) => {
  const secret = 'sup3r-s3cret-value-of-this-test'
  const gateway = await startGateway(
    t,
    configuration({
      more: `consumers: [ { name: acme, jwt: [ { issuer: "https://acme.example", algorithm: HS256, secret: "\${env:TEST_SECRET}-${'x'.repeat(32)}" } ] } ]\n`
    }),
    { env: { TEST_SECRET: secret, GATEHOUSE_DRAIN_DELAY: '2s', GATEHOUSE_WORKRS: '2' } }
  )
  await gateway.said(/environment GATEHOUSE_WORKRS: there is no such setting: did you mean GATEHOUSE_WORKERS\?/)
  t.equal(gateway.stderr.match(/environment /g)?.length, 1, 'and no other is taken for a slip of the pen')
  const pid = await gateway.gatewayPid()
  const visitors = new Visitors(gateway.port, {
    keepAlive: 1_000,
    pause: 200,
    headers: { authorization: `Bearer ${secret}` }
  })
  await eventually(() => visitors.losses.answered >= 1_000, 'all are there')
  const state = join(gateway.dir, 'var')
  t.equal(statSync(state).mode & 0o777, 0o700, 'the state is for nobody else')
  for (const name of readdirSync(state, { recursive: true }) as string[]) {
    const found = statSync(join(state, name))
    t.equal(found.mode & 0o077, 0, `neither is ${name}`)
  }
  const stopping = gateway.stop()
  await pause(150)
  const losses = visitors.stop()
  t.equal(await stopping, 0)
  t.equal((await losses).lost.filter((reason) => !/ECONNREFUSED/.test(reason)).length, 0, 'all were told to close')
  t.throws(() => process.kill(pid, 0), 'the process is gone')
  t.same(
    readdirSync(state).filter((name) => /lock|sock|\.s|new|tmp/.test(name)),
    [],
    'no lock, no socket, no half-written file'
  )
  t.notMatch(gateway.stdout + gateway.stderr, secret, 'no secret in any line')
  t.notOk(
    readFileSync(`/proc/net/tcp`, 'utf8').includes(
      `:${gateway.port.toString(16).toUpperCase().padStart(4, '0')} 00000000:0000 0A`
    ),
    'nobody listens'
  )
  t.equal((await ask(gateway.port, '/').catch(() => ({ status: 0 }))).status, 0)
})

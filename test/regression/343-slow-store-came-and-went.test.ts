/**
 * A store that took longer than `timeout` to answer, and less than half a second, was away and back several times a second, with a
 * line in the log each: it was asked again as soon as it answered a greeting, in ten times the time that a question has.
 */
import net from 'node:net'
import type { AddressInfo } from 'node:net'
import t from 'tap'
import { TAKE } from '../../src/cluster/scripts.ts'
import { connected, planOf } from '../cluster/store.ts'
import { noRedis, startRedis } from '../e2e/cluster/redis-server.ts'
import { eventually, pause } from '../e2e/visitors.ts'

if (noRedis) {
  t.plan(0, noRedis)
  process.exit(0)
}

const TIMEOUT = 100

/** Stands before a store, and hands its answers on `delay` ms late. */
const relay = { delay: 0, sockets: new Set<net.Socket>() }
const redis = await startRedis(t)
const server = net.createServer((client) => {
  const store = net.connect(redis.port, '127.0.0.1')
  for (const socket of [client, store]) {
    relay.sockets.add(socket)
    socket.on('error', () => {})
  }
  client.on('data', (data) => store.write(data))
  store.on('data', (data) =>
    relay.delay === 0 ? client.write(data) : setTimeout(() => client.write(data), relay.delay)
  )
})
await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
t.teardown(() => {
  for (const socket of relay.sockets) socket.destroy()
  server.close()
})

t.test('a slow store is away once, and back when it is fast', async (t) => {
  const states: string[] = []
  const { port } = server.address() as AddressInfo
  const connection = await connected(
    t,
    { ...planOf(redis), addresses: [{ host: '127.0.0.1', port }], timeout: TIMEOUT },
    { states }
  )
  const asking = setInterval(() => {
    connection.run(TAKE, ['k'], ['r', '1', '1000000', '1000'], TIMEOUT).catch(() => {})
  }, 10)
  t.teardown(() => clearInterval(asking))
  relay.delay = 3 * TIMEOUT
  await eventually(() => states.length > 1, 'away')
  // Long enough for it to come back a few times, if it did.
  await pause(2_000)
  t.match(states, ['up', /no answer within 100 ms/])
  t.equal(states.length, 2)
  t.match(connection.trouble, /it takes \d+ ms to answer, and has 100 ms/)
  relay.delay = 0
  await eventually(() => connection.up, 'back')
  t.equal(states.at(-1), 'up')
})

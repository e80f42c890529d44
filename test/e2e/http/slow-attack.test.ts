/** Connections that are slow on purpose cost the others nothing: the short form; test/prove has it with thousands. */
import t from 'tap'
import { metric } from '../control.ts'
import { residentMemory } from '../memory.ts'
import { absent, attack, MODES, startAttacked } from '../slow-attack.ts'
import { Visitors } from '../visitors.ts'

const CONNECTIONS = 100
const SECONDS = 4
/** What eight hundred slow connections may take, bytes: more than their buffers, less than their answers. */
const MOST_MEMORY = 200 << 20
const ANSWER = 1 << 20

t.test('slowhttptest, four modes, plain and TLS', { skip: absent }, async (t) => {
  const { gateway, plain, secure } = await startAttacked(t, ANSWER, '1s')
  const resident = async (): Promise<number> => residentMemory(await gateway.gatewayPid())
  const before = await resident()
  const visitors = new Visitors(plain, { keepAlive: 2, fresh: 1, pause: 10, from: '127.0.0.2' })
  const results = await Promise.all(
    MODES.flatMap((mode) => [
      attack(mode, `http://127.0.0.1:${plain}/large`, CONNECTIONS, SECONDS),
      attack(mode, `https://localhost:${secure}/large`, CONNECTIONS, SECONDS)
    ])
  )
  const held = (await resident()) - before
  const losses = await visitors.stop()
  t.ok(
    results.every((text) => text.includes('Test ended')),
    'each ran to its end'
  )
  const opened = await metric(gateway, 'gatehouse_connections_opened_total')
  t.ok(opened > CONNECTIONS * MODES.length, `${opened} connections came`)
  t.strictSame(losses.lost, [], 'nobody else lost anything')
  t.strictSame([...losses.statuses.keys()], [200])
  t.ok(losses.answered > 10)
  t.ok(held < MOST_MEMORY, `${held} bytes`)
  // Slow bodies: 408 as soon as their route's time is over.
  await gateway.line(({ status }) => status === 408)
  t.pass('408')
})

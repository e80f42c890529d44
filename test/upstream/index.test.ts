import t from 'tap'
import { createTransport } from '../../src/upstream/index.ts'
import { UNCOUNTED } from '../../src/upstream/transport.ts'
import { exchange, plan } from './recorder.ts'
import { always, scripted } from './scripted.ts'

t.test('a transport connects when it is needed, forwards and closes', async (t) => {
  const upstream = await scripted(t, always('HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok'))
  const transport = createTransport(plan([upstream]), UNCOUNTED)
  t.equal(upstream.connections, 0, 'nothing is connected to before it is needed')
  t.equal((await exchange(transport)).body, 'ok')
  await transport.close()
  t.match((await exchange(transport)).fault, { kind: 'connect', sent: false })
})

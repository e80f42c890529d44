import t from 'tap'
import { freePort, listens } from '../free-port.ts'
import { startGateway } from '../gateway.ts'
import { configuration } from '../reload/configuration.ts'
import { eventually } from '../visitors.ts'
import { at, exists, killed } from './killing.ts'

void t.test('a gateway that is killed comes back', async (t) => {
  const port = await freePort()
  const began = performance.now()
  const gateway = await startGateway(t, configuration({ listen: at(port) }))
  // Two seconds where nothing else runs (npm run prove); other tests beside it slow a start down like a restart.
  const limit = Math.max(5_000, 3 * (performance.now() - began))
  for (const signal of ['SIGKILL', 'SIGSEGV'] as const) {
    const took = await killed(gateway, port, signal)
    t.ok(took < limit, `serving ${Math.round(took)} ms after ${signal}`)
    t.match(gateway.stderr, new RegExp(`was ended by ${signal}; starting it again`))
  }
})

void t.test('a gateway whose guard is killed lets go of the port', async (t) => {
  const port = await freePort()
  const gateway = await startGateway(t, configuration({ listen: at(port) }))
  const pid = await gateway.gatewayPid()
  const began = performance.now()
  gateway.child.kill('SIGKILL')
  await eventually(async () => !(await listens(port)), 8_000, 'the port is free')
  const took = performance.now() - began
  t.ok(took < 3_000, `free after ${Math.round(took)} ms`)
  await eventually(() => !exists(pid), 5_000, 'the process is gone')
  t.ok(true, 'and no process is left')
})

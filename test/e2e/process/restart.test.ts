import t from 'tap'
import { freePort, listens } from '../free-port.ts'
import { startGateway } from '../gateway.ts'
import { configuration } from '../reload/configuration.ts'
import { eventually } from '../visitors.ts'
import { at, exists, killed } from './killing.ts'

void t.test('a gateway that is killed comes back', async (t) => {
  const port = await freePort()
  const gateway = await startGateway(t, configuration({ listen: at(port) }))
  for (const signal of ['SIGKILL', 'SIGSEGV'] as const) {
    await killed(gateway, port, signal)
    await gateway.said(new RegExp(`was ended by ${signal}; starting it again`))
  }
})

void t.test('a gateway whose guard is killed lets go of the port', async (t) => {
  const port = await freePort()
  const gateway = await startGateway(t, configuration({ listen: at(port) }))
  const pid = await gateway.gatewayPid()
  gateway.child.kill('SIGKILL')
  await eventually(async () => !(await listens(port)), 'the port is free')
  await eventually(() => !exists(pid), 'the process is gone')
  t.ok(true, 'and no process is left')
})

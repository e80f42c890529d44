/**
 * A gateway that was stopped as a whole (Ctrl-Z, a suspended machine) and continued was killed by its own guard, which
 * took the time it had not run itself for silence.
 */
import t from 'tap'
import { ask } from '../e2e/client.ts'
import { startGateway } from '../e2e/gateway.ts'
import { configuration } from '../e2e/reload/configuration.ts'
import { pause } from '../e2e/visitors.ts'

void t.test('a gateway goes on where it was stopped', async (t) => {
  const gateway = await startGateway(t, configuration(), { group: true })
  const group = -(gateway.child.pid ?? 0)
  const pid = await gateway.gatewayPid()
  process.kill(group, 'SIGSTOP')
  await pause(4_000)
  process.kill(group, 'SIGCONT')
  await pause(700)
  t.equal((await ask(gateway.port, '/')).status, 200)
  t.equal(await gateway.gatewayPid(), pid, 'in the same process')
  t.notMatch(gateway.stderr, /killing|blocked/)
})

/**
 * An exception between uWebSockets.js handing a request over and its exchange being made left the request without an
 * answer and without an abort handler: uWebSockets.js ends the process then.
 */
import { fileURLToPath } from 'node:url'
import t from 'tap'
import { ask } from '../e2e/client.ts'
import { startGateway } from '../e2e/gateway.ts'
import { configuration } from '../e2e/reload/configuration.ts'

void t.test('a fault while a request is taken over costs that request only', async (t) => {
  const faults = fileURLToPath(new URL('../e2e/process/faults.ts', import.meta.url))
  const gateway = await startGateway(t, configuration(), { preload: [faults] })
  const pid = await gateway.gatewayPid()
  const answer = await ask(gateway.port, '/', { headers: { 'x-fault-on-arrival': 'now' } })
  t.equal(answer.status, 500)
  t.equal(answer.body, '')
  t.equal((await ask(gateway.port, '/')).status, 200)
  t.equal(await gateway.gatewayPid(), pid, 'in the same process')
  await gateway.said(/injected on arrival/)
})

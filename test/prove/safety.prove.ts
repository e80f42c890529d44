/** What takes a process or a thread down, at full length: the guard, the watch over the workers, the drain. */
import { fileURLToPath } from 'node:url'
import { ask } from '../e2e/client.ts'
import { freePort, listens } from '../e2e/free-port.ts'
import { startGateway } from '../e2e/gateway.ts'
import { configuration } from '../e2e/reload/configuration.ts'
import { startUpstream } from '../e2e/upstream.ts'
import { eventually, pause } from '../e2e/visitors.ts'
import { proof } from './proof.ts'

const FAULTS = fileURLToPath(new URL('../e2e/process/faults.ts', import.meta.url))
const listen = (port: number): string => `{ name: plain, address: "127.0.0.1:${port}", ready: /-/ready }`

const answers = (port: number): Promise<boolean> =>
  ask(port, '/', { timeout: 1_000 }).then(
    ({ status }) => status === 200,
    () => false
  )

/** Does `harm`; resolves with the ms until the port was shut, and until it answered again after that. */
async function recovery(port: number, harm: () => void): Promise<{ down: number; up: number }> {
  const began = performance.now()
  harm()
  await eventually(async () => !(await listens(port)), 'the process is taken down', 20_000)
  const down = performance.now() - began
  await eventually(() => answers(port), 'it serves again', 20_000)
  return { down, up: performance.now() - began }
}

await proof('SIGKILL of the gateway process: serving again', async (owner) => {
  const port = await freePort()
  const gateway = await startGateway(owner, configuration({ listen: listen(port) }))
  const times: number[] = []
  // Two at most in ten seconds: a third would be a crash loop, which is answered more slowly.
  for (let i = 0; i < 2; i++) {
    const pid = await gateway.gatewayPid()
    const { up } = await recovery(port, () => process.kill(pid, 'SIGKILL'))
    times.push(up)
  }
  const longest = Math.max(...times)
  return { holds: longest < 2_000, figure: `${times.map(Math.round).join(', ')} ms (at most 2,000)` }
})

await proof('SIGSTOP of the gateway process: killed and restarted', async (owner) => {
  const port = await freePort()
  const gateway = await startGateway(owner, configuration({ listen: listen(port) }))
  const pid = await gateway.gatewayPid()
  const began = performance.now()
  process.kill(pid, 'SIGSTOP')
  await gateway.said(/no heartbeat for \d+ ms: killing/, 0, 8_000)
  const killed = performance.now() - began
  await eventually(async () => (await gateway.gatewayPid()) !== pid && (await answers(port)), 'it serves again', 8_000)
  const up = performance.now() - began
  return {
    holds: killed > 2_500 && killed < 4_000 && up < killed + 2_000,
    figure: `killed after ${Math.round(killed)} ms (3,000 and a little), serving after ${Math.round(up)} ms`
  }
})

await proof('a worker that loops for ever: the process is restarted', async (owner) => {
  const port = await freePort()
  const gateway = await startGateway(owner, configuration({ listen: listen(port) }), { preload: [FAULTS], workers: 3 })
  const began = performance.now()
  await ask(port, '/', { headers: { 'x-fault': 'loop:600000' } })
  await gateway.said(/is blocked: it gets no new connections/, 0, 3_000)
  const bypassed = performance.now() - began
  let slow = 0
  while (performance.now() - began < 9_000) {
    const asked = performance.now()
    if (!(await answers(port)) || performance.now() - asked > 500) slow++
    await pause(20)
  }
  await gateway.said(/worker \d has been blocked for \d+ ms: killing/, 0, 8_000)
  const killed = performance.now() - began
  await eventually(() => answers(port), 'it serves again', 8_000)
  return {
    holds: bypassed < 1_600 && slow === 0 && killed > 9_500 && killed < 12_000,
    figure: `bypassed after ${Math.round(bypassed)} ms, ${slow} new connections waited on it after that, restarted after ${Math.round(killed)} ms`
  }
})

await proof('SIGTERM with a request of 8 s under way', async (owner) => {
  const upstream = await startUpstream(owner, (_request, response) => setTimeout(() => response.end('done'), 8_000))
  const gateway = await startGateway(
    owner,
    configuration({
      services: `  - name: slow
    url: ${upstream.url}
    routes: [ { name: any, match: { paths: ["/*"] }, policies: { auth: public } } ]
`
    }),
    { env: { GATEHOUSE_DRAIN_DELAY: '500ms' } }
  )
  const underWay = ask(gateway.port, '/')
  await eventually(() => upstream.seen.length > 0, 'it is under way', 2_000)
  const began = performance.now()
  gateway.child.kill('SIGTERM')
  await gateway.said(/stopping/)
  const ready = await ask(gateway.port, '/-/ready')
  await eventually(async () => !(await listens(gateway.port)), 'the port closes', 3_000)
  const shut = performance.now() - began
  const { status, body } = await underWay
  const code = await gateway.exited
  return {
    holds: ready.status === 503 && status === 200 && body === 'done' && code === 0,
    figure: `readiness ${ready.status}, port shut after ${Math.round(shut)} ms, the request answered ${status} ${body}, exit code ${code} after ${Math.round(performance.now() - began)} ms`
  }
})

/**
 * The whole way round: what a client asks the gateway for is read from its log by CrowdSec, becomes a decision there and
 * a ban here, and stays one when CrowdSec and then the gateway are killed.
 */
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { ask } from '../e2e/client.ts'
import { control } from '../e2e/control.ts'
import { BOUNCER_KEY, LocalApi, noCrowdsec } from '../e2e/crowdsec.ts'
import { freePort } from '../e2e/free-port.ts'
import { startGateway } from '../e2e/gateway.ts'
import { eventually } from '../e2e/visitors.ts'
import { proof } from './proof.ts'

const PROBES = 12

await proof(
  'a scan is banned by way of the access log and CrowdSec, and stays so when both are killed',
  async (owner) => {
    const missing = noCrowdsec()
    if (missing !== null) return { holds: true, figure: `not shown: ${missing}` }
    const api = await LocalApi.start(owner)
    const port = await freePort()
    const gateway = await startGateway(
      owner,
      `version: 1
listen: [ { address: "127.0.0.1:${port}" } ]
state: { dir: var }
log: { access: ./access.log }
threats: { bans: none, crowdsec: { url: "${api.url}", key: "\${env:CROWDSEC_KEY}", interval: 1s } }
services: [ { name: s, policies: { auth: public }, routes: [ { name: r, match: { paths: ["/"] }, respond: { status: 204 } } ] } ]
`,
      { workers: 2, env: { CROWDSEC_KEY: BOUNCER_KEY } }
    )
    const visit = async (path = '/'): Promise<number> => (await ask(port, path, { from: '127.0.5.3' })).status
    const before = await visit()
    for (let i = 0; i < PROBES; i++) await visit(`/a${i}.php`)
    const log = join(gateway.dir, 'access.log')
    await eventually(() => readFileSync(log, 'utf8').includes(`/a${PROBES - 1}.php`), 'the log is written')
    const readAt = performance.now()
    api.readLog(owner, log)
    await eventually(async () => (await visit()) === 403, 'banned')
    const took = performance.now() - readAt
    const { body } = await control(gateway, '/bans')
    await api.stop()
    await eventually(
      async () =>
        (JSON.parse((await control(gateway, '/status')).body) as { store: { pending: number } }).store.pending === 0,
      'on disk'
    )
    const from = gateway.stderr.length
    process.kill(await gateway.gatewayPid(), 'SIGKILL')
    await gateway.said(/ready: http/, from)
    const after = await visit()
    return {
      holds: before === 204 && body.includes('crowdsecurity/http-probing') && after === 403,
      figure: `${before} before, 403 within ${Math.round(took)} ms of reading the log, ${after} after the kills`
    }
  }
)

/** Debian's CrowdSec decides, and the gateway bans. */
import t from 'tap'
import type { StatusReport } from '../../../src/control/admin/report.ts'
import type { BanEntry } from '../../../src/control/bans/book.ts'
import { ask } from '../client.ts'
import { control, metric } from '../control.ts'
import { BOUNCER_KEY, LocalApi, noCrowdsec } from '../crowdsec.ts'
import { startGateway } from '../gateway.ts'
import { eventually } from '../visitors.ts'

t.test('with CrowdSec', { skip: noCrowdsec() ?? false }, async (t) => {
  const api = await LocalApi.start(t)
  const gateway = await startGateway(
    t,
    `version: 1
listen: [ { address: "127.0.0.1:0" } ]
state: { dir: var }
threats: { bans: none, crowdsec: { url: "${api.url}/", key: "\${env:CROWDSEC_KEY}", interval: 1s } }
services: [ { name: s, policies: { auth: public }, routes: [ { name: r, match: { paths: ["/"] }, respond: { status: 204 } } ] } ]
`,
    { workers: 1, env: { CROWDSEC_KEY: BOUNCER_KEY } }
  )
  const visit = async (from: string, path = '/'): Promise<number> => (await ask(gateway.port, path, { from })).status
  const becomes = (from: string, status: number): Promise<unknown> =>
    eventually(async () => (await visit(from)) === status, `${from} gets ${status}`)
  const report = async (): Promise<StatusReport['crowdsec']> =>
    (JSON.parse((await control(gateway, '/status')).body) as StatusReport).crowdsec

  await t.test('a decision bans, its end frees, others are left', async (t) => {
    t.equal(await visit('127.0.5.1'), 204)
    await api.cscli('decisions', 'add', '--range', '127.0.5.0/24', '--type', 'captcha', '--duration', '1h')
    await api.cscli('decisions', 'add', '--ip', '127.0.5.1', '--duration', '1h', '--reason', 'odd "one"')
    await becomes('127.0.5.1', 403)
    t.equal(await visit('127.0.5.2'), 204)
    const { bans } = JSON.parse((await control(gateway, '/bans')).body) as { bans: BanEntry[] }
    t.match(bans, [{ who: '127.0.5.1', scenario: 'crowdsec', reason: 'CrowdSec (cscli): odd "one"', evidence: [] }])
    const left = Date.parse(bans[0]?.until ?? '') - Date.now()
    t.ok(left > 3_500_000 && left < 3_600_000, 'for as long as it says')
    t.match(await report(), { decisions: 1, ignored: 1, error: null })
    await api.cscli('decisions', 'delete', '--ip', '127.0.5.1')
    await becomes('127.0.5.1', 204)
  })

  await t.test('its API away: what is held stays, and shows its age', async (t) => {
    await api.cscli('decisions', 'add', '--ip', '127.0.5.3', '--duration', '1h')
    await becomes('127.0.5.3', 403)
    await api.stop()
    await eventually(async () => ((await report())?.error ?? '') !== '', 'noticed')
    await gateway.said(/CrowdSec does not answer: its decisions so far go on/)
    t.equal(await visit('127.0.5.3'), 403)
    t.ok((await metric(gateway, 'gatehouse_crowdsec_age_seconds')) > 0)
    t.equal(await metric(gateway, 'gatehouse_crowdsec_decisions'), 1)
    t.ok((await metric(gateway, 'gatehouse_crowdsec_failures')) >= 1)
  })
})

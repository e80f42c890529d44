import { spawn } from 'node:child_process'
import { writeFileSync } from 'node:fs'
import { createServer } from 'node:net'
import { once } from 'node:events'
import { join } from 'node:path'
import t, { type Test } from 'tap'
import type { ReloadVerdict, StatusReport } from '../../src/control/admin/report.ts'
import { startControlSocket } from '../../src/control/admin/control-socket.ts'
import { gatewayResources } from '../../src/control/admin/gateway-resources.ts'
import { folder, run } from './kit.ts'

const REPORT: StatusReport = {
  version: '1.2.3',
  pid: process.pid,
  startedAt: new Date(Date.now() - 90_000).toISOString(),
  configFile: 'g.yaml',
  generation: 7,
  digest: 'abcdef0123456789',
  since: new Date().toISOString(),
  ready: true,
  draining: false,
  workers: [
    { index: 0, state: 'serving', beatAge: 120, restarts: 0, shedding: 'nobody' },
    { index: 1, state: 'bypassed', beatAge: 2500, restarts: 3, shedding: 'newcomers' }
  ],
  listeners: [{ name: 'public', host: '::1', port: 8443, tls: true }],
  admin: null,
  issuers: [{ name: 'corp', keys: 0, keyAge: null, stale: false, error: 'connect refused' }],
  certificates: [{ hosts: ['a.example'], notAfter: '2001-01-01T00:00:00.000Z' }],
  revocations: { configuration: 2, runtime: 1, most: 10000 },
  store: { state: 'degraded', reason: 'database or disk is full', pending: 3, dropped: 2, bytes: 8192 },
  firewall: null,
  cluster: null,
  crowdsec: null,
  limitTables: [{ table: 'rate', half: 'strangers', fill: 0.75 }],
  lastReload: { at: '2026-01-01T00:00:00.000Z', outcome: 'refused', reason: 'errors' }
}

interface Gateway {
  cwd: string
  stops: number
}

/** A control socket where the configuration g.yaml has it, with answers of our own. */
async function gateway(t: Test, report: StatusReport, verdict?: ReloadVerdict): Promise<Gateway> {
  const cwd = folder(t)
  writeFileSync(join(cwd, 'g.yaml'), 'state: { dir: "${env:DIR:-.}" }\n')
  const made: Gateway = { cwd, stops: 0 }
  const resources = gatewayResources({
    status: () => report,
    reload: async () => verdict ?? { outcome: 'applied', generation: 8, findings: [] },
    stop: () => void made.stops++,
    metrics: async () => ''
  })
  const server = await startControlSocket(join(cwd, 'control.sock'), resources)
  t.teardown(() => server.close())
  return made
}

t.test('status in words and in JSON', async (t) => {
  const { cwd } = await gateway(t, REPORT)
  const { code, out } = await run(['status', 'g.yaml'], { cwd })
  t.equal(code, 0)
  for (const said of [
    /^ready: gatehouse 1\.2\.3, process \d+, up 1m [3-5]\ds$/m,
    /generation 7 since .*, digest abcdef012345$/m,
    /last reload +refused at .*: errors$/m,
    /revocations +2 of the configuration, 1 made at run time$/m,
    /store +degraded, 8 KiB, 3 changes waiting, 2 lost: database or disk is full$/m,
    /public {2}https:\/\/\[::1\]:8443$/m,
    /worker 0 +serving, beat 120ms ago$/m,
    /worker 1 +bypassed, beat 2s ago, restarted 3 times, overloaded: turns away newcomers$/m,
    /corp {2}no keys; connect refused$/m,
    /a\.example {2}EXPIRED/m
  ])
    t.match(out, said)
  t.same(JSON.parse((await run(['status', '--json', '--config', 'g.yaml'], { cwd })).out), REPORT)
})

t.test('status --ready is an exit code', async (t) => {
  const up = await gateway(t, REPORT)
  t.match(await run(['status', '--ready', 'g.yaml'], up), { code: 0, out: 'ready\n' })
  const down = await gateway(t, { ...REPORT, ready: false, draining: true })
  t.match(await run(['status', '--ready', 'g.yaml'], down), { code: 1, out: 'not ready: draining\n' })
})

t.test('a reload reports its verdict', async (t) => {
  const good = await gateway(t, REPORT)
  t.match(await run(['reload', 'g.yaml'], good), { code: 0, out: 'generation 8 serves\n' })
  const findings = [{ severity: 'error' as const, where: 'g.yaml:3:1', path: 'listen', message: 'expected a list' }]
  const bad = await gateway(t, REPORT, {
    outcome: 'refused',
    generation: 7,
    reason: 'the configuration has errors',
    findings
  })
  const { code, err } = await run(['reload', 'g.yaml'], bad)
  t.equal(code, 1)
  t.match(err, 'g.yaml:3:1')
  t.match(err, 'refused: the configuration has errors; generation 7 goes on')
  const same = await gateway(t, REPORT, { outcome: 'unchanged', generation: 7, findings: [] })
  t.match(await run(['reload', '--json', 'g.yaml'], same), { code: 0, out: /"unchanged"/ })
})

t.test('a stop waits for the process to be gone', async (t) => {
  const child = spawn(process.execPath, ['-e', 'setTimeout(() => {}, 60000)'], { stdio: 'ignore' })
  t.teardown(() => void child.kill('SIGKILL'))
  const up = await gateway(t, { ...REPORT, pid: child.pid ?? 0 })
  const stopping = run(['stop', 'g.yaml'], up)
  let over = false
  void stopping.then(() => (over = true))
  while (up.stops === 0) await new Promise((resolve) => setTimeout(resolve, 20))
  await new Promise((resolve) => setTimeout(resolve, 150))
  t.notOk(over, 'it waits')
  child.kill('SIGKILL')
  t.match(await stopping, { code: 0, out: `gateway ${child.pid} has ended\n` })
  t.equal(up.stops, 1)
  t.match(await run(['stop', '--no-wait', 'g.yaml'], up), { code: 0, out: /is draining/ })
})

t.test('nobody answers: exit code 3, and what that means', async (t) => {
  const cwd = folder(t)
  writeFileSync(join(cwd, 'g.yaml'), 'version: 1\n')
  for (const command of ['status', 'reload', 'stop']) {
    t.match(await run([command, 'g.yaml'], { cwd }), {
      code: 3,
      err: /no gateway is running on this configuration.*var\/control\.sock/
    })
  }
})

t.test('something else answers: exit code 3', async (t) => {
  const cwd = folder(t)
  const other = createServer((socket) => socket.end('HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\nhello')).listen(
    join(cwd, 's')
  )
  await once(other, 'listening')
  t.teardown(() => void other.close())
  t.match(await run(['status', '--socket', join(cwd, 's')], { cwd }), { code: 3, err: /is not JSON/ })
})

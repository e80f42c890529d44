import { mkdirSync, mkdtempSync, readdirSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { request } from 'node:http'
import { createServer } from 'node:net'
import { once } from 'node:events'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import t, { type Test } from 'tap'
import { startControlSocket } from '../../../src/control/admin/control-socket.ts'
import { type GatewayActions, gatewayResources } from '../../../src/control/admin/gateway-resources.ts'
import type { ReloadVerdict, StatusReport } from '../../../src/control/admin/report.ts'
import type { Resource } from '../../../src/control/admin/resource.ts'

const REPORT: StatusReport = {
  version: '1.2.3',
  pid: 1,
  startedAt: '2026-01-01T00:00:00.000Z',
  configFile: 'gatehouse.yaml',
  generation: 7,
  digest: 'd',
  since: '2026-01-01T00:00:00.000Z',
  ready: true,
  draining: false,
  workers: [],
  listeners: [],
  admin: null,
  issuers: [],
  certificates: [],
  revocations: { configuration: 2, runtime: 1, most: 10000 },
  store: { state: 'ok', reason: '', pending: 0, dropped: 0, bytes: 8192 },
  firewall: null,
  cluster: null,
  crowdsec: null,
  limitTables: [],
  lastReload: null
}
const APPLIED: ReloadVerdict = { outcome: 'applied', generation: 8, findings: [] }

function resources(more: Partial<GatewayActions> = {}): Resource[] {
  return gatewayResources({
    status: () => REPORT,
    reload: async () => APPLIED,
    stop: () => {},
    metrics: async () => 'up 1\n',
    ...more
  })
}

type Decide = (verdict: ReloadVerdict) => void

/** A reload whose verdict is the test's, once it has been asked for. */
function undecided(): { reload: () => Promise<ReloadVerdict>; asked: Promise<Decide> } {
  let tell: (decide: Decide) => void = () => {}
  const asked = new Promise<Decide>((resolve) => (tell = resolve))
  return { asked, reload: () => new Promise((resolve) => tell(resolve)) }
}

function folder(t: Test): string {
  const dir = mkdtempSync(join(tmpdir(), 'gh-'))
  t.teardown(() => rmSync(dir, { recursive: true, force: true }))
  return dir
}

async function admin(t: Test, more: Partial<GatewayActions> = {}): Promise<string> {
  const path = join(folder(t), 'control.sock')
  const server = await startControlSocket(path, resources(more))
  t.teardown(() => server.close())
  return path
}

interface Answer {
  status: number
  type: string
  allow: string | undefined
  body: string
}

function ask(socketPath: string, method: string, path: string, body?: string): Promise<Answer> {
  return new Promise((resolve, reject) => {
    const call = request({ socketPath, method, path, agent: false }, (response) => {
      let text = ''
      response.on('data', (part) => (text += String(part)))
      response.on('end', () => {
        const { headers, statusCode = 0 } = response
        resolve({ status: statusCode, type: headers['content-type'] ?? '', allow: headers.allow, body: text })
      })
    })
    call.on('error', reject)
    call.end(body)
  })
}

t.test('the socket is for its user alone, and nothing else is left in the folder', async (t) => {
  const path = await admin(t)
  t.equal(statSync(path).mode & 0o777, 0o600)
  t.same(readdirSync(join(path, '..')), ['control.sock'])
})

t.test('it is 0600 under any umask', async (t) => {
  const before = process.umask(0)
  t.teardown(() => void process.umask(before))
  t.equal(statSync(await admin(t)).mode & 0o777, 0o600)
})

t.test('status, ready, metrics', async (t) => {
  const path = await admin(t)
  const status = await ask(path, 'GET', '/status')
  t.equal(status.status, 200)
  t.same(JSON.parse(status.body), REPORT)
  t.match(await ask(path, 'GET', '/ready'), { status: 200, body: '{"ready":true,"draining":false}' })
  t.match(await ask(path, 'GET', '/metrics'), { status: 200, type: /^text\/plain; version=0\.0\.4/, body: 'up 1\n' })
})

t.test('not ready is 503', async (t) => {
  const path = await admin(t, { status: () => ({ ...REPORT, ready: false, draining: true }) })
  t.match(await ask(path, 'GET', '/ready'), { status: 503, body: '{"ready":false,"draining":true}' })
})

t.test('a reload is answered with its verdict, whenever that comes', async (t) => {
  const { reload, asked } = undecided()
  const path = await admin(t, { reload })
  const answer = ask(path, 'POST', '/reload')
  const decide = await asked
  const findings = [{ severity: 'error' as const, where: 'g.yaml:3:1', path: 'listen', message: 'expected a list' }]
  decide({ outcome: 'refused', generation: 7, reason: 'errors', findings })
  const { status, body } = await answer
  t.equal(status, 422)
  t.match(JSON.parse(body), { outcome: 'refused', generation: 7, findings })
  t.match(await ask(await admin(t), 'POST', '/reload'), { status: 200 })
})

t.test('a stop is begun and answered', async (t) => {
  let stopped = 0
  const path = await admin(t, { stop: () => void stopped++ })
  t.match(await ask(path, 'POST', '/stop'), { status: 202 })
  t.equal(stopped, 1)
})

t.test('anything else is a problem', async (t) => {
  let called = 0
  const path = await admin(t, { stop: () => void called++, reload: async () => (called++, APPLIED) })
  for (const [method, target, status, allow] of [
    ['GET', '/', 404, undefined],
    ['GET', '/status/', 404, undefined],
    ['POST', '/status', 405, 'GET'],
    ['HEAD', '/ready', 405, 'GET'],
    ['GET', '/reload', 405, 'POST'],
    ['GET', '/stop?x', 405, 'POST'],
    ['DELETE', '/stop', 405, 'POST']
  ] as const) {
    const answer = await ask(path, method, target)
    t.match(answer, { status, type: 'application/problem+json' }, `${method} ${target}`)
    t.equal(answer.allow, allow)
    if (method !== 'HEAD') t.match(JSON.parse(answer.body), { status, type: 'about:blank' })
  }
  t.match(await ask(path, 'POST', '/stop', '{"now":true}'), { status: 413 })
  t.equal(called, 0)
})

t.test('an action that throws is a 500 with its reason', async (t) => {
  const path = await admin(t, {
    status: () => {
      throw new Error('no plan yet')
    },
    metrics: () => Promise.reject(new Error('ring broken'))
  })
  t.match(await ask(path, 'GET', '/status'), { status: 500, body: /no plan yet/ })
  t.match(await ask(path, 'GET', '/metrics'), { status: 500, body: /ring broken/ })
})

t.test('the socket of a dead process is replaced', async (t) => {
  const path = join(folder(t), 'control.sock')
  const { spawnSync } = await import('node:child_process')
  spawnSync(process.execPath, [
    '-e',
    `require('net').createServer().listen(${JSON.stringify(path)}, () => process.kill(process.pid, 'SIGKILL'))`
  ])
  t.ok(statSync(path).isSocket(), 'it was left behind')
  const server = await startControlSocket(path, resources())
  t.match(await ask(path, 'GET', '/ready'), { status: 200 })
  await server.close()
  t.same(readdirSync(join(path, '..')), [])
})

t.test('a live one is not touched', async (t) => {
  const path = await admin(t)
  await t.rejects(startControlSocket(path, resources()), { message: /another gateway answers on / })
  t.match(await ask(path, 'GET', '/ready'), { status: 200 })
})

t.test('a file in the way is not removed', async (t) => {
  const path = join(folder(t), 'control.sock')
  writeFileSync(path, 'precious')
  await t.rejects(startControlSocket(path, resources()), { message: /not a socket/ })
  t.equal(statSync(path).size, 8)
})

t.test('a path that is too long is named with its length', async (t) => {
  const dir = folder(t)
  const fits = join(dir, 'x'.repeat(107 - dir.length - 1 - '/control.sock'.length), 'control.sock')
  t.equal(fits.length, 107)
  mkdirSync(join(fits, '..'))
  await (await startControlSocket(fits, resources())).close()
  await t.rejects(startControlSocket(join(dir, 'x'.repeat(108 - dir.length - 1 - 13), 'control.sock'), resources()), {
    message: /is 108 bytes long.*at most 107/
  })
})

t.test('closing waits for an answer under way, not for idle connections', async (t) => {
  const path = join(folder(t), 'control.sock')
  const { reload, asked } = undecided()
  const server = await startControlSocket(path, resources({ reload }))
  const answer = ask(path, 'POST', '/reload')
  const decide = await asked
  const closed = server.close()
  decide(APPLIED)
  t.match(await answer, { status: 200 })
  await closed
})

t.test('the folder does not exist', async (t) => {
  await t.rejects(startControlSocket(join(folder(t), 'none', 'control.sock'), resources()), { code: 'ENOENT' })
})

t.test('a listener that is no gateway still counts as live', async (t) => {
  const path = join(folder(t), 'control.sock')
  const other = createServer((socket) => socket.destroy()).listen(path)
  await once(other, 'listening')
  t.teardown(() => void other.close())
  await t.rejects(startControlSocket(path, resources()), { message: /another gateway answers/ })
})

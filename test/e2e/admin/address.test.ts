/** The admin API on an address: the token, TLS, a reload that changes either, and clients that misbehave. */
import { execFile } from 'node:child_process'
import { request } from 'node:https'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import t from 'tap'
import type { StatusReport } from '../../../src/control/admin/report.ts'
import { testCertificate } from '../certificates.ts'
import { ask, raw, type Reply } from '../client.ts'
import { exchange } from '../connection.ts'
import { gatehouse } from '../command.ts'
import { status } from '../control-socket.ts'
import { type Gateway, startGateway } from '../gateway.ts'

const TOKEN = 'first-token-0123456789'

function yaml(admin: string, more = ''): string {
  return `version: 1
listen: [ { address: "127.0.0.1:0" } ]
state: { dir: var }
admin: ${admin}
${more}services:
  - { name: s, routes: [ { name: r, match: { paths: ["/"] }, policies: { auth: public }, respond: { status: 204 } } ] }
`
}

async function adminPort(gateway: Gateway): Promise<number> {
  return (await status(gateway.dir)).admin?.port ?? 0
}

const bearer = (token: string) => ({ authorization: `Bearer ${token}` })

t.test('plain on loopback', async (t) => {
  const gateway = await startGateway(t, yaml('{ address: "127.0.0.1:0", token: "${env:ADMIN_TOKEN}" }'), {
    workers: 1,
    env: { ADMIN_TOKEN: TOKEN }
  })
  const port = await adminPort(gateway)
  const get = (path: string, headers: Record<string, string> = bearer(TOKEN)): Promise<Reply> =>
    ask(port, path, { headers })

  await t.test('the same API as the socket, for the token only', async (t) => {
    const report = JSON.parse((await get('/status')).body) as StatusReport
    t.equal(report.pid, (await status(gateway.dir)).pid)
    t.match(await get('/metrics'), { status: 200, body: /gatehouse_/ })
    t.match(await get('/status', {}), { status: 401, headers: { 'www-authenticate': /^Bearer/ } })
    t.match(await get('/nothing', {}), { status: 401 }, 'who has no token learns of no path')
    t.match(await get('/nothing'), { status: 404 })
    t.match(await ask(port, '/stop', { method: 'POST', headers: bearer('wrong-token-0123456789') }), { status: 401 })
    t.notMatch((await get('/status')).body, TOKEN)
  })

  await t.test('browsers', async (t) => {
    t.match(await get('/status', { ...bearer(TOKEN), origin: 'http://evil.example' }), { status: 403 })
    t.match(await get('/status', { ...bearer(TOKEN), host: 'evil.example' }), { status: 421 })
    const preflight = { origin: 'http://evil.example', 'access-control-request-method': 'POST' }
    const answer = await ask(port, '/reload', { method: 'OPTIONS', headers: preflight })
    t.equal(answer.status, 403)
    t.equal(answer.headers['access-control-allow-origin'], undefined)
  })

  await t.test('broken clients cost nothing but themselves', async (t) => {
    for (const bytes of [
      'GET\r\n\r\n',
      'GET /status HTTP/1.1\r\n\r\n',
      `GET / HTTP/1.1\r\nhost: localhost\r\nx: ${'y'.repeat(20_000)}\r\n\r\n`
    ])
      t.match((await raw(port, bytes)).statuses, [/^4/])
    const body = `POST /reload HTTP/1.1\r\nhost: localhost\r\nauthorization: Bearer ${TOKEN}\r\ncontent-length: 9\r\n\r\n{}`
    t.equal((await exchange(port, body, 'POST')).status, 413)
  })

  await t.test('commands over it', async (t) => {
    const admin = `http://127.0.0.1:${port}`
    const env = { GATEHOUSE_ADMIN_TOKEN: TOKEN }
    t.match(await command(['status', '--admin', admin], env), { code: 0, out: /^ready: .*\nadmin {10}http:\/\/127/s })
    t.match(await command(['reload', '--admin', admin], env), { code: 0, out: /generation 1 serves/ })
    t.match(await command(['status', '--ready', '--admin', admin], env), { code: 0, out: 'ready\n' })
    t.match(await command(['status', '--admin', admin], { GATEHOUSE_ADMIN_TOKEN: 'x' }), {
      code: 3,
      err: /answered 401/
    })
    t.match(await command(['status', '--admin', admin], {}), { code: 2, err: /GATEHOUSE_ADMIN_TOKEN/ })
    t.match(await command(['status', '--admin', 'http://gw.example'], env), { code: 2, err: /loopback only/ })
    t.match(await command(['status', '--admin', 'gw.example'], env), { code: 2, err: /takes a URL/ })
    t.match(await command(['status', '--admin', admin, '--socket', 'x'], env), { code: 2, err: /exclude each other/ })
    t.match(await command(['status', '--admin', 'http://127.0.0.1:1'], env), { code: 3, err: /no gateway answers at/ })
  })

  await t.test('a reload changes the token and not the address', async (t) => {
    gateway.writeConfig(yaml(`{ address: "127.0.0.1:0", token: second-token-0123456789 }`))
    await gateway.said(/reload by a changed file: applied/)
    t.match(await get('/ready', bearer('second-token-0123456789')), { status: 200 })
    t.match(await get('/ready'), { status: 401 })
    gateway.writeConfig(yaml(`{ address: "127.0.0.1:1", token: second-token-0123456789 }`))
    await gateway.said(/admin can't change while running/)
    t.match(await get('/ready', bearer('second-token-0123456789')), { status: 200 })
  })

  await t.test('guessing is bounded, and a stop over it is a stop', async (t) => {
    const guesses = []
    for (let i = 0; i < 12; i++) guesses.push((await get('/status', bearer(`wrong-token-${i}`))).status)
    t.equal(guesses.at(-1), 429)
    t.match(await get('/ready', bearer('second-token-0123456789')), { status: 429 })
    t.match(await ask(port, '/ready', { headers: {} }), { status: 429 })
    t.equal((await status(gateway.dir)).ready, true, 'the socket always answers')
    t.match(await gatehouse('stop', '--config', gateway.config), { code: 0 })
  })
})

t.test('TLS on any address', async (t) => {
  const one = await testCertificate('one', ['gw.example'])
  const two = await testCertificate('two', ['gw.example'])
  const tls = `tls: { certificates: [ ${one.yaml} ] }\n`
  const gateway = await startGateway(t, yaml(`{ address: "0.0.0.0:0", tls: true, token: ${TOKEN} }`, tls), {
    workers: 1,
    files: { ...one.files }
  })
  const port = await adminPort(gateway)
  const get = (ca: string, servername = 'gw.example'): Promise<number> =>
    new Promise((resolve, reject) => {
      const headers = { host: `${servername}:${port}`, ...bearer(TOKEN) }
      const call = request(
        { host: '127.0.0.1', port, path: '/ready', servername, ca, headers, agent: false },
        (response) => resolve(response.resume().statusCode ?? 0)
      )
      call.on('error', reject).end()
    })
  t.equal(await get(one.ca), 200)
  await t.rejects(get(one.ca, 'evil.example'), 'a name that the certificate lacks')
  t.notMatch(
    (await raw(port, 'GET /ready HTTP/1.1\r\nhost: localhost\r\n\r\n', 1000)).statuses,
    [200],
    'not in the clear'
  )
  for (const [name, text] of Object.entries(two.files))
    writeFileSync(join(gateway.dir, name.replace('two', 'one')), text)
  await gateway.said(/reload by a changed file: applied/)
  t.equal(await get(two.ca), 200, 'a rotated certificate is shown')
  await t.rejects(get(one.ca))
})

const MAIN = fileURLToPath(new URL('../../../dist/main.js', import.meta.url))

function command(args: string[], env: Record<string, string>): Promise<{ code: number; out: string; err: string }> {
  return new Promise((resolve) => {
    const { PATH = '', NODE_COMPILE_CACHE = '' } = process.env
    execFile(
      process.execPath,
      [MAIN, ...args],
      { env: { PATH, NODE_COMPILE_CACHE, NO_COLOR: '1', ...env } },
      (error, out, err) => resolve({ code: typeof error?.code === 'number' ? error.code : 0, out, err })
    )
  })
}

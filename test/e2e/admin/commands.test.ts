/** Every command that speaks to a running gateway, from a machine that has nothing of it but the URL and the token. */
import { execFile } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import t from 'tap'
import { COMMANDS } from '../../../src/cli/commands.ts'
import { ask } from '../client.ts'
import { status } from '../control-socket.ts'
import { startGateway } from '../gateway.ts'
import { sha256 } from '../tokens.ts'

const MAIN = fileURLToPath(new URL('../../../dist/main.js', import.meta.url))
const TOKEN = 'a-token-of-the-test-0123456789'

const gateway = await startGateway(
  t,
  `version: 1
listen: [ { address: "127.0.0.1:0" } ]
state: { dir: var }
admin: { address: "127.0.0.1:0", token: "${TOKEN}" }
consumers: [ { name: acme, keys: [ { id: acme-1, hash: "sha256:${sha256('acme-key')}" } ] } ]
services:
  - name: s
    policies: { auth: { key: true } }
    routes: [ { name: r, match: { paths: ["/"] }, respond: { status: 200, body: x } } ]
`,
  { workers: 1 }
)
const admin = `http://127.0.0.1:${(await status(gateway.dir)).admin?.port ?? 0}`
const elsewhere = mkdtempSync(join(tmpdir(), 'gatehouse-elsewhere-'))
t.teardown(() => rmSync(elsewhere, { recursive: true, force: true }))

function command(name: string, args: string[]): Promise<{ code: number; out: string; err: string }> {
  const { PATH = '', NODE_COMPILE_CACHE = '' } = process.env
  return new Promise((resolve) => {
    execFile(
      process.execPath,
      [MAIN, ...name.split(' '), ...args],
      { cwd: elsewhere, env: { PATH, NODE_COMPILE_CACHE, NO_COLOR: '1', GATEHOUSE_ADMIN_TOKEN: TOKEN } },
      (error, out, err) => resolve({ code: error === null ? 0 : Number(error.code), out, err })
    )
  })
}

/** In this order: each row is a command, what it is asked besides the URL, and what it must say. */
const ROWS: readonly (readonly [name: string, args: (known: string) => string[], says: RegExp])[] = [
  ['status', () => [], /^ready: /],
  ['reload', () => [], /generation 1 serves/],
  ['key list', () => [], /^acme-1 {2}acme {2}used /],
  ['explain', (id) => [id], /answered.* with 200/],
  ['bans add', () => ['192.0.2.7'], /^192\.0\.2\.7 /],
  ['bans list', () => [], /^192\.0\.2\.7 /],
  ['bans remove', () => ['192.0.2.7'], /no longer banned/],
  ['revocations add', () => ['--consumer', 'acme', '--until', '1h', '--json'], /"consumer": ?"acme"/],
  ['revocations list', () => [], /acme/],
  ['revocations remove', (id) => [id], /./],
  ['stop', () => [], /has ended/]
]

t.test('each command that finds a gateway takes --admin, and has a row here', async (t) => {
  const speaking: string[] = []
  for (const [name, { load }] of Object.entries(COMMANDS)) {
    const { options } = await load()
    if ('socket' in options || 'admin' in options) {
      t.ok('admin' in options && 'socket' in options, name)
      speaking.push(name)
    }
  }
  t.strictSame(speaking.toSorted(), ROWS.map(([name]) => name).toSorted())
})

t.test('each does over the address what it does over the socket', async (t) => {
  const seen = await ask(gateway.port, '/', { headers: { 'x-api-key': 'acme-key' } })
  t.equal(seen.status, 200)
  let known = String(seen.headers['x-request-id'])
  for (const [name, args, says] of ROWS) {
    const { code, out, err } = await command(name, [...args(known), '--admin', admin])
    t.equal(code, 0, `${name}: ${err}`)
    t.match(out, says, name)
    if (name === 'revocations add') known = /"id": ?"([^"]+)"/.exec(out)?.[1] ?? ''
  }
  t.equal(await gateway.exited, 0)
})

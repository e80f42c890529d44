/** When a key was used last, as its owner is told. */
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import t from 'tap'
import type { ApiKeyReport } from '../../../src/control/api-keys/uses.ts'
import { ask } from '../client.ts'
import { gatehouse } from '../command.ts'
import { startGateway, type Gateway } from '../gateway.ts'
import { sha256 } from '../tokens.ts'

const stateDir = mkdtempSync(join(tmpdir(), 'gh-state-'))
t.teardown(() => rmSync(stateDir, { recursive: true, force: true }))

const key = (name: string): string => `{ id: ${name}, hash: "sha256:${sha256(`${name}-key`)}" }`
const configuration = (...names: string[]): string => `version: 1
listen: [ { address: "127.0.0.1:0" } ]
state: { dir: ${stateDir} }
consumers: [ { name: acme, keys: [ ${names.map(key).join(', ')} ] } ]
services:
  - name: s
    policies: { auth: { key: true } }
    routes:
      - { name: r, match: { paths: ["/x"] }, respond: { status: 200, body: x } }
      - { name: closed, match: { paths: ["/closed"] }, respond: { status: 200, body: x }, policies: { authorize: { groups: [nobody] } } }
`

async function keysOf(gateway: Gateway, ...more: string[]): Promise<ApiKeyReport[]> {
  const { code, stdout, stderr } = await gatehouse('key', 'list', '--json', '--config', gateway.config, ...more)
  if (code !== 0) throw new Error(stderr)
  return (JSON.parse(stdout) as { keys: ApiKeyReport[] }).keys
}

const present = (gateway: Gateway, name: string, path = '/x'): Promise<{ status: number }> =>
  ask(gateway.port, path, { headers: { 'x-api-key': `${name}-key` } })

t.test('the last use of a key: seen at once, over a restart, and gone with the key', async (t) => {
  const gateway = await startGateway(t, configuration('one', 'two', 'three'))
  t.match(await keysOf(gateway), [
    { id: 'one', consumer: 'acme', used: null, expired: false, where: /gatehouse\.yaml:4:/ },
    { id: 'two', used: null },
    { id: 'three', used: null }
  ])
  const before = Date.now()
  t.equal((await present(gateway, 'one')).status, 200)
  t.equal((await present(gateway, 'two', '/closed')).status, 403)
  t.equal((await present(gateway, 'nobody')).status, 401)
  await gateway.recorded(3)
  const used = new Map((await keysOf(gateway)).map(({ id, used: at }) => [id, at]))
  t.ok(Date.parse(used.get('one') ?? '') >= before)
  t.ok(Date.parse(used.get('two') ?? '') >= before, 'refused, but it was the key')
  t.equal(used.get('three'), null)
  const { stdout } = await gatehouse('key', 'list', gateway.config)
  t.match(stdout, /^one {2}acme {2}used \S+ ago, \S+Z {2}no expiry {2}\S*gatehouse\.yaml:4:\d+$/m)
  t.match(stdout, /^three {2}acme {2}never used since \S+Z {2}/m)
  t.same(await keysOf(gateway, '--unused', '1h'), [], 'one that is not known for an hour yet is not unused for it')
  t.equal((await gatehouse('key', 'list', gateway.config, '--unused', 'long')).code, 2)
  t.equal(await gateway.stop(), 0)

  const again = await startGateway(t, configuration('one', 'two'))
  t.match(
    (await keysOf(again)).map(({ id, used: at }) => [id, at]),
    [
      ['one', used.get('one')],
      ['two', used.get('two')]
    ]
  )
  again.writeConfig(configuration('two'))
  t.equal((await gatehouse('reload', again.config)).code, 0)
  t.same(
    (await keysOf(again)).map(({ id }) => id),
    ['two']
  )
})

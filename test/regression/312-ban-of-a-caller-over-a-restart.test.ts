/**
 * A ban under other words than `ip` was gone after a restart, and stayed in the list: its key has U+0000 in it, and SQLite's
 * text was read up to there.
 */
import t from 'tap'
import { ask } from '../e2e/client.ts'
import { status } from '../e2e/control-socket.ts'
import { startGateway } from '../e2e/gateway.ts'
import { sha256 } from '../e2e/tokens.ts'
import { eventually } from '../e2e/visitors.ts'

const key = (name: string): string => `gatekey-${name}`

t.test('a caller that enumerated objects is kept out of the route after kill -9', async (t) => {
  const consumer = (name: string): string =>
    `{ name: ${name}, keys: [ { id: ${name}, hash: "sha256:${sha256(key(name))}" } ] }`
  const gateway = await startGateway(
    t,
    `version: 1
listen: [ { address: "127.0.0.1:0" } ]
state: { dir: var }
threats: { mode: enforce }
consumers: [ ${consumer('acme')}, ${consumer('globex')} ]
services:
  - name: s
    url: http://127.0.0.1:9
    policies: { auth: { key: true } }
    routes:
      - { name: item, match: { paths: ["/items/{id}"] }, respond: { status: 404 } }
      - { name: other, match: { paths: ["/other"] }, respond: { status: 204 } }
`
  )
  const get = async (name: string, path: string, from = '127.0.1.1'): Promise<number> =>
    (await ask(gateway.port, path, { from, headers: { 'x-api-key': key(name) } })).status
  let last = 404
  for (let i = 0; i < 30 && last === 404; i++) last = await get('acme', `/items/${i}`)
  t.equal(last, 403)
  await gateway.said(/is banned: object-enumeration/)
  await eventually(async () => (await status(gateway.dir)).store?.pending === 0, 'it is on the disk')
  const said = gateway.stderr.length
  process.kill(await gateway.gatewayPid(), 'SIGKILL')
  await gateway.said(/ready: /, said)
  gateway.ports = [Number(/ready: http:\/\/127\.0\.0\.1:(\d+)/.exec(gateway.stderr.slice(said))?.[1])]
  t.equal(await get('acme', '/items/1', '127.0.2.2'), 403, 'from wherever it calls')
  t.equal(await get('globex', '/items/1'), 404)
  t.equal(await get('acme', '/other'), 204)
})

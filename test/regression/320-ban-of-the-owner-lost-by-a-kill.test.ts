/** A ban that `bans add` had answered for, and one that `bans remove` had ended, waited up to 200 ms for the disk: `kill -9` undid them. */
import t from 'tap'
import { ask } from '../e2e/client.ts'
import { control } from '../e2e/control.ts'
import { startGateway } from '../e2e/gateway.ts'

t.test('what an owner was answered for outlives the process', async (t) => {
  const gateway = await startGateway(
    t,
    `version: 1
listen: [ { address: "127.0.0.1:0" } ]
state: { dir: var }
services: [ { name: s, url: http://127.0.0.1:9, policies: { auth: public }, routes: [ { name: r, match: { paths: ["/a"] }, respond: { status: 204 } } ] } ]
`
  )
  const get = async (from: string): Promise<number> => (await ask(gateway.port, '/a', { from })).status
  const killed = async (): Promise<void> => {
    const said = gateway.stderr.length
    process.kill(await gateway.gatewayPid(), 'SIGKILL')
    await gateway.said(/ready: /, said)
    gateway.ports = [Number(/ready: http:\/\/127\.0\.0\.1:(\d+)/.exec(gateway.stderr.slice(said))?.[1])]
  }
  const added = await control(gateway, '/bans', 'POST', '{"address":"127.0.3.1"}')
  await killed()
  t.match([added.status, JSON.parse(added.body)], [201, { who: '127.0.3.1', kept: true }])
  t.equal(await get('127.0.3.1'), 403)
  const removed = await control(gateway, '/bans/127.0.3.1', 'DELETE')
  await killed()
  t.match(
    [removed.status, JSON.parse(removed.body)],
    [200, { removed: [{ who: '127.0.3.1' }], within: [], kept: true }]
  )
  t.equal(await get('127.0.3.1'), 204)
})

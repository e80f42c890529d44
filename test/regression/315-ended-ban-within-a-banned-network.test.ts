/**
 * `bans remove ADDRESS` said that the address is no longer banned, or that it is not, while its network kept it out; and
 * of an IPv6 address that it is not, while the ban is its /64's.
 */
import t from 'tap'
import { ask } from '../e2e/client.ts'
import { gatehouse } from '../e2e/command.ts'
import { startGateway } from '../e2e/gateway.ts'

t.test('what still keeps an address out is said', async (t) => {
  const gateway = await startGateway(
    t,
    `version: 1
listen: [ { address: "127.0.0.1:0" } ]
state: { dir: var }
services: [ { name: s, url: http://127.0.0.1:9, policies: { auth: public }, routes: [ { name: r, match: { paths: ["/a"] }, respond: { status: 204 } } ] } ]
`
  )
  const bans = (...args: string[]): ReturnType<typeof gatehouse> =>
    gatehouse('bans', ...args, '--config', gateway.config)
  const get = async (): Promise<number> => (await ask(gateway.port, '/a', { from: '127.0.7.9' })).status
  for (const who of ['127.0.7.0/24', '127.0.7.9', '2001:db8:0:1::/64', '127.0.8.0/24']) await bans('add', who)
  t.match(await bans('remove', '127.0.7.9'), {
    code: 0,
    stdout: '127.0.7.9 is no longer banned\n',
    stderr: 'gatehouse: 127.0.7.9 is kept out still: it is in 127.0.7.0/24\n'
  })
  t.match(await bans('remove', '127.0.7.9'), {
    code: 1,
    stdout: '',
    stderr: 'gatehouse: nothing that is called 127.0.7.9 is banned; it is in 127.0.7.0/24, which is\n'
  })
  t.equal(await get(), 403)
  t.match(await bans('remove', '2001:db8:0:1::5'), { code: 1, stderr: /it is in 2001:db8:0:1::\/64, which is\n/ })
  t.match(await bans('remove', '127.0.7.0/24'), { code: 0, stderr: '' })
  t.equal(await get(), 204)
  t.match(await bans('remove', '127.0.7.9'), { code: 1, stderr: /called 127\.0\.7\.9 is banned\n/ })
  t.match(await bans('remove', ''), { code: 2, stderr: /takes an ADDRESS or an ID/ })
})

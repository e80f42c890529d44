/** What the owner sees and says of bans: the commands, the admin API, and what is kept when the process is killed. */
import http from 'node:http'
import { join } from 'node:path'
import t from 'tap'
import type { BanEntry } from '../../../src/control/bans/book.ts'
import { ask, type Reply } from '../client.ts'
import { gatehouse } from '../command.ts'
import { status } from '../control-socket.ts'
import { startGateway } from '../gateway.ts'
import { startUpstream } from '../upstream.ts'
import { eventually } from '../visitors.ts'

const upstream = await startUpstream(t)
const gateway = await startGateway(
  t,
  `version: 1
listen: [ { address: "127.0.0.1:0" } ]
state: { dir: var }
threats: { never: ["127.9.9.0/24"], honeypots: ["/trap"] }
services: [ { name: s, url: ${upstream.url}, policies: { auth: public }, routes: [ { name: r, match: { paths: ["/site/*"] } } ] } ]
`,
  { workers: 2 }
)

const site = async (from: string, path = '/site/a'): Promise<number> => (await ask(gateway.port, path, { from })).status

function call(method: string, path: string, body?: string, type = 'application/json'): Promise<Reply> {
  return new Promise((resolve, reject) => {
    const headers = body === undefined ? {} : { 'content-type': type, 'content-length': Buffer.byteLength(body) }
    const socketPath = join(gateway.dir, 'var/control.sock')
    const request = http.request({ socketPath, method, path, headers, agent: false }, (response) => {
      let text = ''
      response.on('data', (data: Buffer) => (text += data.toString()))
      response.on('end', () => resolve({ status: response.statusCode ?? 0, headers: response.headers, body: text }))
    })
    request.on('error', reject)
    request.end(body)
  })
}
const listed = async (): Promise<BanEntry[]> =>
  (JSON.parse((await call('GET', '/bans')).body) as { bans: BanEntry[] }).bans

t.test('add: holds on every worker at once; remove: over at once', async (t) => {
  const answer = await call('POST', '/bans', '{"address":"127.2.0.0/16","for":"10m","reason":"ticket 7"}')
  t.equal(answer.status, 201)
  const ban = JSON.parse(answer.body) as BanEntry
  t.match(ban, { who: '127.2.0.0/16', scenario: 'added', reason: 'ticket 7', mode: 'enforce', evidence: [] })
  // Each request is a connection of its own, and connections go round the workers.
  for (let i = 0; i < 6; i++) t.equal(await site(`127.2.3.${i + 1}`), 403)
  t.match(await gateway.line(({ client }) => client === '127.2.3.1'), {
    policy: 'ban',
    rule: 'added',
    decision: 'deny'
  })
  t.equal(await site('127.3.0.1'), 200)
  t.equal((await call('DELETE', `/bans/${encodeURIComponent('127.2.0.0/16')}`)).status, 200)
  for (let i = 0; i < 6; i++) t.equal(await site(`127.2.3.${i + 1}`), 200)
  t.equal((await call('DELETE', `/bans/${ban.id}`)).status, 404, 'it is gone')
})

t.test('the commands', async (t) => {
  const config = ['--config', gateway.config]
  t.match(await gatehouse('bans', 'list', ...config), { code: 0, stdout: 'nobody is banned\n' })
  const added = await gatehouse('bans', 'add', '127.4.0.1', '--for', '2h', '--reason', 'scans us', ...config)
  t.match(added, { code: 0, stdout: /^127\.4\.0\.1 {2}added {2}(1h 59m|2h) left.*\n {2}scans us\n$/ })
  t.equal(await site('127.4.0.1'), 403)
  const { stdout } = await gatehouse('bans', 'list', '--json', ...config)
  t.match(JSON.parse(stdout), [{ who: '127.4.0.1', scenario: 'added', reason: 'scans us' }])
  t.match(await gatehouse('bans', 'remove', '127.4.0.1', ...config), {
    code: 0,
    stdout: '127.4.0.1 is no longer banned\n'
  })
  t.equal(await site('127.4.0.1'), 200)
  t.match(await gatehouse('bans', 'remove', '127.4.0.1', ...config), { code: 1, stderr: /127\.4\.0\.1 is banned/ })
  t.match(await gatehouse('bans', 'add', 'nowhere', ...config), { code: 2, stderr: /"nowhere" is no IP address/ })
  t.match(await gatehouse('bans', 'add', ...config), { code: 2, stderr: /takes an ADDRESS/ })
})

t.test('what can’t be banned is said, and changes nothing', async (t) => {
  for (const [body, status, says] of [
    ['{"address":"127.5.0.1/33"}', 422, /no IP address/],
    ['{"address":"0.0.0.0/0"}', 422, /wider than a \/8/],
    ['{"address":"128.0.0.0/7"}', 422, /wider than a \/8/],
    ['{"address":"2000::/15"}', 422, /wider than a \/16/],
    ['{"address":"127.9.9.1"}', 422, /threats\.never/],
    ['{"address":17}', 400, /address must be/],
    ['{"address":"127.5.0.1","for":"soon"}', 400, /for must be a duration/],
    ['{"address":"127.5.0.1","for":"0s"}', 400, /for must be a duration/],
    ['{"address":"127.5.0.1","reason":7}', 400, /reason must be/],
    [`{"address":"127.5.0.1","reason":"${'x'.repeat(257)}"}`, 400, /at most 256/],
    ['{"address":"127.5.0.1","hours":3}', 400, /no "hours"/],
    ['[]', 400, /a ban is/],
    ['null', 400, /a ban is/],
    ['{', 400, /not JSON/],
    ['{"address":"127.5.0.1","address":"127.5.0.2"}', 400, /twice|more than once/],
    [`{"address":"${'1'.repeat(5000)}"}`, 413, /4096 bytes/]
  ] as const) {
    const answer = await call('POST', '/bans', body)
    t.equal(answer.status, status, body.slice(0, 60))
    t.match((JSON.parse(answer.body) as { detail: string }).detail, says)
  }
  t.equal((await call('POST', '/bans', '{}', 'text/plain')).status, 415)
  t.equal((await call('PUT', '/bans')).status, 405)
  t.same(await listed(), [])
})

t.test('a network that holds the never-banned: they are not touched', async (t) => {
  t.equal((await call('POST', '/bans', '{"address":"127.9.0.0/16"}')).status, 201)
  t.equal(await site('127.9.8.1'), 403)
  t.equal(await site('127.9.9.1'), 200)
})

t.test('a honeypot of the configuration’s own names its line', async (t) => {
  t.equal(await site('127.6.0.1', '/trap/'), 403)
  t.match(await gateway.line(({ client, policy }) => client === '127.6.0.1' && policy === 'honeypot'), {
    where: /gatehouse\.yaml:4:\d+$/,
    rule: 'honeypot'
  })
})

t.test('kill -9: bans hold from the first request after the restart', async (t) => {
  // A ban that a worker makes holds before it is told.
  await eventually(async () => (await listed()).length === 2, 'both are listed')
  const made = await listed()
  await eventually(async () => (await status(gateway.dir)).store?.pending === 0, 'they are on the disk')
  const said = gateway.stderr.length
  process.kill(await gateway.gatewayPid(), 'SIGKILL')
  await gateway.said(/ready: /, said)
  const port = Number(/ready: http:\/\/127\.0\.0\.1:(\d+)/.exec(gateway.stderr.slice(said))?.[1])
  gateway.ports = [port]
  t.equal(await site('127.6.0.1'), 403)
  t.equal(await site('127.9.8.1'), 403)
  t.equal(await site('127.7.0.1'), 200)
  t.same(await listed(), made, 'with all that explains them')
  t.match(await gateway.said(/2 bans go on from before the start/), /2 bans/)
  const [trap] = made.filter(({ scenario }) => scenario === 'honeypot')
  t.equal((await call('DELETE', `/bans/${trap?.id}`)).status, 200, 'an id of before the restart')
  t.equal(await site('127.6.0.1'), 200)
})

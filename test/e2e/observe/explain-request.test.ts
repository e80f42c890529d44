/** `gatehouse explain REQUEST-ID`: a request that a running gateway has seen, with the whole chain of verdicts. */
import t from 'tap'
import type { RequestReport } from '../../../src/control/admin/report.ts'
import { ask, type Reply } from '../client.ts'
import { gatehouse, type Ended } from '../command.ts'
import { control } from '../control.ts'
import { reload } from '../control-socket.ts'
import { startGateway, type Gateway } from '../gateway.ts'
import { PATIENCE } from '../patience.ts'
import { sha256 } from '../tokens.ts'
import { startUpstream } from '../upstream.ts'

const upstream = await startUpstream(t)
const yaml = (rule = 'caller.attributes.tenant == path.tenant'): string => `version: 1
listen: [ { name: plain, address: "127.0.0.1:0", ready: /-/ready, client: { addressFrom: x-forwarded-for, trustedProxies: ["127.0.0.1/32"] } } ]
state: { dir: var }
consumers: [ { name: acme, attributes: { tenant: acme }, keys: [ { id: acme-1, hash: "sha256:${sha256('acme-key')}" } ] } ]
policies:
  ip: { deny: ["203.0.113.0/24"] }
  limits: [ { name: flood, rate: 1000/s, by: ip } ]
services:
  - name: orders
    url: ${upstream.url}
    policies: { auth: { key: { header: x-api-key, query: key } }, limits: [ { name: plan, rate: 3/h, by: [caller, path:tenant] } ] }
    routes:
      - name: read
        match: { paths: ["/orders/{tenant}"] }
        policies:
          authorize: [ { name: tried, when: "false", mode: shadow }, { name: own, when: '${rule}', reason: "another tenant's" } ]
          validate: { body: { maxSize: 1kb } }
  - { name: gone, url: "http://127.0.0.1:1", policies: { auth: public }, routes: [ { name: any, match: { paths: ["/gone"] } } ] }
threats: { honeypots: [/secret] }
`
const gateway = await startGateway(t, yaml(), { workers: 1 })
const KEY = { 'x-api-key': 'acme-key' }
/** The watch over the file may have been quicker than who asks. */
const TAKEN = { outcome: /^(applied|unchanged)$/ }

function idOf({ headers }: Reply): string {
  return String(headers['x-request-id'])
}

/** Waits: an exchange is recorded when it is over, and its client may have its answer before that. */
async function report(reply: Reply, of: Gateway = gateway): Promise<RequestReport> {
  for (const deadline = Date.now() + PATIENCE; ; await new Promise((resolve) => setTimeout(resolve, 10))) {
    const { status, body } = await control(of, `/requests/${idOf(reply)}`)
    if (status === 200) return JSON.parse(body) as RequestReport
    if (Date.now() > deadline) throw new Error(body)
  }
}

function explain(...args: string[]): Promise<Ended> {
  return gatehouse('explain', ...args, '--config', gateway.config)
}

const chainText = ({ chain }: RequestReport): string[] =>
  chain.map(({ policy, rule, verdict, where }) => `${policy} ${rule} ${verdict} ${where.split(':')[1] ?? ''}`)

t.test('forwarded: everything passed, each with its line', async (t) => {
  const seen = await report(await ask(gateway.port, '/orders/acme?key=***&a=1', { headers: KEY }))
  t.match(seen, { status: 401 }, 'two credentials that differ are refused, and the query is not told')
  const reply = await ask(gateway.port, '/orders/acme?a=1', { headers: { ...KEY, 'user-agent': 'me/1' } })
  const good = await report(reply)
  t.match(good, {
    id: idOf(reply),
    method: 'GET',
    scheme: 'http',
    path: '/orders/acme',
    query: 'a=1',
    status: 200,
    decision: 'forward',
    client: '127.0.0.1',
    listener: 'plain',
    agent: 'me/1',
    route: 'orders.read',
    caller: { method: 'key', consumer: 'acme', credential: 'acme-1' },
    upstream: { target: upstream.url.slice('http://'.length), ms: Number },
    generation: 1,
    serving: 1,
    linesKnown: true,
    shadow: ['tried']
  })
  t.strictSame(chainText(good), [
    'framing  pass ',
    'client  pass ',
    'ready  pass ',
    'ban  pass ',
    'ip  pass 6',
    'honeypot  pass ',
    'route orders.read pass 13',
    'limits flood pass 7',
    'auth  pass 11',
    'revocation  pass ',
    'ban  pass ',
    'authorize tried would deny 16',
    'authorize own pass 16',
    'limits plan pass 11',
    'validate  pass 17',
    'upstream  pass 13'
  ])
})

t.test('refused: what passed, who decided, what was not reached; in words too', async (t) => {
  const reply = await ask(gateway.port, '/orders/globex', { headers: KEY })
  t.equal(reply.status, 403)
  const seen = await report(reply)
  t.strictSame(chainText(seen).slice(8), [
    'auth  pass 11',
    'revocation  pass ',
    'ban  pass ',
    'authorize tried would deny 16',
    'authorize own deny 16',
    'limits plan not reached 11',
    'validate  not reached 17',
    'upstream  not reached 13'
  ])
  t.match(seen.upstream, null)
  const { code, stdout } = await explain(idOf(reply))
  t.equal(code, 1)
  t.match(stdout, /^request +GET http:\/\/127\.0\.0\.1\/orders\/globex$/m)
  t.match(stdout, /^caller +key acme$/m)
  t.match(stdout, /^ {2}authorize +would deny +tried +gateway|^ {2}authorize +would deny +tried /m)
  t.match(stdout, /^ {2}authorize +deny +own +another tenant's: .* +\[.*gatehouse\.yaml:16:\d+\]$/m)
  t.match(stdout, /^ {2}validate +not reached +\[/m)
  t.match(stdout, /^refused with 403$/m)
  const json = JSON.parse((await explain(idOf(reply), '--json')).stdout) as RequestReport
  t.equal(json.id, idOf(reply))
  for (const text of [stdout, JSON.stringify(json)]) t.notMatch(text, 'acme-key')
})

t.test('every kind of end', async (t) => {
  const deciding = async (path: string, options = {}): Promise<string[]> => {
    const { decision, status, chain } = await report(await ask(gateway.port, path, options))
    const decided = chain.filter(({ verdict }) => ['deny', 'fail', 'answer'].includes(verdict))
    const after = chain.slice(chain.findLastIndex(({ verdict }) => verdict !== 'not reached') + 1)
    return [`${decision} ${status}`, ...decided.map(({ policy, rule }) => `${policy} ${rule}`), `${after.length} more`]
  }
  t.strictSame(await deciding('/nowhere'), ['deny 404', 'route ', '0 more'])
  t.strictSame(await deciding('/-/ready'), ['answer 200', 'ready ', '4 more'])
  t.strictSame(await deciding('/orders/acme'), ['deny 401', 'auth ', '7 more'])
  t.strictSame(await deciding('/orders/acme', { headers: { 'x-forwarded-for': '203.0.113.5' } }), [
    'deny 403',
    'ip ',
    '2 more'
  ])
  t.strictSame(await deciding('/orders/acme', { headers: KEY, method: 'POST', body: 'x'.repeat(1025) }), [
    'deny 413',
    'validate ',
    '1 more'
  ])
  const stranger = { headers: { 'x-forwarded-for': '198.51.100.1' } }
  t.strictSame(await deciding('/secret', stranger), ['deny 403', 'honeypot honeypot', '1 more'])
  t.strictSame(await deciding('/orders/acme', stranger), ['deny 403', 'ban honeypot', '3 more'])
  t.strictSame(await deciding('/gone'), ['error 502', 'upstream ', '0 more'])
  await ask(gateway.port, '/orders/acme', { headers: KEY })
  t.strictSame(await deciding('/orders/acme', { headers: KEY }), ['deny 429', 'limits plan', '2 more'])
})

t.test('of an older generation: with the lines of then, and said; too old: that is said', async (t) => {
  const old = await ask(gateway.port, '/orders/globex', { headers: KEY })
  gateway.writeConfig(yaml('true').replace('policies:\n', '\n\npolicies:\n'))
  t.match(await reload(gateway.dir), TAKEN)
  const seen = await report(old)
  t.match(seen, { generation: 1, serving: 2, linesKnown: true })
  t.match(
    seen.chain.find(({ rule }) => rule === 'own'),
    { verdict: 'deny', where: /:16:/ }
  )
  t.match((await explain(idOf(old))).stdout, /generation 1, which generation 2 has replaced: lines are those of then/)
  for (const rule of ['1 == 1', '2 == 2', '3 == 3']) {
    gateway.writeConfig(yaml(rule))
    t.match(await reload(gateway.dir), TAKEN)
  }
  const older = await report(old)
  t.match(older, { generation: 1, serving: 5, linesKnown: false })
  t.strictSame(chainText(older), ['authorize own deny 16'], 'the record says who decided')
  t.match((await explain(idOf(old))).stdout, /generation 1, which is too long ago \(5 serves\)/)
})

t.test('an id of nobody: exit code 1 and how far back is known', async (t) => {
  const { code, stderr } = await explain('01M84YPG7X1BPWC09B1G91K44D')
  t.equal(code, 1)
  t.match(stderr, /no request 01M84YPG7X1BPWC09B1G91K44D is remembered: the last \d+ are, back to 20\d\d-/)
  t.match(await explain('01M84YPG7X1BPWC09B1G91K44D', '--json'), { code: 1, stdout: /"found": false/ })
  for (const odd of ['%2e%2e', 'a"b', "'", 'x'.repeat(64), 'a/b', 'é']) {
    t.match(await control(gateway, `/requests/${encodeURIComponent(odd)}`), { status: 404, body: /is remembered/ }, odd)
  }
})

t.test('remembered or not as the setting says', async (t) => {
  const off = await startGateway(t, yaml(), { workers: 1, env: { GATEHOUSE_EXPLAIN_BYTES: '0b' } })
  const reply = await ask(off.port, '/nowhere')
  const { status, body } = await control(off, `/requests/${idOf(reply)}`)
  t.equal(status, 404)
  t.match(body, /none are \(GATEHOUSE_EXPLAIN_BYTES is 0\)/)
})

/** `ip` of a consumer: its credentials, of whatever kind, are of use from its addresses only. */
import t from 'tap'
import { hashPassword } from '../../../src/identity/password.ts'
import { ask, type Ask, type Reply } from '../client.ts'
import { gatehouse } from '../command.ts'
import { startGateway } from '../gateway.ts'
import { seconds, sha256, signer, token } from '../tokens.ts'
import { startUpstream } from '../upstream.ts'

const key = signer('ES256', 'k1')
const claims = { iss: 'https://idp.example', aud: 'api', sub: 'u', exp: seconds() + 600, azp: 'acme-app' }
const upstream = await startUpstream(t)
const password = hashPassword('open sesame')
const gateway = await startGateway(
  t,
  `version: 1
listen:
  - { name: direct, address: "127.0.0.1:0" }
  - { name: behind, address: "127.0.0.1:0", client: { addressFrom: x-forwarded-for, trustedProxies: ["127.0.0.9/32"] } }
state: { dir: var }
issuers: [ { name: corp, issuer: "https://idp.example", jwks: keys.json, audiences: [api], consumerClaim: azp } ]
consumers:
  - name: acme
    clients: [ { issuer: corp, id: acme-app } ]
    keys: [ { id: k1, hash: "sha256:${sha256('acme-key')}" } ]
    basic: [ { username: acme, hash: "${password}" } ]
    ip: ["127.0.0.2", "127.0.1.0/24", "2001:db8::/32"]
  - { name: other, keys: [ { id: k2, hash: "sha256:${sha256('other-key')}" } ] }
  - { name: guest, ip: ["127.0.0.2"] }
services:
  - name: s
    url: ${upstream.url}
    routes:
      - { name: any, match: { paths: [/any] }, policies: { auth: { jwt: { issuers: [corp] }, key: true, basic: true } } }
      - { name: guests, match: { paths: [/guests] }, policies: { auth: { key: true, anonymous: guest } } }
      - { name: trial, match: { paths: [/trial] }, policies: { auth: { key: true, mode: shadow } } }
`,
  { files: { 'keys.json': JSON.stringify({ keys: [key.jwk] }) }, workers: 1 }
)
const [direct = 0, behind = 0] = gateway.ports

const KEY = { 'x-api-key': 'acme-key' }
const CREDENTIALS: Record<string, Record<string, string>> = {
  key: KEY,
  basic: { authorization: `Basic ${Buffer.from('acme:open sesame').toString('base64')}` },
  jwt: { authorization: `Bearer ${token(key, claims)}` }
}
const get = (path: string, options: Ask, port = direct): Promise<Reply> => ask(port, path, options)
const lineOf = ({ body }: Reply): Promise<Record<string, unknown>> => {
  const { instance } = JSON.parse(body) as { instance: string }
  return gateway.line(({ id }) => id === instance)
}

t.test('from its addresses, and from no other, whatever the credential', async (t) => {
  for (const [method, headers] of Object.entries(CREDENTIALS)) {
    for (const from of ['127.0.0.2', '127.0.1.0', '127.0.1.255'])
      t.match(await get('/any', { headers, from }), { status: 200, body: /"x-consumer":"acme"/ }, `${method} ${from}`)
    const seen = upstream.seen.length
    for (const from of ['127.0.0.1', '127.0.0.3', '127.0.2.0', '127.0.0.255']) {
      const reply = await get('/any', { headers, from })
      t.equal(reply.status, 403, `${method} ${from}`)
      t.notMatch(reply.body, /acme|127/)
      const reason = new RegExp(`^${from}: the consumer acme calls from other addresses$`)
      t.match(await lineOf(reply), { policy: 'ip', rule: 'consumer', reason, consumer: 'acme', where: /yaml:\d+:9$/ })
    }
    t.equal(upstream.seen.length, seen)
  }
  t.equal((await get('/any', { headers: { 'x-api-key': 'other-key' } })).status, 200, 'others come from anywhere')
  t.equal((await get('/any', { headers: { 'x-api-key': 'wrong' } })).status, 401, 'who is nobody is 401 as ever')
})

t.test('it is the client’s address that counts, not its proxy’s', async (t) => {
  const through = (address: string): Promise<Reply> =>
    get('/any', { headers: { ...KEY, 'x-forwarded-for': address }, from: '127.0.0.9' }, behind)
  t.equal((await through('2001:db8::1')).status, 200)
  t.equal((await through('::ffff:127.0.1.7')).status, 200, 'IPv4 in IPv6 is IPv4')
  t.equal((await through('2001:db9::1')).status, 403)
  const liar = await get('/any', { headers: { ...KEY, 'x-forwarded-for': '2001:db8::1' }, from: '127.0.0.3' }, behind)
  t.equal(liar.status, 403, 'nobody else speaks for a client')
})

t.test('a guest has addresses too; auth on trial lets pass, and gives no identity', async (t) => {
  t.equal((await get('/guests', { from: '127.0.0.2' })).status, 200)
  t.equal((await get('/guests', {})).status, 403)
  const reply = await get('/trial', { headers: KEY })
  t.equal(reply.status, 200)
  t.notMatch(reply.body, /x-consumer/)
  t.match(await gateway.line(({ route }) => route === 's.trial'), { shadow: 'consumer', status: 200 })
})

t.test('explain: of a request that was, and of one that might be', async (t) => {
  const { instance } = JSON.parse((await get('/any', { headers: KEY })).body) as { instance: string }
  await gateway.line(({ id }) => id === instance)
  const was = await gatehouse('explain', instance, '--config', gateway.config)
  t.match(was.stdout, /\n *revocation +pass\n *ip +deny +consumer +127\.0\.0\.1: the consumer acme calls from other/)
  for (const [ip, code, said] of [
    ['127.0.0.2', 0, /caller-ip +pass +ip +consumer/],
    ['192.0.2.1', 1, /calls from other addresses/]
  ] as const) {
    const might = await gatehouse(
      'explain',
      'GET',
      'http://a/any',
      '--as',
      'acme',
      '--ip',
      ip,
      '--config',
      gateway.config
    )
    t.match(might, { code, stdout: said }, ip)
  }
})

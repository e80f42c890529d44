/** Every word of `by`: which requests are counted together, and which apart. */
import { Agent } from 'node:http'
import t, { type Test } from 'tap'
import { ask, type Ask } from '../client.ts'
import { startGateway } from '../gateway.ts'
import { seconds, sha256, signer, token } from '../tokens.ts'
import { startUpstream } from '../upstream.ts'

const ec = signer('ES256', 'e1')
const words: Record<string, string> = {
  ip: 'ip',
  caller: 'caller',
  consumer: 'consumer',
  credential: 'credential',
  route: 'route',
  service: 'service',
  host: 'host',
  path: 'path',
  all: 'all',
  header: 'header:x-tenant',
  cookie: 'cookie:session',
  query: 'query:tenant',
  'path-name': 'path:id',
  'host-name': 'host:tenant',
  claim: 'claim:org',
  attribute: 'attribute:tenant',
  both: '[caller, "header:x-tenant"]',
  parts: '["header:x-a", "header:x-b"]'
}
const quoted = (by: string): string => (by.startsWith('[') ? by : `"${by}"`)
const upstream = await startUpstream(t)
const gateway = await startGateway(
  t,
  `version: 1
listen: [ { address: "127.0.0.1:0", client: { addressFrom: x-forwarded-for, trustedProxies: ["127.0.0.1/32"] } } ]
state: { dir: var }
log: { access: none }
issuers:
  - { name: corp, issuer: "https://idp.example", jwks: keys.json, audiences: [api], consumerClaim: azp, attributes: { tenant: org } }
  - { name: second, issuer: "https://second.example", jwks: keys.json, audiences: [api] }
consumers:
  - { name: acme, attributes: { tenant: t1 }, keys: [ { id: acme-1, hash: "sha256:${sha256('acme-1')}" }, { id: acme-2, hash: "sha256:${sha256('acme-2')}" } ] }
  - { name: other, attributes: { tenant: t1 }, keys: [ { id: other-1, hash: "sha256:${sha256('other-1')}" } ] }
services:
${Object.entries(words)
  .map(
    ([name, by]) => `  - name: by-${name}
    url: ${upstream.url}
    policies: { auth: { jwt: { issuers: [corp, second] }, key: true }, limits: [ { name: one, rate: 1/h, by: ${quoted(by)} } ] }
    routes:
      - { name: a, match: { paths: ["/${name}/a/{id}"], hosts: ["{tenant}.example.com"] } }
      - { name: b, match: { paths: ["/${name}/b/{id}"], hosts: ["{tenant}.example.com"] } }
      - { name: open, match: { paths: ["/${name}/open/{id}"], hosts: ["{tenant}.example.com"] }, policies: { auth: public } }
`
  )
  .join('')}`,
  { workers: 2, files: { 'keys.json': JSON.stringify({ keys: [ec.jwk] }) } }
)
const agent = new Agent({ keepAlive: true })
t.teardown(() => agent.destroy())

interface Who {
  path?: string
  ip?: string
  host?: string
  key?: string
  claims?: Record<string, unknown>
  headers?: Record<string, string>
}
let request = 0
/** Every request differs from every other in all that `by` doesn't name: path, address, header, cookie, query. */
async function send(word: string, who: Who): Promise<number> {
  const n = ++request
  const headers: Record<string, string> = {
    'x-forwarded-for': who.ip ?? `198.51.${n >> 8}.${n & 255}`,
    host: who.host ?? `h${n}.example.com`,
    'x-tenant': `h${n}`,
    cookie: `session=c${n}`,
    ...who.headers
  }
  if (who.claims !== undefined) {
    const claims = { iss: 'https://idp.example', aud: 'api', exp: seconds() + 600, jti: `${n}`, ...who.claims }
    headers['authorization'] = `Bearer ${token(ec, claims)}`
  } else if (who.key !== '') headers['x-api-key'] = who.key ?? 'acme-1'
  const path = who.path ?? `/a/p${n}`
  const query = path.includes('?') ? '' : `?tenant=q${n}`
  const more: Ask = { headers, agent }
  return (await ask(gateway.port, `/${word}${path}${query}`, more)).status
}

/** Those of one list count together, each list apart from the others. */
async function counts(t: Test, word: string, lists: readonly (readonly Who[])[]): Promise<void> {
  for (const [i, list] of lists.entries()) {
    for (const [j, who] of list.entries())
      t.equal(await send(word, who), j === 0 ? 200 : 429, `${word}: ${i}.${j} ${JSON.stringify(who)}`)
  }
}

t.test('ip, whose IPv6 prefix is one client', (t) =>
  counts(t, 'ip', [
    [{ ip: '203.0.113.1' }, { ip: '203.0.113.1', key: 'other-1' }, { ip: '::ffff:203.0.113.1' }],
    [{ ip: '203.0.113.2' }],
    [{ ip: '2001:db8::1' }, { ip: '2001:db8::2:3' }, { ip: '2001:0DB8:0:0:ffff::1' }],
    [{ ip: '2001:db8:0:1::1' }]
  ])
)

t.test('caller: consumer, else issuer and subject, else address', (t) =>
  counts(t, 'caller', [
    [{ key: 'acme-1' }, { key: 'acme-2' }, { claims: { sub: 'x', azp: 'acme' } }],
    [{ key: 'other-1' }],
    [{ claims: { sub: 'u1' } }, { claims: { sub: 'u1' } }],
    [{ claims: { sub: 'u2' } }],
    [{ claims: { sub: 'u1', iss: 'https://second.example' } }],
    [{ claims: { sub: 'acme' } }],
    [
      { path: '/open/1', key: '', ip: '203.0.113.9' },
      { path: '/open/2', key: '', ip: '203.0.113.9' }
    ],
    [{ path: '/open/1', key: '', ip: '203.0.113.10' }]
  ])
)

t.test('consumer; without one as caller, apart from it', (t) =>
  counts(t, 'consumer', [
    [{ key: 'acme-1' }, { key: 'acme-2' }],
    [{ key: 'other-1' }],
    [{ claims: { sub: 'u1' } }, { claims: { sub: 'u1' } }],
    [
      { path: '/open/1', key: '', ip: '203.0.113.9' },
      { path: '/open/1', key: '', ip: '203.0.113.9' }
    ]
  ])
)

t.test('credential', (t) =>
  counts(t, 'credential', [
    [{ key: 'acme-1' }, { key: 'acme-1' }],
    [{ key: 'acme-2' }],
    [
      { claims: { sub: 'u1' }, ip: '203.0.113.1' },
      { claims: { sub: 'u2' }, ip: '203.0.113.1' }
    ]
  ])
)

t.test('route, and service over its routes', async (t) => {
  await counts(t, 'route', [[{ path: '/a/1' }, { path: '/a/2', key: 'other-1' }], [{ path: '/b/1' }]])
  await counts(t, 'service', [[{ path: '/a/1' }, { path: '/b/1', key: 'other-1' }]])
})

t.test('host, in any case and with any port', (t) =>
  counts(t, 'host', [[{ host: 'a.example.com' }, { host: 'A.Example.com:8080' }], [{ host: 'b.example.com' }]])
)

t.test('path, in its normal form and without its query', (t) =>
  counts(t, 'path', [[{ path: '/a/x?a=1' }, { path: '/a/%78?b=2' }, { path: '/b/../a//x?c' }], [{ path: '/a/X?' }]])
)

t.test('all', (t) => counts(t, 'all', [[{}, { key: 'other-1', path: '/b/1' }, { claims: { sub: 'u1' } }]]))

t.test('header, cookie and query; an absent one as its address', async (t) => {
  await counts(t, 'header', [
    [{ headers: { 'x-tenant': 'one' } }, { headers: { 'X-Tenant': 'one' } }],
    [{ headers: { 'x-tenant': 'ONE' } }]
  ])
  await counts(t, 'cookie', [
    [{ headers: { cookie: 'session=one' } }, { headers: { cookie: 'a=b; session=one; c=d' } }],
    [{ headers: { cookie: 'session=two' } }],
    [
      { headers: { cookie: 'Session=one' }, ip: '203.0.113.1' },
      { headers: { cookie: 'x=y' }, ip: '203.0.113.1' }
    ],
    [{ headers: { cookie: 'x=y' }, ip: '203.0.113.2' }]
  ])
  await counts(t, 'query', [
    [{ path: '/a/1?tenant=one' }, { path: '/b/1?x=y&tenant=%6Fne' }, { path: '/a/1?%74enant=one' }],
    [{ path: '/a/1?tenant=two' }],
    [
      { path: '/a/1?x=y', ip: '203.0.113.1' },
      { path: '/a/2?', ip: '203.0.113.1' }
    ]
  ])
})

t.test('a name of the path, decoded, and of the host', async (t) => {
  await counts(t, 'path-name', [[{ path: '/a/one' }, { path: '/b/%6fne' }], [{ path: '/a/two' }]])
  await counts(t, 'host-name', [
    [{ host: 'one.example.com' }, { host: 'ONE.example.com' }],
    [{ host: 'two.example.com' }]
  ])
})

t.test('claim and attribute, from token and consumer', async (t) => {
  await counts(t, 'claim', [
    [{ claims: { sub: 'u1', org: 'one' } }, { claims: { sub: 'u2', org: 'one' } }],
    [{ claims: { sub: 'u1', org: 'two' } }],
    [
      { key: 'acme-1', ip: '203.0.113.1' },
      { claims: { sub: 'u1' }, ip: '203.0.113.1' }
    ]
  ])
  await counts(t, 'attribute', [
    [{ key: 'acme-1' }, { key: 'other-1' }, { claims: { sub: 'u1', org: 't1' } }],
    [{ claims: { sub: 'u1', org: 't2' } }]
  ])
})

t.test('composites: all parts count, and can’t be shifted into each other', async (t) => {
  const tenant = (name: string): Record<string, string> => ({ 'x-tenant': name })
  await counts(t, 'both', [
    [{ headers: tenant('one') }, { headers: tenant('one'), key: 'acme-2' }],
    [{ headers: tenant('two') }],
    [{ headers: tenant('one'), key: 'other-1' }]
  ])
  const parts = (a: string, b: string): Who => ({ headers: { 'x-a': a, 'x-b': b } })
  await counts(t, 'parts', [
    [parts('a', 'bc'), parts('a', 'bc')],
    [parts('ab', 'c')],
    [parts('abc', '')],
    [parts('', 'abc')],
    [parts('a,b', 'c')],
    [parts('v2:bcv1', 'a')]
  ])
  t.equal(gateway.child.exitCode, null)
})

/** What upstreams are told of the caller and the client, and what clients can't make them believe. */
import { Agent } from 'node:http'
import t from 'tap'
import { ask, raw, type Ask } from '../client.ts'
import { startGateway } from '../gateway.ts'
import { seconds, sha256, signer, token } from '../tokens.ts'
import { startUpstream } from '../upstream.ts'

const ec = signer('ES256', 'e1')
const upstream = await startUpstream(t)
const gateway = await startGateway(
  t,
  `version: 1
listen:
  - { name: plain, address: "127.0.0.1:0" }
  - { name: proxied, address: "127.0.0.1:0", client: { addressFrom: x-forwarded-for, trustedProxies: ["127.0.0.1/32"] } }
state: { dir: var }
issuers:
  - { name: corp, issuer: "https://idp.example", jwks: keys.json, audiences: [api], scopesClaim: scope, groupsClaim: groups, consumerClaim: azp }
consumers:
  - { name: acme, groups: [partners], keys: [ { id: acme-1, hash: "sha256:${sha256('acme-key')}" } ] }
  - { name: "naïve,consumer%1", keys: [ { id: "key,1%é", hash: "sha256:${sha256('odd-key')}" } ] }
services:
  - name: s
    url: ${upstream.url}
    policies: { auth: { jwt: { issuers: [corp], header: [authorization, x-token], cookie: session, query: access_token }, key: { header: x-api-key, cookie: api, query: api_key } } }
    routes:
      - { name: told, match: { paths: ["/told"] } }
      - { name: untold, match: { paths: ["/untold"] }, policies: { identity: { headers: false } } }
      - { name: kept, match: { paths: ["/kept"] }, policies: { identity: { credentials: forward } } }
      - { name: open, match: { paths: ["/open"] }, policies: { auth: public } }
      - name: filled
        match: { paths: ["/filled/{id}"] }
        policies: { headers: { request: { set: { x-tenant: "{claim:org}", x-id: "{path:id}", x-who: "{caller}" } } } }
`,
  { workers: 1, files: { 'keys.json': JSON.stringify({ keys: [ec.jwk] }) } }
)
const agent = new Agent({ keepAlive: true })
t.teardown(() => agent.destroy())
const corp = (claims: Record<string, unknown> = {}): string =>
  token(ec, { iss: 'https://idp.example', aud: 'api', sub: 'u1', exp: seconds() + 3600, ...claims })

interface Got {
  url: string
  headers: Record<string, string>
}
async function got(path: string, headers: Ask['headers'] = {}, listener = 0): Promise<Got> {
  const { status, body } = await ask(gateway.ports[listener] ?? 0, path, { headers, agent })
  if (status !== 200) throw new Error(`${path}: ${status}`)
  return JSON.parse(body) as Got
}
const bearer = (text = corp()): Record<string, string> => ({ authorization: `Bearer ${text}` })

/** Every field that speaks for the gateway, as a client might forge it. */
const FORGED = {
  'X-Consumer': 'admin',
  'X-Consumer-Groups': 'staff',
  'X-Subject': 'root',
  'X-Issuer': 'corp',
  'X-Scopes': 'all',
  'X-Auth-Method': 'certificate',
  'X-Credential': 'master',
  'X-Request-Id': 'forged-id',
  Traceparent: '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01',
  'X-Forwarded-For': '203.0.113.9',
  'X-Forwarded-Proto': 'https',
  'X-Forwarded-Host': 'forged.example',
  'X-Forwarded-Port': 'forged-port',
  Forwarded: 'for=203.0.113.9',
  X_Consumer: 'admin',
  'X-Consumer_Groups': 'staff',
  x_subject: 'root',
  'X-Real-IP': '203.0.113.9',
  'X-Original-URL': '/admin',
  'X-HTTP-Method-Override': 'DELETE'
}
const forgedValues = [
  'admin',
  'staff',
  'root',
  'all',
  'certificate',
  'master',
  'forged',
  '0af7651916cd43dd8448eb211c80319c',
  '203.0.113.9',
  'DELETE'
]

t.test('a token: subject, issuer by its name here, scopes, groups, method', async (t) => {
  const { headers } = await got('/told', bearer(corp({ scope: 'a b', groups: ['g1', 'g2'], azp: 'acme' })))
  t.match(headers, {
    'x-consumer': 'acme',
    'x-consumer-groups': 'partners,g1,g2',
    'x-subject': 'u1',
    'x-issuer': 'corp',
    'x-scopes': 'a b',
    'x-auth-method': 'jwt'
  })
  t.notOk('x-credential' in headers, 'what is absent has no header')
})

t.test('id, trace and where it came from', async (t) => {
  const { headers } = await got('/told', { 'x-api-key': 'acme-key', host: 'API.example.com:81' })
  t.match(headers['x-request-id'], /^[0-9A-HJKMNP-TV-Z]{26}$/)
  t.match(headers['traceparent'], /^00-[0-9a-f]{32}-[0-9a-f]{16}-0[01]$/)
  t.equal(headers['x-forwarded-for'], '127.0.0.1')
  t.equal(headers['x-forwarded-proto'], 'http')
  t.equal(headers['x-forwarded-host'], 'API.example.com:81')
  t.equal(headers['host'], upstream.url.slice(7))
  const line = await gateway.line(({ id }) => id === headers['x-request-id'])
  t.equal(line['trace'], headers['traceparent']?.slice(3, 35), 'the log names the same trace')
})

t.test('bytes outside 0x21-0x7E, commas and % are percent-encoded', async (t) => {
  const sub = 'a,b%2C é\u2028\r\nX-Consumer: admin\u0000😀'
  const { headers } = await got('/told', bearer(corp({ sub, groups: ['one,two', 'three four'], scope: ['x,y', 'ü'] })))
  t.equal(headers['x-subject'], encoded(sub))
  t.equal(headers['x-consumer-groups'], 'one%2Ctwo,three%20four')
  t.equal(headers['x-scopes'], 'x%2Cy %C3%BC')
  t.equal(decodeURIComponent(headers['x-subject'] ?? ''), sub, 'one standard call undoes it')
  t.notOk('x-consumer' in headers)
  const odd = await got('/told', { 'x-api-key': 'odd-key' })
  t.match(odd.headers, { 'x-consumer': encoded('naïve,consumer%1'), 'x-credential': encoded('key,1%é') })
})

t.test('forged copies, with _ for - too, are removed on every route', async (t) => {
  for (const [path, who] of [
    ['/told', { 'x-api-key': 'acme-key' }],
    ['/untold', { 'x-api-key': 'acme-key' }],
    ['/kept', { 'x-api-key': 'acme-key' }],
    ['/open', {}]
  ] as const) {
    const { headers } = await got(path, { ...FORGED, ...who })
    for (const [name, value] of Object.entries(headers)) {
      t.notOk(
        forgedValues.some((forged) => value.includes(forged)),
        `${path} ${name}: ${value}`
      )
      t.notMatch(name, /_/)
    }
    t.equal(headers['x-consumer'], path === '/told' || path === '/kept' ? 'acme' : undefined, path)
  }
})

t.test('a forged copy sent several times, in one request', async (t) => {
  const text = `GET /told HTTP/1.1\r\nhost: a\r\nx-api-key: acme-key\r\nx-consumer: admin\r\nX-CONSUMER: admin\r\nx-consumer : admin\r\nconnection: close\r\n\r\n`
  const { text: answer, statuses } = await raw(gateway.port, text)
  t.notMatch(answer, /admin/)
  t.ok(statuses.length <= 1)
})

t.test('a client can’t have our fields taken off as hop-by-hop', async (t) => {
  for (const name of ['x-consumer', 'X-Subject', 'x-forwarded-for', 'traceparent', 'x-request-id', 'authorization']) {
    const text = `GET /told HTTP/1.1\r\nhost: a\r\nx-api-key: acme-key\r\nconnection: close, ${name}\r\n\r\n`
    t.strictSame((await raw(gateway.port, text)).statuses, [400], name)
  }
})

t.test('identity.headers: false says nothing of the caller', async (t) => {
  const { headers } = await got('/untold', bearer())
  for (const name of Object.keys(headers))
    t.notMatch(name, /^x-(consumer|subject|issuer|scopes|auth|credential|request|forwarded)|^traceparent$/)
})

t.test('credentials are not forwarded, and nothing else is taken along with them', async (t) => {
  const token = corp()
  const places: [string, Record<string, string>][] = [
    ['/told?a=1', bearer(token)],
    ['/told?a=1', { 'x-token': token }],
    ['/told?a=1', { cookie: `a=b; session=${token}; c=d` }],
    [`/told?a=1&access_token=${token}`, {}],
    [`/told?%61ccess_token=${token}&a=1`, {}],
    ['/told?a=1', { 'x-api-key': 'acme-key' }],
    ['/told?a=1', { cookie: 'a=b; api=acme-key; c=d' }],
    ['/told?api_key=acme-key&a=1', {}]
  ]
  for (const [path, headers] of places) {
    const seen = await got(path, headers)
    t.notMatch(JSON.stringify(seen), new RegExp(`acme-key|${token.slice(-20)}`), path.slice(0, 20))
    t.equal(seen.url, '/told?a=1')
    if (headers['cookie'] !== undefined) t.equal(seen.headers['cookie'], 'a=b; c=d')
  }
  t.equal((await got(`/told?access_token=${token}`)).url, '/told', 'no lonely question mark')
  const kept = await got('/open?access_token=x', { authorization: 'Basic eDp5', cookie: 'session=1' })
  t.match(
    kept,
    { url: '/open?access_token=x', headers: { authorization: 'Basic eDp5', cookie: 'session=1' } },
    'a route forwards what its auth does not read'
  )
})

t.test('credentials: forward', async (t) => {
  const token = corp()
  const { headers } = await got('/kept', { ...bearer(token), cookie: 'a=b' })
  t.match(headers, { authorization: `Bearer ${token}`, cookie: 'a=b' })
  t.equal((await got('/kept?api_key=acme-key&a=1')).url, '/kept?api_key=acme-key&a=1')
})

t.test('a trusted proxy speaks for the client; its id and trace are kept', async (t) => {
  const own = {
    'X-Request-Id': 'proxy-id-1',
    Traceparent: FORGED.Traceparent,
    Tracestate: 'a=1',
    'X-Forwarded-Proto': 'https',
    'X-Forwarded-Host': 'www.example.com'
  }
  const { headers } = await got('/open', { ...own, 'x-forwarded-for': '198.51.100.7' }, 1)
  t.match(headers, {
    'x-request-id': 'proxy-id-1',
    traceparent: /^00-0af7651916cd43dd8448eb211c80319c-(?!b7ad6b7169203331)[0-9a-f]{16}-01$/,
    tracestate: 'a=1',
    'x-forwarded-for': '198.51.100.7, 127.0.0.1',
    'x-forwarded-proto': 'https',
    'x-forwarded-host': 'www.example.com'
  })
  t.match(await gateway.line(({ id }) => id === 'proxy-id-1'), { client: '198.51.100.7' })
  const strange = await got(
    '/open',
    {
      'X-Request-Id': 'x y"<',
      Traceparent: 'junk',
      'X-Forwarded-Proto': 'gopher',
      'X-Forwarded-Host': 'a, b',
      'x-consumer': 'admin',
      'x-forwarded-for': '198.51.100.7'
    },
    1
  )
  t.match(strange.headers, { 'x-request-id': /^[0-9A-Z]{26}$/, traceparent: /^00-/, 'x-forwarded-proto': 'http' })
  t.notMatch(JSON.stringify(strange.headers), /junk|gopher|a, b|admin/)
})

t.test('values of claims and paths in headers of the configuration', async (t) => {
  const { headers } = await got('/filled/a%2Cb%25', bearer(corp({ org: 'te\r\nnant, 1' })))
  t.equal(headers['x-tenant'], 'te%0D%0Anant%2C%201')
  t.equal(headers['x-id'], 'a%2Cb%25')
  const without = await got('/filled/1', bearer())
  t.notOk(/./.test(without.headers['x-tenant'] ?? ''), 'an absent claim leaves nothing of a forged one')
  t.notMatch((await got('/filled/1', { ...bearer(), 'x-tenant': 'forged' })).headers['x-tenant'] ?? '', /forged/)
  t.equal(gateway.child.exitCode, null)
})

function encoded(text: string): string {
  return [...Buffer.from(text)]
    .map((byte) =>
      byte < 0x21 || byte > 0x7e || byte === 0x25 || byte === 0x2c
        ? `%${byte.toString(16).toUpperCase().padStart(2, '0')}`
        : String.fromCharCode(byte)
    )
    .join('')
}

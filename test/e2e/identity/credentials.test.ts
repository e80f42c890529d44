/** Which credentials name which caller: API keys, tokens that consumers sign themselves, both, neither. */
import { Agent } from 'node:http'
import t from 'tap'
import { ask, raw, type Ask, type Reply } from '../client.ts'
import { startGateway } from '../gateway.ts'
import { hmacToken, seconds, sha256, signer, token } from '../tokens.ts'
import { startUpstream } from '../upstream.ts'

const SECRET = 'Zk3vX0qLr8tYb2Wn5sGd7hJm1pQc4uEf'
const ec = signer('ES256', 'e1')
const own = signer('RS256', 'own')
const ownEc = signer('ES256', 'own-ec')
const time = { exp: seconds() + 3600, iat: seconds() }

const upstream = await startUpstream(t)
const gateway = await startGateway(
  t,
  `version: 1
listen: [ { address: "127.0.0.1:0" } ]
state: { dir: var }
issuers:
  - { name: corp, issuer: "https://idp.example", jwks: keys.json, audiences: [api], scopesClaim: scope, groupsClaim: groups, consumerClaim: azp, attributes: { tenant: org, tier: tier } }
consumers:
  - name: acme
    groups: [partners]
    scopes: ["orders:read", "orders:write"]
    attributes: { tier: gold }
    clients: [ { issuer: corp, id: acme-app } ]
    keys:
      - { id: acme-full, hash: "sha256:${sha256('acme-key')}" }
      - { id: acme-read, hash: "sha256:${sha256('acme-read-key')}", scopes: ["orders:read", "admin"] }
      - { id: acme-old, hash: "sha256:${sha256('acme-old-key')}", expires: 2020-01-01 }
    jwt:
      - { issuer: "https://acme.example", algorithm: HS256, secret: "${SECRET}" }
      - { issuer: "https://acme-rs.example", algorithm: RS256, publicKey: own.pem }
      - { issuer: "https://acme-ec.example", algorithm: ES256, publicKey: own-ec.pem }
  - { name: other, groups: [others], keys: [ { id: other-1, hash: "sha256:${sha256('other-key')}" } ] }
  - { name: guest, groups: [guests], scopes: [look] }
services:
  - name: s
    url: ${upstream.url}
    routes:
      - { name: key, match: { paths: ["/key"] }, policies: { auth: { key: true } } }
      - { name: places, match: { paths: ["/places"] }, policies: { auth: { key: { header: [authorization, x-key], cookie: k, query: [api_key, "the key"] } } } }
      - { name: own, match: { paths: ["/own"] }, policies: { auth: { jwt: { consumers: true, audiences: [api] } } } }
      - { name: any, match: { paths: ["/any"] }, policies: { auth: { jwt: { issuers: [corp] }, key: true } } }
      - { name: every, match: { paths: ["/all"] }, policies: { auth: { jwt: { issuers: [corp] }, key: true, require: all } } }
      - { name: guests, match: { paths: ["/guests"] }, policies: { auth: { jwt: { issuers: [corp] }, key: true, anonymous: guest } } }
      - { name: optional, match: { paths: ["/optional"] }, policies: { auth: { jwt: { issuers: [corp], audiences: any, expiry: optional } } } }
      - { name: elsewhere, match: { paths: ["/elsewhere"] }, policies: { auth: { jwt: { issuers: [corp], audiences: [elsewhere] } } } }
      - { name: open, match: { paths: ["/open"] }, policies: { auth: public } }
`,
  {
    workers: 1,
    files: {
      'keys.json': JSON.stringify({ keys: [ec.jwk] }),
      'own.pem': String(own.publicKey.export({ type: 'spki', format: 'pem' })),
      'own-ec.pem': String(ownEc.publicKey.export({ type: 'spki', format: 'pem' }))
    }
  }
)
const agent = new Agent({ keepAlive: true })
t.teardown(() => agent.destroy())

const get = (path: string, headers: Ask['headers'] = {}): Promise<Reply> => ask(gateway.port, path, { headers, agent })
const bearer = (text: string): Record<string, string> => ({ authorization: `Bearer ${text}` })
const corp = (claims: Record<string, unknown> = {}): string =>
  token(ec, { iss: 'https://idp.example', aud: 'api', sub: 'u1', ...time, ...claims })

/** What the upstream was told of the caller, by the names of the README. */
async function told(path: string, headers: Ask['headers'] = {}): Promise<Record<string, unknown>> {
  const reply = await get(path, headers)
  if (reply.status !== 200) return { status: reply.status }
  const { headers: got } = JSON.parse(reply.body) as { headers: Record<string, string> }
  const names = [
    'x-consumer',
    'x-consumer-groups',
    'x-subject',
    'x-issuer',
    'x-scopes',
    'x-auth-method',
    'x-credential'
  ]
  return Object.fromEntries(names.filter((name) => got[name] !== undefined).map((name) => [name.slice(2), got[name]]))
}

const ACME = { consumer: 'acme', 'consumer-groups': 'partners', 'auth-method': 'key', credential: 'acme-full' }

t.test('a key names its consumer; its scopes narrow, and never widen, what the consumer has', async (t) => {
  t.strictSame(await told('/key', { 'x-api-key': 'acme-key' }), { ...ACME, scopes: 'orders:read orders:write' })
  t.strictSame(await told('/key', { 'x-api-key': 'acme-read-key' }), {
    ...ACME,
    scopes: 'orders:read',
    credential: 'acme-read'
  })
  t.strictSame(await told('/key', { 'x-api-key': 'other-key' }), {
    consumer: 'other',
    'consumer-groups': 'others',
    'auth-method': 'key',
    credential: 'other-1'
  })
})

t.test('no key, an unknown, an expired, a misshapen one: the same answer but for the id', async (t) => {
  const refusals = await Promise.all(
    ['nobody-key', 'acme-old-key', 'acme-keY', 'x'.repeat(300), 'acme key', '', 'sha256:', sha256('acme-key')].map(
      (key) => get('/key', { 'x-api-key': key })
    )
  )
  const shape = (reply: Reply): string => {
    const { date: _, 'x-request-id': id, ...headers } = reply.headers
    return JSON.stringify([reply.status, headers, reply.body.replace(String(id), 'ID')])
  }
  const [first] = refusals
  for (const reply of refusals) {
    t.equal(reply.status, 401)
    t.equal(shape(reply), shape(first as Reply))
    t.equal(JSON.parse(reply.body).instance, reply.headers['x-request-id'])
  }
  const none = await get('/key')
  t.equal(shape(none), shape(first as Reply), 'nor does the answer tell whether one was presented')
})

t.test('a key sent twice, beside its blank or in other case of its name', async (t) => {
  const twice = await raw(
    gateway.port,
    'GET /key HTTP/1.1\r\nhost: a\r\nx-api-key: acme-key\r\nX-API-Key: acme-key\r\nconnection: close\r\n\r\n'
  )
  t.strictSame(twice.statuses, [401])
  t.equal((await get('/key', { 'X-Api-KEY': 'acme-key' })).status, 200)
  t.equal((await get('/key', { x_api_key: 'acme-key' })).status, 401, 'an underscore is another name')
  t.equal((await get('/key?x-api-key=acme-key&api_key=acme-key')).status, 401, 'a place that is not listed')
})

t.test('places: Authorization bare, ApiKey and Bearer, cookie, query', async (t) => {
  for (const value of ['acme-key', 'ApiKey acme-key', 'apikey acme-key', 'Bearer acme-key']) {
    t.match(await told('/places', { authorization: value }), { consumer: 'acme' }, value)
  }
  t.match(await told('/places', { cookie: 'a=b; k=acme-key; c=d' }), { consumer: 'acme' })
  t.match(await told('/places', { cookie: 'k="acme-key"' }), { consumer: 'acme' })
  t.match(await told('/places?api_key=acme-key'), { consumer: 'acme' })
  t.match(await told('/places?a=1&%61pi_key=acme%2Dkey'), { consumer: 'acme' }, 'percent-encoded')
  for (const headers of [{ cookie: 'K=acme-key' }, { cookie: 'kk=acme-key' }, { cookie: 'k=' }, { cookie: 'k' }]) {
    t.equal((await get('/places', headers)).status, 401)
  }
  for (const query of [
    'api_key',
    'api_key=',
    'API_KEY=acme-key',
    'api_key=%zz',
    'api_key=acme-key&api_key=other-key'
  ]) {
    t.equal((await get(`/places?${query}`)).status, 401, query)
  }
  t.equal((await get('/places?api_key=other-key', { 'x-key': 'acme-key' })).status, 401, 'two that differ')
})

t.test('tokens that consumers sign themselves: HS256, RS256, ES256', async (t) => {
  const claims = { aud: 'api', sub: 'job-7', ...time }
  const scopes = 'orders:read orders:write'
  const who = { consumer: 'acme', 'consumer-groups': 'partners', subject: 'job-7', scopes, 'auth-method': 'jwt' }
  t.strictSame(await told('/own', bearer(hmacToken(SECRET, { iss: 'https://acme.example', ...claims }))), who)
  t.strictSame(await told('/own', bearer(token(own, { iss: 'https://acme-rs.example', ...claims }))), who)
  t.strictSame(await told('/own', bearer(token(ownEc, { iss: 'https://acme-ec.example', ...claims }))), who)
})

t.test("bad ones: another's secret, algorithm, audience, issuer, route", async (t) => {
  const claims = { iss: 'https://acme.example', aud: 'api', ...time }
  const bad: [string, string][] = [
    ['wrong secret', hmacToken(`${SECRET}x`, claims)],
    ['wrong issuer for the key', hmacToken(SECRET, { ...claims, iss: 'https://acme-rs.example' })],
    ['RS256 where HS256 is configured', token(own, claims)],
    [
      'the public key as a secret',
      hmacToken(String(own.publicKey.export({ type: 'spki', format: 'pem' })), {
        ...claims,
        iss: 'https://acme-rs.example'
      })
    ],
    ['wrong audience', hmacToken(SECRET, { ...claims, aud: 'other' })],
    ['no audience', hmacToken(SECRET, { iss: claims.iss, ...time })],
    ['no expiry', hmacToken(SECRET, { iss: claims.iss, aud: 'api' })],
    ['expired', hmacToken(SECRET, { ...claims, exp: seconds() - 60 })],
    ['an issuer that nobody is', hmacToken(SECRET, { ...claims, iss: 'https://nobody.example' })],
    ['no issuer', hmacToken(SECRET, { aud: 'api', ...time })],
    ["an issuer's token on a route for consumers' own", corp()]
  ]
  for (const [what, text] of bad) t.equal((await get('/own', bearer(text))).status, 401, what)
  t.equal((await get('/any', bearer(hmacToken(SECRET, claims)))).status, 401, 'and the other way round')
})

t.test('an issuer’s token: what it grants, and the consumer it is attached to', async (t) => {
  t.strictSame(await told('/any', bearer(corp({ scope: 'a b', groups: ['g1', 'g2'] }))), {
    'consumer-groups': 'g1,g2',
    subject: 'u1',
    issuer: 'corp',
    scopes: 'a b',
    'auth-method': 'jwt'
  })
  t.strictSame(
    await told('/any', bearer(corp({ azp: 'acme-app', groups: ['g1'], scope: '' }))),
    {
      consumer: 'acme',
      'consumer-groups': 'partners,g1',
      subject: 'u1',
      issuer: 'corp',
      'auth-method': 'jwt'
    },
    'an empty scope claim grants none'
  )
  t.match(await told('/any', bearer(corp({ azp: 'acme-app' }))), { scopes: 'orders:read orders:write' })
  t.match(
    await told('/any', bearer(corp({ azp: 'acme' }))),
    { consumer: undefined },
    'by its name alone: not this one, it lists its clients'
  )
  t.match(await told('/any', bearer(corp({ azp: 'other' }))), { consumer: 'other' })
})

t.test('require any: one good method is enough, and a bad one is never made good by another', async (t) => {
  t.match(await told('/any', { 'x-api-key': 'acme-key' }), { consumer: 'acme', 'auth-method': 'key' })
  t.match(await told('/any', bearer(corp())), { subject: 'u1' })
  t.equal((await get('/any', { ...bearer(corp()), 'x-api-key': 'wrong' })).status, 401)
  t.equal((await get('/any', { ...bearer(`${corp()}x`), 'x-api-key': 'acme-key' })).status, 401)
  const both = { ...bearer(corp({ azp: 'acme-app' })), 'x-api-key': 'acme-key' }
  t.match(await told('/any', both), { consumer: 'acme', subject: 'u1', credential: 'acme-full' })
  t.equal(
    (await get('/any', { ...bearer(corp({ azp: 'other' })), 'x-api-key': 'acme-key' })).status,
    401,
    'two different consumers'
  )
})

t.test('require all: every method, one consumer', async (t) => {
  const good = { ...bearer(corp({ azp: 'acme-app' })), 'x-api-key': 'acme-key' }
  t.match(await told('/all', good), { consumer: 'acme', subject: 'u1' })
  t.equal((await get('/all', { 'x-api-key': 'acme-key' })).status, 401)
  t.equal((await get('/all', bearer(corp({ azp: 'acme-app' })))).status, 401)
  t.equal((await get('/all')).status, 401)
  t.equal((await get('/all', { ...bearer(corp({ azp: 'other' })), 'x-api-key': 'acme-key' })).status, 401)
  t.equal((await get('/all', { ...good, 'x-api-key': 'other-key' })).status, 401)
})

t.test('anonymous: only for those who present nothing at all', async (t) => {
  const guest = { consumer: 'guest', 'consumer-groups': 'guests', scopes: 'look', 'auth-method': 'anonymous' }
  t.strictSame(await told('/guests'), guest)
  t.strictSame(
    await told('/guests', { authorization: 'Basic eDp5' }),
    guest,
    'a method that is not listed is not looked at'
  )
  for (const headers of [
    { 'x-api-key': 'wrong' },
    { 'x-api-key': '' },
    bearer('x'),
    { authorization: 'Bearer' },
    bearer(corp({ exp: 1 }))
  ]) {
    t.equal((await get('/guests', headers)).status, 401, JSON.stringify(headers).slice(0, 40))
  }
  t.match(await told('/guests', { 'x-api-key': 'acme-key' }), { consumer: 'acme' })
})

t.test('audiences and expiry of a route', async (t) => {
  t.equal((await get('/any', bearer(corp({ aud: ['x', 'api'] })))).status, 200)
  for (const aud of ['x', ['x'], [], undefined, 1, ['api', 1]])
    t.equal((await get('/any', bearer(corp({ aud })))).status, 401, JSON.stringify(aud))
  t.equal((await get('/elsewhere', bearer(corp()))).status, 401, "the route's audiences replace the issuer's")
  t.equal((await get('/elsewhere', bearer(corp({ aud: 'elsewhere' })))).status, 200)
  const timeless = corp({ exp: undefined, aud: undefined })
  t.equal((await get('/optional', bearer(timeless))).status, 200)
  t.equal((await get('/any', bearer(corp({ exp: undefined })))).status, 401)
  t.equal((await get('/optional', bearer(corp({ exp: seconds() - 60 })))).status, 401, 'one that is there still counts')
})

t.test('a token that one route takes is judged anew by the next', async (t) => {
  const text = corp({ jti: 'walks' })
  for (const [path, status] of [
    ['/any', 200],
    ['/elsewhere', 401],
    ['/own', 401],
    ['/any', 200],
    ['/optional', 200]
  ] as const) {
    t.equal((await get(path, bearer(text))).status, status, path)
  }
})

t.test('a public route looks at no credential', async (t) => {
  t.strictSame(await told('/open', { ...bearer('garbage'), 'x-api-key': 'acme-key' }), { 'auth-method': 'public' })
  t.equal(gateway.child.exitCode, null)
})

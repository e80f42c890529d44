/** Opaque tokens of a real OpenID provider: its introspection endpoint says what they stand for, when it can. */
import type { RequestListener } from 'node:http'
import t from 'tap'
import { ask, type Reply } from '../client.ts'
import { metric, settled } from '../control.ts'
import { startGateway, type Gateway } from '../gateway.ts'
import { signer } from '../tokens.ts'
import { startUpstream } from '../upstream.ts'
import { agent, until } from './named-issuers.ts'
import { GATEWAY, startProvider } from './openid-provider.ts'

const INTROSPECTION = '/token/introspection'
const upstream = await startUpstream(t)
const provider = await startProvider(t, [signer('ES256', 'k1')])
t.teardown(() => agent.destroy())

const yaml = `version: 1
listen: [ { address: "127.0.0.1:0" } ]
state: { dir: var }
issuers:
  - name: corp
    issuer: "${provider.issuer}"
    audiences: [api]
    scopesClaim: scope
    consumerClaim: client_id
    introspection: { url: "${provider.issuer}${INTROSPECTION}", clientId: ${GATEWAY.id}, clientSecret: "\${env:IDP_SECRET}", cache: 1m }
consumers: [ { name: app, groups: [partners] } ]
services:
  - name: s
    url: ${upstream.url}
    policies: { auth: { jwt: { issuers: [corp] } } }
    routes:
      - { name: any, match: { paths: ["/any"] } }
      - { name: write, match: { paths: ["/write"] }, policies: { authorize: { scopes: ["orders:write"] } } }
      - { name: partners, match: { paths: ["/partners"] }, policies: { authorize: { groups: [partners] } } }
      - { name: others, match: { paths: ["/others"] }, policies: { auth: { jwt: { issuers: [corp], audiences: [other] } } } }
`
const start = (workers = 1, env: Record<string, string> = {}): Promise<Gateway> =>
  startGateway(t, yaml, { workers, env: { IDP_SECRET: GATEWAY.secret, ...env } })
const gateway = await start()

const reply = (bearer: string, path = '/any', at = gateway): Promise<Reply> =>
  ask(at.port, path, { headers: { authorization: `Bearer ${bearer}` }, agent })
const status = async (bearer: string, path?: string, at?: Gateway): Promise<number> =>
  (await reply(bearer, path, at)).status

/** The access line of a refusal. */
const lineOf = (problem: string): Promise<Record<string, unknown>> => {
  const { instance } = JSON.parse(problem) as { instance: string }
  return gateway.line((line) => line['id'] === instance)
}

let number = 0
/** A token that nobody has shown yet. */
const fresh = (): string => `never-seen-${++number}`

t.test('an active token is its claims: audience, scopes, consumer; asked about once', async (t) => {
  const [bearer, jwt] = [await provider.token('opaque'), await provider.token('jwt')]
  const before = provider.count(INTROSPECTION)
  const { status: got, body } = await reply(bearer)
  t.equal(got, 200)
  const { headers } = JSON.parse(body) as { headers: Record<string, string> }
  t.match(headers, { 'x-consumer': 'app', 'x-issuer': 'corp', authorization: undefined })
  t.equal(await status(bearer, '/partners'), 200)
  t.equal(await status(bearer, '/write'), 403)
  t.equal(await status(bearer, '/others'), 401, 'for another audience')
  t.equal(await status(bearer), 200)
  t.equal(provider.count(INTROSPECTION), before + 1)
  t.equal(await status(jwt), 200)
  t.equal(provider.count(INTROSPECTION), before + 1, 'a JWT speaks for itself')
})

t.test('one question for a token, however many requests carry it', async (t) => {
  const bearer = await provider.token('opaque')
  const before = provider.count(INTROSPECTION)
  const statuses = await Promise.all(Array.from({ length: 12 }, () => status(bearer)))
  t.strictSame(new Set(statuses), new Set([200]))
  t.equal(provider.count(INTROSPECTION), before + 1)
})

t.test('a token that nobody issued, and one that was revoked, are 401', async (t) => {
  const { status: got, headers } = await reply(fresh())
  t.equal(got, 401)
  t.equal(headers['www-authenticate'], 'Bearer error="invalid_token"')
  const bearer = await provider.token('opaque')
  await provider.revoke(bearer)
  t.equal(await status(bearer), 401)
})

t.test('what is no token is nobody asked about', async (t) => {
  const before = provider.count(INTROSPECTION)
  for (const text of ['', '=', '===', 'a b', 'a"b', 'ä', 'a'.repeat(8193), 'a.b.c', '..'])
    t.equal((await ask(gateway.port, '/any', { headers: { authorization: `Bearer ${encodeURI(text)}` } })).status, 401)
  t.equal(provider.count(INTROSPECTION), before)
})

/** Answers of a provider in trouble, or of something else at its address. */
const garbage: [string, RequestListener, RegExp][] = [
  ['HTML', (_, response) => void response.end('<html>'), /is not JSON/],
  ['nothing', (_, response) => void response.end(), /is not JSON/],
  ['a list', (_, response) => void response.end('[]'), /is not a JSON object/],
  ['no word on active', (_, response) => void response.end('{"sub":"admin"}'), /whether the token is active/],
  ['active as a text', (_, response) => void response.end('{"active":"true","sub":"admin"}'), /is active/],
  ['active twice', (_, response) => void response.end('{"active":false,"active":true}'), /has a member twice/],
  ['bytes without end', (_, response) => void response.end(' '.repeat(70_000)), /more than 65536 bytes/],
  ['an error', (_, response) => void response.writeHead(500).end('{"active":true}'), /answered 500/],
  ['a redirect', (_, response) => void response.writeHead(307, { location: '/x' }).end(), /answered 307/],
  ['that it knows no gateway', (_, response) => void response.writeHead(401).end('{}'), /answered 401/],
  ['a coding', (_, response) => void response.writeHead(200, { 'content-encoding': 'gzip' }).end('{}'), /in gzip/],
  ['no HTTP', (request) => request.socket.end('SSH-2.0-OpenSSH\r\n'), /./],
  ['a closed connection', (request) => request.socket.destroy(), /twice|ended|closed/]
]
for (const [name, answer, reason] of garbage) {
  t.test(`a provider that answers ${name}: 503, and nothing is remembered`, async (t) => {
    provider.instead.set(INTROSPECTION, answer)
    const bearer = await provider.token('opaque')
    const { status: got, headers, body } = await reply(bearer)
    provider.instead.delete(INTROSPECTION)
    t.equal(got, 503)
    t.equal(headers['retry-after'], '1')
    t.notMatch(body, /introspect|active|127\./)
    t.match(await lineOf(body), { policy: 'auth', problem: 'keys-unavailable', reason })
    t.equal(await status(bearer), 200, 'with the provider back')
  })
}

const answers: [string, Record<string, unknown>, RegExp][] = [
  ['for another issuer', { iss: 'https://other.example' }, /iss is not the issuer/],
  ['for another audience', { aud: 'other' }, /for another audience/],
  ['for no audience', { aud: undefined }, /has no aud/],
  ['that has expired', { exp: 1 }, /has expired/],
  ['that never expires', { exp: undefined }, /has no exp/],
  ['of a refresh token', { token_type: 'refresh_token' }, /no access token/],
  ['with a list for a type', { token_type: ['Bearer'] }, /no access token/],
  ['with a number for a subject', { sub: 1 }, /sub is not a string/],
  ['that is good in an hour', { nbf: Math.floor(Date.now() / 1000) + 3600 }, /not valid yet/]
]
t.test('an answer is judged as a JWT is', async (t) => {
  const good = { active: true, sub: 'u', aud: 'api', exp: Math.floor(Date.now() / 1000) + 60 }
  const answer = (more: object): void => {
    provider.instead.set(INTROSPECTION, (_, response) => void response.end(JSON.stringify({ ...good, ...more })))
  }
  answer({})
  t.equal(await status(fresh()), 200, 'iss may be left out')
  for (const [name, more, reason] of answers) {
    answer(more)
    const { status: got, body } = await reply(fresh())
    t.equal(got, 401, name)
    t.match(await lineOf(body), { problem: 'bad-credential', reason })
  }
  provider.instead.delete(INTROSPECTION)
})

t.test('with the provider down: 503 for new tokens, 200 for those it has spoken of, and back when it is', async (t) => {
  const [known, unknown] = [await provider.token('opaque'), await provider.token('opaque')]
  t.equal(await status(known), 200)
  await provider.down()
  t.equal(await status(unknown), 503)
  t.equal(await status(known), 200)
  await provider.up()
  t.equal(await status(unknown), 200)
  await settled(gateway, 'gatehouse_token_introspection_failures_total', 1)
  t.ok((await metric(gateway, 'gatehouse_token_introspections_total')) > 10)
})

t.test('a flood of unknown tokens while the provider hangs holds nobody else up', async (t) => {
  const small = await start(1, { GATEHOUSE_VERIFY_PER_CLIENT: '4', GATEHOUSE_VERIFY_QUEUE: '8' })
  const [known, jwt] = [await provider.token('opaque'), await provider.token('jwt')]
  t.equal(await status(known, '/any', small), 200)
  const held: (() => void)[] = []
  provider.instead.set(INTROSPECTION, (_, response) => held.push(() => response.end('{"active":false}')))
  const flood = Array.from({ length: 20 }, () =>
    ask(small.port, '/any', { headers: { authorization: `Bearer ${fresh()}` } })
  )
  let refused = 0
  for (const one of flood) void one.then((answer) => (refused += answer.status === 503 ? 1 : 0))
  await until('four wait, and no place is left', async () => held.length === 4 && refused === 16)
  t.equal(await status(known, '/any', small), 200)
  t.equal(await status(jwt, '/any', small), 200, 'verification has a queue of its own')
  provider.instead.delete(INTROSPECTION)
  for (const answer of held) answer()
  const statuses = (await Promise.all(flood)).map((one) => one.status)
  t.equal(statuses.filter((one) => one === 401).length, 4, 'those that waited')
  t.equal(statuses.filter((one) => one === 503).length, 16, 'turned away while they did')
})

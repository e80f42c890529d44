import t from 'tap'
import { explainRequest } from '../../src/pipeline/explain.ts'
import type { DescribedRequest } from '../../src/policy-test.ts'
import { lintKeySet } from '../../src/control/keys/key-set.ts'
import type { KeySet } from '../../src/plan/keys.ts'
import { planOf } from '../control/compile/configuration.ts'
import { seconds, sha256, signer, token } from '../e2e/tokens.ts'

const ec = signer('ES256', 'e1')
const YAML = `version: 1
listen:
  - { name: plain, address: "127.0.0.1:0", ready: /-/ready }
  - { name: sends, address: "127.0.0.1:0", redirect: "https:443" }
issuers:
  - { name: corp, issuer: "https://idp.example", jwks: { keys: [ ${JSON.stringify(ec.jwk)} ] }, audiences: [api, other], algorithms: [ES256], typ: at+jwt, scopesClaim: scope, consumerClaim: azp, equal: { tid: "42" } }
consumers:
  - { name: acme, groups: [g], scopes: [a, b], keys: [ { id: k, hash: "sha256:${sha256('acme-key')}", scopes: [a] } ] }
  - { name: bare, groups: [g] }
  - { name: user, basic: [ { username: "u", hash: "scrypt:ln=15,r=8,p=3:AAAAAAAAAAAAAAAAAAAAAA:AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA" } ] }
  - { name: attached, clients: [ { issuer: corp, id: app-1 } ] }
  - { name: signs, jwt: [ { issuer: "https://signs.example", algorithm: HS256, secret: "Zk3vX0qLr8tYb2Wn5sGd7hJm1pQc4uEf" } ] }
services:
  - name: s
    url: http://10.0.0.9:81
    routes:
      - { name: key, match: { paths: ["/key"] }, policies: { auth: { key: true } } }
      - { name: cookie, match: { paths: ["/cookie"] }, policies: { auth: { key: { cookie: c } } } }
      - { name: query, match: { paths: ["/query"] }, policies: { auth: { key: { query: "k k" } } } }
      - { name: jwt, match: { paths: ["/jwt"] }, policies: { auth: { jwt: { issuers: [corp] } }, authorize: { name: scoped, scopes: [x], reason: "needs x" } } }
      - { name: bound, match: { paths: ["/bound/*"] }, policies: { auth: { jwt: { issuers: [corp], bound: required } } } }
      - { name: both, match: { paths: ["/both"] }, policies: { auth: { jwt: { issuers: [corp] }, key: true, require: all } } }
      - { name: own, match: { paths: ["/own"] }, policies: { auth: { jwt: { consumers: true, audiences: [api] } } } }
      - { name: basic, match: { paths: ["/basic"] }, policies: { auth: { basic: true, key: { header: k }, require: all } } }
      - { name: signed, match: { paths: ["/signed"] }, policies: { auth: { signature: true } } }
      - { name: open, match: { paths: ["/open"] }, policies: { auth: public } }
      - name: tried
        match: { paths: ["/tried"] }
        policies: { auth: public, ip: { deny: ["192.0.2.0/24"], mode: shadow }, authorize: { name: never, when: "false", mode: shadow }, limits: [ { name: one, rate: 1/h, by: all } ] }
      - { name: tiers, match: { paths: ["/tiers"] }, policies: { auth: { key: true }, limits: [ { name: some, rate: 1/h, by: all, tiers: [ { scopes: [a], rate: none } ] } ] } }
      - { name: night, match: { paths: ["/night"] }, policies: { auth: public, authorize: { when: 'now < timestamp("2026-01-01T00:00:00Z")' } } }
`
const plan = planOf(YAML)

function describe(more: Partial<DescribedRequest> & { url: string }): DescribedRequest {
  return {
    method: 'GET',
    headers: [],
    body: null,
    as: null,
    claims: null,
    certificate: null,
    ip: '192.0.2.1',
    time: null,
    listener: null,
    ...more
  }
}
const explain = (path: string, more: Partial<DescribedRequest> = {}): ReturnType<typeof explainRequest> =>
  explainRequest(plan, describe({ url: `http://a.example${path}`, ...more }))

t.test('a forwarded request: every verdict with its line, and what the upstream is told', async (t) => {
  const answer = await explain('/key?a=1', { as: 'acme' })
  t.match(answer, { status: 200, decision: 'forward', route: 's.key', upstream: 'service:s' })
  t.strictSame(
    answer.steps.map(({ stage, verdict }) => `${stage} ${verdict}`),
    ['framing pass', 'client pass', 'route pass', 'auth pass']
  )
  t.match(answer.steps.at(-1), { where: /^g\.yaml:\d+:\d+$/, detail: 'key acme' })
  const told = Object.fromEntries(answer.headers)
  t.match(told, {
    host: '10.0.0.9:81',
    'x-consumer': 'acme',
    'x-credential': 'k',
    'x-scopes': 'a',
    'x-api-key': undefined
  })
})

t.test('a limit that a tier lifts is told, with the tier’s line', async (t) => {
  const { steps } = await explain('/tiers', { as: 'acme' })
  const step = steps.find(({ stage }) => stage === 'limits')
  const line = YAML.split('\n').findIndex((text) => text.includes('name: tiers'))
  const column = YAML.split('\n')[line]?.indexOf('{ scopes: [a], rate: none }') ?? -1
  const where = `g.yaml:${line + 1}:${column + 1}`
  t.match(step, { verdict: 'pass', rule: 'some', where, detail: 'not limited' })
})

t.test('as: with a signature, over the query and the body too', async (t) => {
  for (const more of [{}, { method: 'POST', body: 'x' }]) {
    const answer = await explain('/signed?a=1', { as: 'bare', ...more })
    t.equal(answer.status, 200)
    t.match(new Map(answer.headers).get('x-credential'), 'described-bare')
  }
})

t.test('as: with a user name and a password', async (t) => {
  for (const [as, credential] of [
    ['user', 'u'],
    ['bare', 'described-bare']
  ] as const) {
    const answer = await explain('/basic', { as })
    t.equal(answer.status, 200, as)
    const { headers } = await explainRequest(
      planOf(YAML.replace('basic: true, key: { header: k }, require: all', 'basic: true')),
      describe({ url: 'http://a.example/basic', as })
    )
    t.strictSame(
      headers.filter(([name]) => /^x-(?:cred|auth)/.test(name)),
      [
        ['x-auth-method', 'basic'],
        ['x-credential', credential]
      ]
    )
  }
})

t.test('as: with whatever the route takes, wherever it takes it', async (t) => {
  for (const [path, as] of [
    ['/key', 'acme'],
    ['/key', 'bare'],
    ['/cookie', 'acme'],
    ['/query', 'acme'],
    ['/query?a=1', 'acme'],
    ['/jwt', 'attached'],
    ['/jwt', 'acme'],
    ['/both', 'attached'],
    ['/both', 'acme'],
    ['/own', 'signs'],
    ['/open', 'acme']
  ] as const) {
    const { steps, status, headers } = await explain(path, { as })
    t.ok(
      status === 200 || (path === '/jwt' && status === 403),
      `${path} as ${as}: ${status} ${JSON.stringify(steps.at(-1))}`
    )
    if (status === 200 && path !== '/open') t.match(Object.fromEntries(headers), { 'x-consumer': as })
  }
})

t.test('claims: a good token of them, with what the issuer asks for filled in', async (t) => {
  const good = await explain('/jwt', { claims: { sub: 'u1', scope: 'x y' } })
  t.match(good, { status: 200 })
  t.match(Object.fromEntries(good.headers), { 'x-subject': 'u1', 'x-issuer': 'corp', 'x-scopes': 'x y' })
  t.match(await explain('/jwt', { claims: { iss: 'corp', sub: 'u1', scope: 'x' } }), { status: 200 })
  const without = await explain('/jwt', { claims: { sub: 'u1' } })
  t.match(without, { status: 403, decision: 'deny' })
  t.match(without.steps.at(-1), {
    stage: 'authorize',
    verdict: 'deny',
    rule: 'scoped',
    detail: 'needs x: missing scope x',
    where: /^g\.yaml:\d+:\d+$/
  })
  t.match(await explain('/jwt', { claims: { exp: 1 } }), { status: 401 }, 'what is said stands')
  t.match(await explain('/jwt', { claims: { aud: 'elsewhere' } }), { status: 401 })
  t.match(await explain('/jwt', { claims: { tid: '43' } }), { status: 401 })
})

t.test('where bound tokens are required, a described caller proves that its token is its own', async (t) => {
  for (const more of [
    { claims: { sub: 'u' } },
    { as: 'attached' },
    { claims: { sub: 'u' }, time: 4_000_000_000_000 }
  ]) {
    const { status, headers } = await explain('/bound/a?b=c', more)
    t.equal(status, 200)
    t.notOk(headers.some(([name]) => name === 'dpop' || name === 'authorization'))
  }
  t.equal((await explain('/bound/a', { claims: { cnf: { jkt: 'x' } } })).status, 401, 'bound to another key')
  const unbound = token(
    ec,
    { iss: 'https://idp.example', aud: 'api', tid: '42', exp: seconds() + 60 },
    { typ: 'at+jwt' }
  )
  const keys = lintKeySet('corp', [ec.jwk], ['ES256'])
  if (!keys.ok) throw new Error(keys.reason)
  const set: KeySet = { issuer: 'corp', version: 1, keys: keys.keys, fetchedAt: 0 }
  const url = 'http://a.example/bound/a'
  const real = await explainRequest(plan, describe({ url, headers: [['authorization', `Bearer ${unbound}`]] }), [set])
  t.equal(real.status, 401)
  t.match(real.steps.at(-1)?.detail, /bound to nothing/)
})

t.test('a real token, with the issuer’s keys at hand', async (t) => {
  const set = lintKeySet('corp', [ec.jwk], ['ES256'])
  const keys: KeySet[] = [{ issuer: 'corp', version: 1, keys: set.ok ? set.keys : [], fetchedAt: 0 }]
  const claims = { iss: 'https://idp.example', aud: 'api', tid: '42', scope: 'x', exp: seconds() + 60 }
  const request = (text: string): DescribedRequest =>
    describe({ url: 'http://a/jwt', headers: [['Authorization', `Bearer ${text}`]] })
  t.match(await explainRequest(plan, request(token(ec, claims, { typ: 'at+jwt' })), keys), { status: 200 })
  t.match(await explainRequest(plan, request(token(ec, claims)), keys), { status: 401 })
  t.match(await explainRequest(plan, request(token(ec, claims, { typ: 'at+jwt' })), []), { status: 503 })
  t.match((await explainRequest(plan, request('garbage'), keys)).steps.at(-1), { stage: 'auth', detail: /three parts/ })
})

t.test('refusals before any route; answers of the gateway’s own', async (t) => {
  t.match(await explain('/nowhere'), { status: 404, decision: 'deny', route: '' })
  t.match(await explain('/a/../../x'), { status: 400 })
  t.match(await explain('/open', { method: 'BREW' }), { status: 501 })
  t.match(await explain('/key'), { status: 401, route: 's.key' })
  t.match(await explain('/-/ready'), { status: 200, decision: 'answer' })
  t.match(await explain('/open', { listener: 'sends' }), {
    status: 308,
    decision: 'answer',
    headers: [
      ['location', 'https://a.example/open'],
      ['x-request-id', /^[0-9A-Z]{26}$/]
    ]
  })
  t.match(await explain('/key', { as: 'acme', body: 'x'.repeat(11_000_000), method: 'POST' }), { status: 413 })
})

t.test('shadow: what would have denied is among the steps, and the request goes on', async (t) => {
  const { status, steps } = await explain('/tried')
  t.equal(status, 200)
  const shadows = steps.filter(({ shadow }) => shadow)
  t.match(shadows, [
    { stage: 'ip', verdict: 'deny' },
    { stage: 'authorize', rule: 'never' }
  ])
  t.match(
    steps.find(({ stage }) => stage === 'limits'),
    { rule: 'one', verdict: 'pass', detail: '0 left', shadow: false }
  )
  t.match(await explain('/tried'), { status: 200 }, 'limits start empty each time')
})

t.test('time', async (t) => {
  t.match(await explain('/night'), { status: 403 })
  t.match(await explain('/night', { time: Date.UTC(2025, 0, 1) }), { status: 200 })
  t.match(
    await explain('/jwt', { time: Date.UTC(2020, 0, 1), claims: { scope: 'x' } }),
    { status: 200 },
    'the token is of that time'
  )
})

t.test('descriptions that can’t be', async (t) => {
  await t.rejects(explain('/key', { as: 'nobody' }), /no consumer is named "nobody"/)
  await t.rejects(explain('/own', { as: 'bare' }), /bare has no credential that this route takes/)
  await t.rejects(explain('/key', { claims: {} }), /s\.key takes no tokens/)
  await t.rejects(
    explain('/jwt', { claims: { iss: 'https://evil.example' } }),
    /iss must be an issuer of the configuration: https:\/\/idp\.example/
  )
  await t.rejects(explain('/open', { listener: 'none' }), /no listener is named "none": there are plain, sends/)
  for (const ip of ['', 'localhost', '1.2.3', '1.2.3.4.5', ':::'])
    await t.rejects(explain('/open', { ip }), /is no IP address/)
  await t.rejects(explainRequest(plan, describe({ url: 'not a url' })), /URL/)
})

import t from 'tap'
import { sha256 } from '../e2e/tokens.ts'
import { pipeline, type Described } from './kit.ts'

/** Each with the problem code or the stage that answers. */
type Case = [described: Described, what: string]

const HEAD = `version: 1
listen:
  - { name: plain, address: "127.0.0.1:0", ready: /-/ready }
  - { name: proxied, address: "127.0.0.1:0", client: { addressFrom: x-forwarded-for, trustedProxies: ["10.0.0.0/8"] } }
  - { name: lb, address: "127.0.0.1:0", client: { addressFrom: proxy-protocol, trustedProxies: ["10.0.0.0/8"] } }
  - { name: strict, address: "127.0.0.1:0", client: { chunked: refuse } }
`
const OPEN = `services:
  - name: s
    url: http://127.0.0.1:9
    policies: { auth: public }
    routes:
      - { name: any, match: { paths: ["/*"] } }
`

t.test('framing: what is no request goes no further, and closes where it must', async (t) => {
  const stages = await pipeline(t, HEAD + OPEN)
  const cases: Case[] = [
    [{ target: '/a' }, 'permit'],
    [{ target: '' }, 'bad-path'],
    [{ target: 'a' }, 'bad-path'],
    [{ target: '*' }, 'bad-path'],
    [{ target: '/a%2fb' }, 'bad-path'],
    [{ target: '/a%00' }, 'bad-path'],
    [{ target: '/%zz' }, 'bad-path'],
    [{ target: '/../..' }, 'bad-path'],
    [{ target: '/a\\b' }, 'bad-path'],
    [{ target: '/a\u00e9' }, 'bad-path'],
    [{ method: 'BREW' }, 'unknown-method'],
    [{ method: 'get' }, 'unknown-method'],
    [{ method: '' }, 'unknown-method'],
    [{ headers: { host: '' } }, 'malformed'],
    [{ headers: { host: 'a,b' } }, 'malformed'],
    [{ headers: { host: 'user@a' } }, 'malformed'],
    [
      {
        headers: [
          ['host', 'a'],
          ['host', 'b']
        ]
      },
      'malformed'
    ],
    [{ headers: { 'content-length': 'x' } }, 'malformed'],
    [{ headers: { 'content-length': '-1' } }, 'malformed'],
    [
      {
        headers: [
          ['content-length', '1'],
          ['content-length', '1']
        ]
      },
      'malformed'
    ],
    [{ method: 'POST', headers: { 'transfer-encoding': 'gzip, chunked' } }, 'malformed'],
    [{ method: 'GET', headers: { 'transfer-encoding': 'chunked' } }, 'malformed'],
    [{ method: 'POST', headers: { 'transfer-encoding': 'chunked' }, listener: 3 }, 'length-required'],
    [{ headers: { expect: 'x' } }, 'expectation-failed'],
    [{ headers: { connection: 'authorization' } }, 'malformed'],
    [{ headers: { '': 'x' } }, 'malformed'],
    [{ headers: { a: 'x\u007f' } }, 'malformed']
  ]
  for (const [described, what] of cases) {
    const { what: found, x, outcome } = await stages.decide(described)
    // A request target's own faults are 400 under one of two codes; which is framing's business.
    const same = found === what || (what === 'bad-path' && found === 'malformed')
    t.ok(same, `${JSON.stringify(described)}: ${found}`)
    t.match(x.id, /^[0-9A-Z]{26}$/, 'every refusal has an id')
    if (found === 'malformed') t.match(outcome, { policy: 'framing', reason: /./ })
  }
})

t.test('certificate: a host that the connection’s certificate does not cover', async (t) => {
  const stages = await pipeline(t, HEAD + OPEN)
  stages.plan.certificates.push({
    hosts: ['a.example'],
    certFile: '',
    keyFile: '',
    covers: ['a.example', '*.b.example'],
    fingerprint: '',
    notAfter: 0,
    where: ''
  })
  for (const host of ['a.example', 'A.example:8443', 'x.b.example', '127.0.0.1']) {
    t.equal((await stages.decide({ certificate: 0, headers: { host } })).what, 'permit', host)
  }
  for (const host of ['b.example', 'x.y.b.example', 'c.example', 'a.example.evil', '.b.example']) {
    t.ok([421, 400].includes((await stages.decide({ certificate: 0, headers: { host } })).status), host)
  }
  t.equal(
    (await stages.decide({ certificate: 7, headers: { host: 'a.example' } })).what,
    'wrong-host',
    'a certificate that is gone covers nothing'
  )
  const asked = { certificate: 0, target: '/-/ready', headers: { host: 'localhost' } }
  t.equal((await stages.decide(asked)).what, 'ready', 'a balancer asks under any name')
  t.equal((await stages.decide({ ...asked, target: '/-/ready/x' })).status, 421)
})

t.test('client: the address, its key, the id and the trace, each only on the word of a trusted peer', async (t) => {
  const stages = await pipeline(t, HEAD + OPEN)
  const said = {
    'x-forwarded-for': '203.0.113.7',
    'x-request-id': 'their-id',
    traceparent: '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01'
  }
  const plain = await stages.decide({ headers: said })
  t.match(plain.x, { clientIp: '192.0.2.1', clientKey: '192.0.2.1', trustedPeer: false, id: /^[0-9A-Z]{26}$/ })
  t.notMatch(plain.x.traceparent, /0af765/)
  const untrusted = await stages.decide({ headers: said, listener: 1 })
  t.match(untrusted.x, { clientIp: '192.0.2.1', trustedPeer: false })
  const trusted = await stages.decide({ headers: said, listener: 1, peer: '10.1.1.1' })
  t.match(trusted.x, { clientIp: '203.0.113.7', trustedPeer: true, id: 'their-id', traceparent: /0af765/ })
  const six = await stages.decide({
    headers: { 'x-forwarded-for': '2001:db8:1:2:3:4:5:6' },
    listener: 1,
    peer: '10.1.1.1'
  })
  t.equal(six.x.clientKey, '2001:db8:1:2::/64')
  for (const value of ['garbage', '', '1.2.3', '203.0.113.7, x', '999.1.1.1', 'unknown']) {
    const { status, x } = await stages.decide({ headers: { 'x-forwarded-for': value }, listener: 1, peer: '10.1.1.1' })
    t.ok(status === 400 || x.clientIp === '10.1.1.1', `${value}: ${status} ${x.clientIp}`)
  }
  t.match((await stages.decide({ listener: 2, peer: '10.1.1.1', proxied: '203.0.113.9' })).x, {
    clientIp: '203.0.113.9'
  })
  const stranger = await stages.decide({ listener: 2, peer: '192.0.2.1', proxied: '203.0.113.9' })
  t.match(stranger.x, { clientIp: '192.0.2.1', trustedPeer: false }, 'nobody else speaks for a client')
})

t.test('ready and redirect', async (t) => {
  const stages = await pipeline(
    t,
    `version: 1
listen:
  - { name: plain, address: "127.0.0.1:0", ready: /-/ready }
  - { name: sends, address: "127.0.0.1:0", redirect: "https:8443", ready: /-/ready }
  - { name: standard, address: "127.0.0.1:0", redirect: "https:443" }
${OPEN}`
  )
  t.match(await stages.decide({ target: '/-/ready' }), { what: 'ready', status: 503 })
  stages.services.beats.setReady(true)
  t.match(await stages.decide({ target: '/-/ready' }), { what: 'ready', status: 200 })
  t.match(await stages.decide({ target: '/-/../-/ready?x=1', method: 'HEAD' }), { what: 'ready', status: 200 })
  t.match(await stages.decide({ target: '/-/ready/' }), { what: /ready|permit/ })
  t.match(await stages.decide({ target: '/-/Ready' }), { what: 'permit' })
  const sent = await stages.decide({
    target: '/a/../b%41?q=%zz&x',
    headers: { host: 'A.Example:80' },
    listener: 1,
    method: 'POST'
  })
  t.match(sent, { status: 308, outcome: { headers: ['location', 'https://a.example:8443/bA?q=%zz&x'] } })
  t.match((await stages.decide({ listener: 2, headers: { host: '[::1]:80' } })).outcome, {
    headers: ['location', 'https://[::1]/']
  })
  t.match((await stages.decide({ listener: 2, target: '//evil.example/x' })).outcome, {
    headers: ['location', 'https://a.example/evil.example/x']
  })
  t.equal((await stages.decide({ listener: 1, target: '/-/ready' })).what, 'ready', 'balancers ask here too')
})

t.test('wall and ip: every level must allow; the wall stands before routing', async (t) => {
  const stages = await pipeline(
    t,
    `${HEAD}policies: { ip: { deny: ["192.0.2.66/32", "2001:db8:bad::/48"] } }
services:
  - name: s
    url: http://127.0.0.1:9
    policies: { auth: public, ip: { allow: ["192.0.2.0/24", "2001:db8::/32"] } }
    routes:
      - { name: any, match: { paths: ["/any"] } }
      - { name: few, match: { paths: ["/few"] }, policies: { ip: { allow: ["192.0.2.1/32"] } } }
      - { name: dropped, match: { paths: ["/dropped"] }, policies: { ip: none } }
`
  )
  const cases: [string, string, number][] = [
    ['/any', '192.0.2.9', 200],
    ['/any', '::ffff:192.0.2.9', 200],
    ['/any', '2001:db8::1', 200],
    ['/any', '198.51.100.1', 403],
    ['/few', '192.0.2.1', 200],
    ['/few', '192.0.2.9', 403],
    ['/few', '198.51.100.1', 403],
    ['/dropped', '198.51.100.1', 200],
    ['/dropped', '192.0.2.66', 403],
    ['/nowhere', '192.0.2.66', 403],
    ['/nowhere', '192.0.2.1', 404],
    ['/any', '2001:db8:bad::1', 403]
  ]
  for (const [target, peer, status] of cases)
    t.equal((await stages.decide({ target, peer })).status, status, `${target} ${peer}`)
})

t.test('route: preflights as the method they ask for, ordinary OPTIONS elsewhere', async (t) => {
  const stages = await pipeline(
    t,
    `${HEAD}services:
  - name: s
    url: http://127.0.0.1:9
    policies: { auth: { key: true } }
    routes:
      - { name: get, match: { methods: [GET], paths: ["/x"] }, policies: { cors: { origins: ["https://a.example"], methods: [GET] } } }
      - { name: post, match: { methods: [POST], paths: ["/x"] } }
      - { name: all, match: { paths: ["/y"] } }
`.replace('name: all', 'name: every')
  )
  const asks = (method: string, origin = 'https://a.example'): Record<string, string> => ({
    origin,
    'access-control-request-method': method
  })
  const cases: Case[] = [
    [{ method: 'OPTIONS', target: '/x', headers: asks('GET') }, 'cors'],
    [{ method: 'OPTIONS', target: '/x', headers: asks('GET', 'https://evil.example') }, 'cors'],
    [{ method: 'OPTIONS', target: '/x', headers: asks('POST') }, 'wrong-method'],
    [{ method: 'OPTIONS', target: '/x', headers: asks('BREW') }, 'wrong-method'],
    [{ method: 'OPTIONS', target: '/x', headers: { origin: 'https://a.example' } }, 'wrong-method'],
    [{ method: 'OPTIONS', target: '/y', headers: asks('GET') }, 'no-credential'],
    [{ method: 'GET', target: '/x', headers: asks('GET') }, 'no-credential'],
    [{ method: 'DELETE', target: '/x' }, 'wrong-method'],
    [{ method: 'TRACE', target: '/y' }, 'wrong-method'],
    [{ target: '/z' }, 'no-route'],
    [{ target: '/X' }, 'no-route']
  ]
  for (const [described, what] of cases) t.equal((await stages.decide(described)).what, what, JSON.stringify(described))
  t.match((await stages.decide({ method: 'DELETE', target: '/x' })).outcome, {
    headers: ['allow', /GET.*POST|POST.*GET/]
  })
})

t.test('auth, authorize: no permit without both', async (t) => {
  const stages = await pipeline(
    t,
    `${HEAD}consumers: [ { name: acme, groups: [g], keys: [ { id: k, hash: "sha256:${sha256('acme-key')}" } ] } ]
services:
  - name: s
    url: http://127.0.0.1:9
    policies: { auth: { key: true } }
    routes:
      - { name: in, match: { paths: ["/in"] }, policies: { authorize: { groups: [g] } } }
      - { name: out, match: { paths: ["/out"] }, policies: { authorize: { name: h, groups: [h], reason: closed } } }
`
  )
  const key = { 'x-api-key': 'acme-key' }
  const good = await stages.decide({ target: '/in', headers: key })
  t.match(good, { what: 'permit', x: { caller: { consumer: 'acme' } } })
  t.equal(good.outcome, good.x.permit)
  const refused = await stages.decide({ target: '/out', headers: key })
  t.match(refused.outcome, { policy: 'authorize', rule: 'h', reason: /closed/, problem: { code: 'not-allowed' } })
  t.equal(refused.x.permit, null)
  for (const headers of [{}, { 'x-api-key': 'x' }, { 'x-api-key': '' }]) {
    const { what, x } = await stages.decide({ target: '/in', headers })
    t.match(what, /no-credential|bad-credential/)
    t.equal(x.permit, null)
    t.equal(x.caller.method, 'public')
  }
})

t.test(
  'revocation, caller-ip: a good credential that does not hold is refused, and in shadow gives no identity',
  async (t) => {
    const key = (id: string): string => `keys: [ { id: ${id}, hash: "sha256:${sha256(`${id}-key`)}" } ]`
    const stages = await pipeline(
      t,
      `${HEAD}consumers:
  - { name: gone, ${key('gone')} }
  - { name: away, ip: ["198.51.100.0/24"], ${key('away')} }
revocations: [ { consumer: gone, until: 2027-01-01 } ]
services:
  - name: s
    url: http://127.0.0.1:9
    routes:
      - { name: kept, match: { paths: ["/kept"] }, policies: { auth: { key: true } } }
      - { name: tried, match: { paths: ["/tried"] }, policies: { auth: { key: true, mode: shadow } } }
`
    )
    const as = (id: string, target: string, peer?: string): Described => {
      const described = { target, headers: { 'x-api-key': `${id}-key` } }
      return peer === undefined ? described : { ...described, peer }
    }
    t.match(await stages.decide(as('gone', '/kept')), {
      what: 'bad-credential',
      outcome: { policy: 'revocation' },
      x: { permit: null }
    })
    t.match(await stages.decide(as('away', '/kept')), {
      what: 'not-allowed',
      outcome: { policy: 'ip', rule: 'consumer' },
      x: { permit: null }
    })
    t.match(await stages.decide(as('away', '/kept', '198.51.100.7')), {
      what: 'permit',
      x: { caller: { consumer: 'away' }, shadows: [] }
    })
    for (const id of ['gone', 'away']) {
      const { what, x } = await stages.decide(as(id, '/tried'))
      t.equal(what, 'permit')
      t.match(x, { caller: { method: 'public', consumer: '' }, memo: null, standing: null })
      t.equal(x.shadows.length, 1, `${id} is said to be one that would have been refused`)
    }
  }
)

t.test('limits: early before auth, late after authorize; held places are noted for release', async (t) => {
  const stages = await pipeline(
    t,
    `${HEAD}consumers: [ { name: acme, keys: [ { id: k, hash: "sha256:${sha256('acme-key')}" } ] } ]
services:
  - name: s
    url: http://127.0.0.1:9
    policies: { auth: { key: true } }
    routes:
      - { name: r, match: { paths: ["/r"] }, policies: { limits: [ { name: early, rate: 3/h, by: ip }, { name: late, rate: 1/h, by: caller } ] } }
      - { name: c, match: { paths: ["/c"] }, policies: { limits: [ { name: two, concurrent: 2, by: all }, { name: one, concurrent: 1, by: consumer } ] } }
`
  )
  const headers = { 'x-api-key': 'acme-key' }
  t.equal((await stages.decide({ target: '/r' })).what, 'no-credential', 'charges early')
  t.equal((await stages.decide({ target: '/r', headers })).what, 'permit')
  const late = await stages.decide({ target: '/r', headers })
  t.match(late.outcome, { rule: 'late', headers: ['retry-after', '3600'] })
  t.match((await stages.decide({ target: '/r' })).outcome, { rule: 'early' })
  t.equal((await stages.decide({ target: '/r', peer: '192.0.2.2' })).what, 'no-credential')
  const first = await stages.decide({ target: '/c', headers })
  t.equal(first.x.held.length, 2)
  const second = await stages.decide({ target: '/c', headers })
  t.match(second.outcome, { rule: 'one' })
  t.equal(second.x.held.length, 1, 'what an earlier limit holds is given back with the refusal')
  stages.services.release(second.x)
  stages.services.release(first.x)
  t.equal((await stages.decide({ target: '/c', headers })).what, 'permit')
})

t.test('limits: in shadow one refuses nobody, tells clients nothing, and is named', async (t) => {
  const limits = `[ { name: tried, rate: 1/h, by: ip, mode: shadow }, { name: kept, rate: 2/h, by: ip } ]`
  const routes = `routes: [ { name: r, match: { paths: ["/*"] }, policies: { limits: ${limits} } } ]`
  const stages = await pipeline(
    t,
    `${HEAD}services: [ { name: s, url: "http://127.0.0.1:9", policies: { auth: public }, ${routes} } ]\n`
  )
  const first = await stages.decide()
  t.match(first, { what: 'permit', x: { rateLimit: '"kept";r=1;t=1800' } })
  t.same(first.x.shadows, [])
  const second = await stages.decide()
  t.match(second, { what: 'permit', x: { shadows: ['tried'], rateLimit: /^"kept";r=0;t=\d+$/ } })
  t.notMatch(second.x.rateLimitPolicy, /tried/)
  t.match(await stages.decide(), { what: 'over-limit', outcome: { rule: 'kept' }, x: { shadows: ['tried'] } })
})

t.test('limits: who calls takes no other half of the tables for a key that anybody can send', async (t) => {
  const tiers = 'tiers: [ { groups: [gold], rate: 100/h } ]'
  const limit = `{ name: tenant, rate: 2/h, by: "header:x-tenant", ${tiers} }`
  const stages = await pipeline(
    t,
    `${HEAD}consumers: [ { name: acme, keys: [ { id: k, hash: "sha256:${sha256('acme-key')}" } ] } ]
services:
  - name: s
    url: http://127.0.0.1:9
    policies: { auth: public, limits: [ ${limit} ] }
    routes:
      - { name: open, match: { paths: ["/open"] } }
      - { name: keyed, match: { paths: ["/keyed"] }, policies: { auth: { key: true } } }
`
  )
  const headers = { 'x-tenant': 'a', 'x-api-key': 'acme-key' }
  t.equal((await stages.decide({ target: '/open', headers })).what, 'permit')
  t.equal((await stages.decide({ target: '/keyed', headers })).what, 'permit')
  t.equal((await stages.decide({ target: '/keyed', headers })).what, 'over-limit')
  t.equal((await stages.decide({ target: '/open', headers })).what, 'over-limit')
})

t.test('limits: tiers by address or path hold off who has no credential, tiers by who calls wait for it', async (t) => {
  const limit = (name: string, tier: string): string =>
    `{ name: ${name}, rate: 1/h, by: ip, tiers: [ { ${tier}, rate: none } ] }`
  const stages = await pipeline(
    t,
    `${HEAD}consumers: [ { name: acme, keys: [ { id: k, hash: "sha256:${sha256('acme-key')}" } ] } ]
services:
  - name: s
    url: http://127.0.0.1:9
    policies: { auth: { key: true } }
    routes:
      - { name: early, match: { paths: ["/early"] }, policies: { limits: [ ${limit('near', `when: 'cidr("10.0.0.0/8").containsIP(client.ip)'`)} ] } }
      - { name: late, match: { paths: ["/late"] }, policies: { limits: [ ${limit('known', `when: 'consumer.name == "acme"'`)} ] } }
      - { name: header, match: { paths: ["/header"] }, policies: { limits: [ ${limit('told', `when: 'request.headers["x-tenant"] == "a"'`)} ] } }
`
  )
  const twice = async (target: string, peer: string): Promise<string[]> => [
    (await stages.decide({ target, peer })).what,
    (await stages.decide({ target, peer })).what
  ]
  t.same(await twice('/early', '192.0.2.1'), ['no-credential', 'over-limit'])
  t.same(await twice('/early', '10.0.0.1'), ['no-credential', 'no-credential'])
  for (const target of ['/late', '/header'])
    t.same(await twice(target, '192.0.2.1'), ['no-credential', 'no-credential'])
  const headers = { 'x-api-key': 'acme-key' }
  for (let i = 0; i < 2; i++) t.equal((await stages.decide({ target: '/late', headers })).what, 'permit')
})

t.test('limits: who is refused is told when all would let it in, and not only the one that refuses', async (t) => {
  const route = (name: string, limits: string): string =>
    `      - { name: ${name}, match: { paths: ["/${name}"] }, policies: { limits: [ ${limits} ] } }\n`
  const stages = await pipeline(
    t,
    `${HEAD}consumers: [ { name: acme, groups: [g], keys: [ { id: k, hash: "sha256:${sha256('acme-key')}" } ] } ]
services:
  - name: s
    url: http://127.0.0.1:9
    policies: { auth: { key: true } }
    routes:
${route('behind', '{ name: a, rate: 1/min, by: ip }, { name: b, rate: 1/h, by: ip }')}${route(
      'before',
      '{ name: a, rate: 2/h, by: ip }, { name: b, rate: 1/min, by: ip }'
    )}${route('early', '{ name: a, rate: 2/h, by: ip }, { name: b, rate: 1/min, by: caller }')}${route(
      'others',
      `{ name: a, rate: 1/min, by: ip }, { name: b, rate: 1/h, by: ip, mode: shadow },
        { name: c, rate: 1/h, by: all, tiers: [ { groups: [g], rate: none } ] }, { name: d, concurrent: 1, by: ip }`
    )}`
  )
  const headers = { 'x-api-key': 'acme-key' }
  for (const [name, rule, wait] of [
    ['behind', 'a', '3600'],
    ['before', 'b', '1800'],
    ['early', 'b', '1800'],
    ['others', 'a', '60']
  ] as const) {
    const ask = { target: `/${name}`, headers, peer: '192.0.2.9' }
    t.equal((await stages.decide(ask)).what, 'permit', name)
    const { outcome } = await stages.decide(ask)
    if (!('problem' in outcome)) throw new Error(`${name}: not refused`)
    t.same([outcome.rule, ...outcome.headers], [rule, 'retry-after', wait], name)
  }
})

t.test('validate: what the head declares', async (t) => {
  const stages = await pipeline(
    t,
    `${HEAD}services:
  - name: s
    url: http://127.0.0.1:9
    policies: { auth: public, validate: { body: { maxSize: 10kb, contentTypes: [application/json] } } }
    routes: [ { name: r, match: { paths: ["/*"] } } ]
`
  )
  const body = (length: number | 'chunked', type?: string): Described => ({
    method: 'POST',
    headers: {
      ...(length === 'chunked' ? { 'transfer-encoding': 'chunked' } : { 'content-length': String(length) }),
      ...(type === undefined ? {} : { 'content-type': type })
    }
  })
  const json = 'application/json; charset=utf-8'
  const cases: Case[] = [
    [{}, 'permit'],
    [body(0), 'permit'],
    [body(10_240, json), 'permit'],
    [body(10_241, json), 'too-large'],
    [body('chunked', 'Application/JSON'), 'permit'],
    [body(1), 'wrong-type'],
    [body('chunked', 'text/plain'), 'wrong-type'],
    [body(1, 'application/jsonx'), 'wrong-type'],
    [body(1, 'application/json, text/html'), 'wrong-type'],
    [body(1, ''), 'wrong-type'],
    [
      {
        method: 'POST',
        headers: [
          ['content-length', '1'],
          ['content-type', 'application/json'],
          ['content-type', 'text/html']
        ]
      },
      'wrong-type'
    ]
  ]
  for (const [described, what] of cases) t.equal((await stages.decide(described)).what, what, JSON.stringify(described))
})

t.test('respond: under the same policies, with values in their places', async (t) => {
  const stages = await pipeline(
    t,
    `${HEAD}services:
  - name: s
    url: http://127.0.0.1:9
    policies: { auth: public }
    routes:
      - { name: moved, match: { paths: ["/old/*"] }, respond: { status: 308, headers: { location: "https://b.example/{*}" } } }
      - { name: hello, match: { paths: ["/hello/{who}"] }, respond: { status: 200, body: "hello {path:who}" } }
      - { name: guarded, match: { paths: ["/guarded"] }, respond: { status: 200 }, policies: { auth: { key: true } } }
`
  )
  t.match(await stages.decide({ target: '/old/a/b%20c' }), {
    status: 308,
    outcome: { headers: ['location', 'https://b.example/a/b%20c'] }
  })
  t.match(await stages.decide({ target: '/old/%0d%0aset-cookie:x' }), { status: /400|308/ })
  t.match((await stages.decide({ target: '/hello/%3Cb%3E' })).outcome, { body: 'hello %3Cb%3E' })
  t.equal((await stages.decide({ target: '/guarded' })).what, 'no-credential')
})

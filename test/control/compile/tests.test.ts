/** `tests:` compiled: what no configuration could fulfil is an error with its place. */
import t from 'tap'
import { compile, errorsOf, saysExactly } from './configuration.ts'

function withTests(tests: string, more = ''): string {
  return `version: 1
listen: [ { address: "127.0.0.1:0" } ]
issuers: [ { name: corp, issuer: "https://idp.example", jwks: "https://idp.example/jwks.json", audiences: [api] } ]
consumers: [ { name: acme } ]
upstreams: [ { name: pool, targets: [ { url: "http://127.0.0.1:9" } ] } ]
policies: { limits: [ { name: flood, rate: 1/s, by: ip } ] }
services:
  - name: s
    url: http://127.0.0.1:9
    policies: { auth: { key: true }, authorize: { name: own, when: "true" } }
    routes: [ { name: read, match: { paths: ["/r"] } } ]
    ${more}
  - { name: p, upstream: pool, policies: { auth: public, authorize: none }, routes: [ { name: r, match: { paths: ["/p"] } } ] }
tests: [ ${tests} ]
`
}

function withExpectation(expect: string, request = ''): string {
  return withTests(`{ name: one, request: { url: "http://a/r"${request} }, expect: { ${expect} } }`)
}

t.test('what is compiled: defaults filled in, JSON bodies written, names as they stand', async (t) => {
  const { tests } = compile(
    withTests(
      '{ name: root, request: { url: "http://a/r", method: POST, body: { a: [1, "x"] }, ip: "2001:db8::1", time: 2027-01-31, repeat: 3, claims: { iss: corp, sub: u } }, expect: { decision: deny, status: 429, policy: limits, rule: flood } }',
      'tests: [ { name: mine, request: { url: "http://a/r", headers: { X-A: b }, body: text, as: acme }, expect: { decision: forward, headers: { X-Consumer: acme, x-api-key: none } } } ]'
    )
  )
  t.strictSame(tests, [
    {
      name: 'root',
      request: {
        method: 'POST',
        url: 'http://a/r',
        headers: [['content-type', 'application/json']],
        body: '{"a":[1,"x"]}',
        as: null,
        claims: { iss: 'corp', sub: 'u' },
        certificate: null,
        ip: '2001:db8::1',
        time: Date.UTC(2027, 0, 31),
        listener: null
      },
      repeat: 3,
      expect: {
        decision: 'deny',
        status: 429,
        route: null,
        policy: 'limits',
        rule: 'flood',
        upstream: null,
        headers: [],
        shadow: []
      },
      incomplete: false,
      where: 'g.yaml:14:10'
    },
    {
      name: 'mine',
      request: {
        method: 'GET',
        url: 'http://a/r',
        headers: [['X-A', 'b']],
        body: 'text',
        as: 'acme',
        claims: null,
        certificate: null,
        ip: '192.0.2.1',
        time: null,
        listener: null
      },
      repeat: 1,
      expect: {
        decision: 'forward',
        status: null,
        route: null,
        policy: null,
        rule: null,
        upstream: null,
        headers: [
          ['x-consumer', 'acme'],
          ['x-api-key', null]
        ],
        shadow: []
      },
      incomplete: false,
      where: 'g.yaml:12:14'
    }
  ])
})

t.test('names that nothing has', async (t) => {
  for (const [expect, said] of [
    [
      'decision: forward, route: s.raed',
      /14:\d+ tests\[0\]\.expect\.route: no route is called "s\.raed"; did you mean "s\.read"\?/
    ],
    ['decision: forward, route: read', /expect\.route: no route is called "read"/],
    [
      'decision: deny, status: 403, policy: authorise',
      /expect\.policy: no policy or stage is called "authorise"; did you mean "authorize"\?/
    ],
    [
      'decision: deny, status: 429, rule: floods',
      /expect\.rule: no rule, limit or ban is called "floods"; did you mean "flood"\?/
    ],
    [
      'decision: forward, upstream: service-s',
      /expect\.upstream: no upstream is called "service-s"; did you mean "service:s"\?/
    ],
    ['decision: forward, upstream: "service:p"', /expect\.upstream: no upstream is called "service:p"/],
    [
      'decision: forward, shadow: [flod]',
      /expect\.shadow\[0\]: no policy, rule, limit or ban is called "flod"; did you mean "flood"\?/
    ]
  ] as const) {
    saysExactly(t, errorsOf(withExpectation(expect)), [said], expect)
  }
  for (const good of [
    'route: s.read, upstream: "service:s"',
    'route: p.r, upstream: pool',
    'shadow: [ip, own, flood]'
  ]) {
    saysExactly(t, errorsOf(withExpectation(`decision: forward, ${good}`)), [], good)
  }
})

t.test('iss: an issuer of the configuration, by its iss or its name', async (t) => {
  const claims = (iss: string): string[] => errorsOf(withExpectation('decision: forward', `, claims: { iss: ${iss} }`))
  saysExactly(t, claims('"https://idp.example"'), [])
  saysExactly(t, claims('corp'), [])
  saysExactly(t, claims('crop'), [
    /request\.claims\.iss: no issuer has the name or the iss "crop"; did you mean "corp"\?/
  ])
  saysExactly(t, claims('7'), [/request\.claims\.iss: expected an issuer/])
})

t.test('expectations that can’t hold', async (t) => {
  for (const [expect, said] of [
    ['decision: deny', /expect\.decision: deny needs the status/],
    ['decision: deny, status: 302', /expect\.status: a refusal’s status is 400 or more/],
    ['decision: forward, status: 200', /expect\.status: .* status goes with deny/],
    ['decision: forward, policy: ip', /expect\.policy: .* policy goes with deny/],
    ['decision: forward, rule: own', /expect\.rule: .* rule goes with deny/],
    ['decision: answer, rule: own', /expect\.rule: .* rule goes with deny/],
    ['decision: answer, upstream: pool', /expect\.upstream: .* upstream goes with forward/]
  ] as const) {
    saysExactly(t, errorsOf(withExpectation(expect)), [said], expect)
  }
  saysExactly(t, errorsOf(withExpectation('decision: answer, status: 308, policy: cors')), [])
})

t.test('a test is no part of what serves: changing one changes no digest', async (t) => {
  const one = compile(withExpectation('decision: forward')).plan
  const other = compile(withExpectation('decision: deny, status: 401')).plan
  t.equal(one?.digest, other?.digest)
})

import t from 'tap'
import { compileRule, type CompiledRule } from '../../src/policy/rule.ts'
import { requestView, type ViewParts } from './view.ts'

const NAMES = { path: ['id', 'tenant'], host: ['region'] }

function compiled(source: string, hidden?: Parameters<typeof compileRule>[2]): CompiledRule {
  const result = compileRule(source, NAMES, hidden)
  if (!result.ok) throw new Error(`${source}: ${result.message}`)
  return result.rule
}

function decide(source: string, parts: ViewParts = {}, now = 0): boolean | string {
  const result = compiled(source).evaluate(requestView(parts), now)
  return typeof result === 'boolean' ? result : `fault: ${result.reason}`
}

function mistake(source: string, names = NAMES): { message: string; line: number; column: number } {
  const result = compileRule(source, names)
  if (result.ok) throw new Error(`${source} compiled`)
  return { message: result.message, line: result.line, column: result.column }
}

t.test('every variable of the table is there', async (t) => {
  const parts: ViewParts = {
    method: 'POST',
    size: 12,
    query: 'q=x%20y+z&empty',
    headers: [
      ['x-beta', '1'],
      ['accept', 'a'],
      ['accept', 'b']
    ],
    pathParams: { id: '7', tenant: 'a%2Fb' },
    hostParams: { region: 'eu' },
    clientIp: '10.1.2.3',
    clientCertificate: {
      subject: 'CN=x,O=Acme',
      sans: ['DNS:a.example', 'URI:spiffe://a/b'],
      fingerprint: 'sha256:00',
      from: 0,
      until: 1,
      weakness: ''
    },
    caller: {
      method: 'jwt',
      subject: 'u1',
      issuer: 'corp',
      credential: 'k1',
      consumer: 'acme',
      groups: ['staff'],
      scopes: ['orders:read'],
      attributes: { tier: 'gold' },
      claims: { sub: 'u1', n: 5, nested: { a: [1, 2] } }
    }
  }
  const now = Date.UTC(2027, 5, 1, 12)
  for (const source of [
    'request.method == "POST"',
    'request.host == "api.example.com"',
    'request.path == "/orders/7"',
    'request.scheme == "https"',
    'request.id.size() == 26',
    'request.listener == "public"',
    'client.certificate.subject == "CN=x,O=Acme" && client.certificate.fingerprint == "sha256:00"',
    '"DNS:a.example" in client.certificate.sans && size(client.certificate.sans) == 2',
    'client.certificate.sans.exists(name, name.startsWith("URI:spiffe://a/"))',
    'request.headers["x-beta"] == "1"',
    'request.headers.accept == "a, b"',
    'request.size == 12',
    'path.id == "7" && path["tenant"] == "a/b"',
    'host.region == "eu"',
    'query.q == "x y z" && query["empty"] == ""',
    'caller.method == "jwt" && caller.subject == "u1" && caller.issuer == "corp" && caller.credential == "k1"',
    '"staff" in caller.groups && caller.scopes == ["orders:read"]',
    'caller.attributes.tier == "gold"',
    'claims.n == 5 && claims.n == 5.0 && int(claims.n) + 1 == 6',
    'claims.nested.a[1] == 2.0 && size(claims.nested.a) == 2',
    'consumer.name == "acme"',
    'client.ip == "10.1.2.3"',
    'now > timestamp("2027-01-01T00:00:00Z") && now < timestamp("2028-01-01T00:00:00Z")',
    'now.getHours() == 12 && now - timestamp("2027-06-01T11:00:00Z") == duration("1h")',
    'cidr("10.0.0.0/8").containsIP(client.ip) && !cidr("10.0.0.0/16").containsIP(client.ip)',
    'cidr("2001:db8::/32").containsIP("2001:db8::1")'
  ]) {
    t.equal(decide(source, parts, now), true, source)
  }
})

t.test('macros, functions and operators of the subset', async (t) => {
  const parts: ViewParts = { caller: { claims: { roles: ['a', 'bb'], s: 'Straße', m: { x: 1, y: null } } } }
  for (const source of [
    'claims.roles.exists(r, r.size() == 2) && claims.roles.all(r, r != "c")',
    'claims.roles.exists_one(r, r == "a") && claims.roles.filter(r, r > "a") == ["bb"]',
    'claims.roles.map(r, r + "!") == ["a!", "bb!"] && claims.roles.map(r, r == "a", r.upperAscii()) == ["A"]',
    'claims.m.exists(k, k == "y") && "x" in claims.m && !("z" in claims.m)',
    'claims.s.startsWith("Str") && claims.s.endsWith("ße") && claims.s.contains("raß") && size(claims.s) == 6',
    'has(claims.m.y) && claims.m.y == null && !has(claims.m.z)',
    '(7 / 2 == 3) && (7 % 2 == 1) && (-7 / 2 == -3) && 2 * 3 - 1 == 5 && 1.5 + 0.5 == 2.0',
    'int("42") == 42 && double("1.5") == 1.5 && string(42) == "42" && string(true) == "true" && int(3.9) == 3',
    '(claims.s == "x" ? 1 : 2) == 2',
    '"a,b".split(",").join("-") == "a-b" && " x ".trim() == "x" && "AB".lowerAscii() == "ab"',
    '"x".matches("^[a-z]$") && !"xy".matches("^[a-z]$")',
    'type(claims.s) == string',
    '[1, 2] + [3] == [1, 2, 3]',
    'dyn(1) == 1.0'
  ]) {
    t.equal(decide(source, parts), true, source)
  }
})

t.test('what can’t be decided is a fault that names no value', async (t) => {
  const parts: ViewParts = { caller: { claims: { s: 'secret', n: 1 } }, pathParams: { id: '%FF' } }
  const big = '9223372036854775807'
  for (const [source, reason] of [
    ['claims.none == "x"', 'there is no none'],
    ['claims.s.deeper == "x"', 'there is no deeper'],
    ['request.headers["x-none"] == ""', 'there is no x-none'],
    ['path.tenant == "x"', 'there is no tenant'],
    ['path.id == "x"', 'the path value is not UTF-8'],
    ['claims.s < 5', '< is not defined for string and int'],
    ['claims.n && true', '&& is not defined for double'],
    ['"x" in claims.s', 'in is not defined for string and string'],
    ['claims.n.startsWith("1")', 'startsWith is not defined for double'],
    ['claims.n.all(x, true)', 'a loop is not defined for double'],
    ['int(claims.s) > 1', 'int() of what is no whole number of 64 bits'],
    ['double(claims.s) > 1.0', 'double() of what is no number'],
    [`${big} + request.size > 1`, 'an int outside 64 bits'],
    ['1 / request.size == 0', 'division by zero'],
    ['cidr("10.0.0.0/8").containsIP(claims.s)', 'containsIP of what is no IP address'],
    ['caller.groups[0] == "a"', 'there is no such member of the list'],
    ['timestamp(claims.s) < now', 'invalid_timestamp']
  ] as const) {
    const result = decide(source, { ...parts, size: source.startsWith(big) ? 1 : 0 })
    t.equal(result, `fault: ${reason}`, source)
    t.notMatch(result, 'secret')
  }
  t.equal(decide('claims.none == "x" || true'), true, 'either side of || decides alone')
  t.equal(decide('claims.none == "x" && false'), false, 'and of &&')
  t.match(decide('!(claims.none == "x")'), /^fault/, 'no negation makes a fault true')
  t.equal(decide('has(claims.none) && claims.none == "x"'), false)
})

t.test('a query parameter sent twice, or undecodable, is a fault however it is read', async (t) => {
  for (const query of ['role=user&role=admin', 'role=user&%72ole=admin']) {
    for (const source of ['query.role == "user"', 'query["role"] == "user"', 'has(query.role)', 'query.all(k, true)']) {
      t.equal(decide(source, { query }), 'fault: the query parameter was sent twice', `${source} ${query}`)
    }
  }
  t.equal(decide('query.a == "1"', { query: 'a=1&b=2&b=3' }), true, 'another one sent twice is no matter')
  for (const query of ['a=%zz', 'a=%FF', '%=1&a=1']) {
    t.equal(decide('query.a == "1"', { query }), 'fault: the query string has broken percent-encoding', query)
  }
})

t.test('members named like JavaScript’s own are ordinary members', async (t) => {
  const claims = JSON.parse('{"constructor": "x", "__proto__": {"admin": true}, "toString": 1}') as Record<
    string,
    unknown
  >
  t.equal(decide('claims.constructor == "x"', { caller: { claims } }), true)
  t.equal(decide('has(claims.admin)', { caller: { claims } }), false)
  t.equal(decide('has(claims.constructor)', { caller: { claims: {} } }), false)
  t.equal(decide('"hasOwnProperty" in claims', { caller: { claims } }), false)
  t.equal(decide('"__proto__" in request.headers', { headers: [['x', 'y']] }), false)
  t.equal(decide('request.headers.all(k, k != "z")', { headers: [['constructor', 'x']] }), true)
})

t.test('credentials that were read are absent', async (t) => {
  const hidden = { header: ['authorization'], cookie: ['session'], query: ['token'] }
  const view = requestView({
    headers: [
      ['authorization', 'Bearer abc'],
      ['cookie', 'session=abc; theme=dark'],
      ['x-a', '1']
    ],
    query: 'token=abc&q=1'
  })
  const sees = (source: string) => compiled(source, hidden).evaluate(view, 0)
  t.equal(sees('has(request.headers.authorization) || "authorization" in request.headers'), false)
  t.equal(sees('request.headers.exists(k, k == "authorization")'), false)
  t.equal(sees('request.headers.cookie == "theme=dark" && request.headers.exists(k, k == "cookie")'), true)
  t.equal(sees('has(query.token) || "token" in query || query.exists(k, k == "token")'), false)
  t.equal(sees('query.q == "1" && request.headers["x-a"] == "1"'), true)
  t.equal(compiled('has(request.headers.authorization)').evaluate(view, 0), true, 'and there where auth reads none')
})

t.test('mistakes are load errors, at their place', async (t) => {
  for (const [source, message, column] of [
    ['claims.a ==', /unexpected token/i, 12],
    ['foo == 1', /unknown variable: foo; known are request, caller, .*, now$/, 1],
    ['caller.subject = "a"', /unexpected character: =; "==" compares$/, 16],
    ['request.foo == "x"', /request has no foo: write request\.method, /, 9],
    ['request["method"] == "GET"', /write request\.method/, 1],
    ['caller == "x"', /caller is no value itself/, 1],
    ['true && path.order == "1"', /the route's paths have no {order}; it has {id}, {tenant}/, 14],
    ['has(host.id)', /the route's hosts have no {id}; it has {region}/, 10],
    ['path["order"] == "1"', /have no {order}/, 1],
    ['client.certificate.issuer == "x"', /client\.certificate has no issuer: write client\.certificate\.subject, /, 20],
    ['client.certificate["subject"] == "x"', /write client\.certificate\.subject/, 1],
    ['client.certificate == client.certificate', /client\.certificate is no value itself/, 8],
    ['has(client.certificate.subject)', /always there/, 24],
    ['request.headers["X-A"] == "1"', /lower-case: write "x-a"/, 1],
    ['has(request.headers.Host)', /lower-case: write "host"/, 21],
    ['!("X-Internal" in request.headers)', /lower-case: write "x-internal"/, 3],
    ['body.a == 1', /body needs validate\.body\.schema/, 1],
    ['has(caller.subject)', /always there/, 12],
    ['claims.a', /must be true or false, this is dyn.*compare it/, 1],
    ['request.size', /must be true or false, this is int/, 1],
    ['request.size == "1"', /no such overload/, 1],
    ['request.size + 1.5 > 2.0', /no such overload/, 1],
    ['claims.a.matches(claims.b)', /pattern as a literal/, 25],
    ['claims.a.matches("(?=x)")', /RE2/, 18],
    ['claims.a.matches("(a{1000}){1000}")', /RE2|large/, 18],
    ['cidr(client.ip).containsIP("10.0.0.1")', /literal block/, 1],
    ['cidr("10.0.0.0/99").containsIP(client.ip)', /no IP address or CIDR block/, 6],
    ['cel.bind(x, claims.a, x == 1)', /cel can’t be used/, 1],
    ['caller.groups.all(path, true)', /already means something/, 19],
    ['claims.l.exists(x, timestamp(x) < now)', /can’t be done with x/, 20],
    ['timestamp("tomorrow") < now', /ISO 8601/, 1]
  ] as const) {
    const found = mistake(source)
    t.match(found.message, message, source)
    t.equal(found.line, 1, source)
    t.equal(found.column, column, source)
  }
  t.same(mistake('true &&\n  foo == 1').line, 2)
  t.same(mistake('true &&\n  foo == 1').column, 3)
})

t.test('size and nesting are bounded at load', async (t) => {
  t.match(mistake(`claims.a == "${'x'.repeat(5000)}"`).message, /4096 is the most/)
  t.match(mistake(`${'('.repeat(100)}true${')'.repeat(100)}`).message, /maxDepth/)
  t.match(mistake(`${'!'.repeat(4000)}true`).message, /nested too deeply|maxAstNodes/)
  t.match(mistake(Array(600).fill('true').join('||')).message, /maxAstNodes/)
})

t.test('no token or header buys more than the budget', async (t) => {
  const list = Array.from({ length: 2500 }, (_, i) => `g${i}`)
  const claims = { l: list, s: 'a'.repeat(8000), t: `${'a'.repeat(4000)}b` }
  for (const source of [
    'claims.l.exists(a, claims.l.exists(b, a + b == "x"))',
    'claims.l.exists(a, claims.l.exists(b, a + b == "x")) || true',
    'claims.l.exists(a, a in claims.l.filter(b, b != a))',
    'claims.l.all(a, claims.s != claims.t && !claims.s.contains(claims.t))',
    'claims.l.all(a, !claims.t.matches("^(a+)+$"))',
    'claims.l.map(a, claims.s + claims.s).size() > 3',
    'claims.l.map(a, now.getHours("Europe/Berlin")).size() > 3'
  ]) {
    const rule = compiled(source)
    const result = rule.evaluate(requestView({ caller: { claims } }), 0)
    t.same(result, { reason: 'the rule took more work than one evaluation may' }, source)
  }
  t.equal(decide('claims.l.exists(a, a == "g2499")', { caller: { claims } }), true, 'one loop over all of it is fine')
})

t.test('patterns that hold a backtracking engine for hours finish', async (t) => {
  const s = `${'a'.repeat(5000)}!`
  for (const pattern of ['(a+)+$', '^(a|aa)+$', '^(a|a?)+$', '(.*a){20}b', '^([a-zA-Z0-9])(([a-zA-Z0-9])*)*$']) {
    t.equal(decide(`claims.s.matches("${pattern}")`, { caller: { claims: { s } } }), false, pattern)
  }
})

t.test('callerOnly says whether a result may be kept with the credential', async (t) => {
  t.equal(compiled('claims.a == caller.subject && consumer.name != ""').callerOnly, true)
  t.equal(compiled('claims.l.exists(x, x in caller.groups)').callerOnly, true)
  for (const source of ['claims.a == path.id', 'now > timestamp("2020-01-01T00:00:00Z")', 'claims.a == client.ip']) {
    t.equal(compiled(source).callerOnly, false, source)
  }
  t.equal(compiled('claims.l.exists(x, x == request.method)').callerOnly, false)
})

t.test('evaluations leave nothing behind for the next', async (t) => {
  const rule = compiled('claims.l.exists(x, x == "a")')
  t.equal(rule.evaluate(requestView({ caller: { claims: { l: ['a'] } } }), 0), true)
  t.same(rule.evaluate(requestView(), 0), { reason: 'there is no l' })
  t.equal(rule.evaluate(requestView({ caller: { claims: { l: [] } } }), 0), false)
})

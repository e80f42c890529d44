import t from 'tap'
import {
  audienceComplaint,
  claimAt,
  compileClaim,
  compilePolicy,
  readClaims,
  timeComplaint
} from '../../src/identity/claims.ts'
import { CLAIMS, issuerPlan, NOW, SECONDS } from './kit.ts'
import type { TokenFacts } from '../../src/identity/claims.ts'
import type { IssuerPlan } from '../../src/plan/issuer.ts'

type Read = TokenFacts | string

function read(claims: Record<string, unknown>, more: Partial<IssuerPlan> = {}, typ: string | null = null): Read {
  const facts = readClaims({ ...CLAIMS, ...claims }, typ, compilePolicy(issuerPlan(more)))
  return facts.ok ? facts : facts.reason
}

function facts(claims: Record<string, unknown>, more: Partial<IssuerPlan> = {}): TokenFacts {
  const found = read(claims, more)
  if (typeof found === 'string') throw new Error(found)
  return found
}

t.test('a claim is found by its literal name, dots and slashes and all', async (t) => {
  const claims = { 'https://example.com/roles': ['a'], 'a.b': 1, a: { b: 2, '': 3, '/': 4, '~': 5, l: ['x', 'y'] } }
  t.strictSame(claimAt(claims, compileClaim('https://example.com/roles')), ['a'])
  t.equal(claimAt(claims, compileClaim('a.b')), 1)
  t.equal(claimAt(claims, compileClaim('/a/b')), 2)
  t.equal(claimAt(claims, compileClaim('/a/')), 3)
  t.equal(claimAt(claims, compileClaim('/a/~1')), 4)
  t.equal(claimAt(claims, compileClaim('/a/~0')), 5)
  t.equal(claimAt(claims, compileClaim('/a/l/1')), 'y')
  t.equal(claimAt({ '~1': 6 }, compileClaim('/~01')), 6)
})

t.test('what an object inherits is no claim', async (t) => {
  const claims = { a: { l: ['x'], s: 'text' } }
  for (const name of [
    'constructor',
    'toString',
    '__proto__',
    '/a/constructor',
    '/a/l/length',
    '/a/l/2',
    '/a/s/0',
    '/b/c'
  ]) {
    t.equal(claimAt(claims, compileClaim(name)), undefined, name)
  }
})

t.test('iss must be exactly the issuer', async (t) => {
  for (const iss of ['https://idp.example/', 'https://IDP.example', '', 1, null, ['https://idp.example'], undefined]) {
    t.match(read({ iss }), /iss/, String(iss))
  }
})

t.test('jose departure: exp 1e400, and other times that are none', async (t) => {
  for (const name of ['exp', 'nbf', 'iat']) {
    for (const value of [JSON.parse('1e400'), 2 ** 53, 2 ** 53 - 1, -1, '1795392600', null, true, [1], {}]) {
      t.match(read({ [name]: value }), new RegExp(`${name} is not a time`), `${name} ${JSON.stringify(value)}`)
    }
    t.type(read({ [name]: SECONDS + 0.5 }), 'object', `${name} may have a fraction`)
    t.type(read({ [name]: 0 }), 'object', `${name} may be the first second`)
  }
})

t.test('exp ends a token at that very moment, plus the skew', async (t) => {
  const past = facts({ exp: SECONDS, iat: SECONDS - 60 })
  t.equal(timeComplaint(past, NOW - 1), null)
  t.match(timeComplaint(past, NOW), /expired/)
  const skewed = facts({ exp: SECONDS, iat: SECONDS - 60 }, { clockSkew: 30_000 })
  t.equal(timeComplaint(skewed, NOW + 29_999), null)
  t.match(timeComplaint(skewed, NOW + 30_000), /expired/)
})

t.test('nbf begins a token at that very moment, less the skew', async (t) => {
  const plain = facts({ nbf: SECONDS + 10 })
  t.match(timeComplaint(plain, NOW + 9999), /not valid yet/)
  t.equal(timeComplaint(plain, NOW + 10_000), null)
  t.equal(timeComplaint(facts({ nbf: SECONDS + 10 }, { clockSkew: 10_000 }), NOW), null)
})

t.test('jose departure: iat in the future', async (t) => {
  t.match(timeComplaint(facts({ iat: SECONDS + 1 }), NOW), /future/)
  t.equal(timeComplaint(facts({ iat: SECONDS + 30 }, { clockSkew: 30_000 }), NOW), null)
})

t.test('maxAge wants an iat and bounds it', async (t) => {
  t.match(read({ iat: undefined }, { maxAge: 60_000 }), /no iat/)
  const young = facts({ iat: SECONDS }, { maxAge: 60_000 })
  t.equal(timeComplaint(young, NOW + 59_999), null)
  t.match(timeComplaint(young, NOW + 60_000), /expired/)
})

t.test('a token without exp never ends by itself, and says so', async (t) => {
  const endless = facts({ exp: undefined })
  t.equal(endless.expires, false)
  t.equal(endless.until, Infinity)
})

t.test('one audience of the token must be one that is accepted', async (t) => {
  const policy = compilePolicy(issuerPlan({ audiences: ['api', 'web'] }))
  const check = (aud: unknown, override: string[] | 'any' | null = null): string | null =>
    audienceComplaint(facts({ aud }), policy, override)
  t.equal(check('web'), null)
  t.equal(check(['x', 'api']), null)
  t.match(check('API'), /another audience/)
  t.match(check([]), /no aud/)
  t.match(check(undefined), /no aud/)
  t.equal(check(undefined, 'any'), null)
  t.equal(check('orders', ['orders']), null)
  t.match(check('api', ['orders']), /another audience/, 'the route replaces, it does not add')
  for (const aud of [1, null, { api: 1 }, ['api', 1]]) t.match(read({ aud }), /aud is neither/, JSON.stringify(aud))
})

t.test('jose departure: any typ', async (t) => {
  const wanted = { typ: 'at+jwt' }
  for (const typ of ['at+jwt', 'AT+JWT', 'application/at+jwt', 'Application/AT+JWT'])
    t.type(read({}, wanted, typ), 'object')
  for (const typ of [null, 'JWT', '', 'application/x/at+jwt', 'at+jwt ']) t.match(read({}, wanted, typ), /typ/)
  for (const typ of [null, 'JWT', 'jwt', 'at+jwt', 'application/at+jwt']) t.type(read({}, {}, typ), 'object')
  for (const typ of ['logout+jwt', 'secevent+jwt', 'application/dpop+jwt'])
    t.match(read({}, {}, typ), /no access token/)
})

t.test('required and equal claims', async (t) => {
  t.match(read({}, { required: ['sub', 'tid'] }), /tid is missing/)
  t.type(read({ tid: null }, { required: ['tid'] }), 'object')
  t.match(read({ tid: 42 }, { equal: { tid: '42' } }), /tid does not have/, 'no conversion')
  t.type(read({ tid: '42', o: { n: 1 } }, { equal: { tid: '42', '/o/n': 1 } }), 'object')
  t.match(read({}, { equal: { tid: '42' } }), /tid/)
})

t.test('sub and jti are strings', async (t) => {
  t.match(read({ sub: 1 }), /sub/)
  t.match(read({ jti: {} }), /jti/)
  t.equal(facts({ sub: undefined }).subject, '')
})

t.test('scopes: text parted by spaces, a list, several claims; absent is not empty', async (t) => {
  const scopesClaim = ['scope', 'permissions']
  t.strictSame(facts({ scope: 'a b  a' }, { scopesClaim }).scopes, ['a', 'b'])
  t.strictSame(facts({ scope: ['a', 'b c'] }, { scopesClaim }).scopes, ['a', 'b c'])
  t.strictSame(facts({ scope: 'a', permissions: ['p', 'a'] }, { scopesClaim }).scopes, ['a', 'p'])
  t.strictSame(facts({ scope: '' }, { scopesClaim }).scopes, [])
  t.strictSame(facts({ scope: null }, { scopesClaim }).scopes, [])
  t.equal(facts({}, { scopesClaim }).scopes, null)
  t.equal(facts({ scope: 'a' }).scopes, null, 'an issuer grants only what is named')
  for (const scope of [1, {}, ['a', 1]]) t.match(read({ scope }, { scopesClaim }), /scopes claim/)
})

t.test('groups, consumer and attributes come from where the issuer says', async (t) => {
  const found = facts(
    { realm_access: { roles: ['staff', 'ops'] }, azp: 'app', org_id: { deep: 1 }, gone: null },
    {
      groupsClaim: ['/realm_access/roles'],
      consumerClaim: 'azp',
      attributes: { tenant: 'org_id', missing: 'nope', empty: 'gone' }
    }
  )
  t.strictSame(found.groups, ['staff', 'ops'])
  t.equal(found.consumerId, 'app')
  t.strictSame(found.attributes, { tenant: { deep: 1 } })
  t.equal(facts({ azp: 7 }, { consumerClaim: 'azp' }).consumerId, '')
  t.strictSame(facts({ groups: 'one group' }, { groupsClaim: ['groups'] }).groups, ['one group'])
  t.match(read({ groups: 7 }, { groupsClaim: ['groups'] }), /groups claim/)
})

t.test(
  'cnf: a DPoP key, a client certificate or both; what else it asks for is refused, not passed over',
  async (t) => {
    t.equal(facts({}).confirmation, null)
    for (const [cnf, confirmation] of [
      [{ jkt: 'k' }, { jkt: 'k', x5t: null }],
      [{ 'x5t#S256': 'c' }, { jkt: null, x5t: 'c' }],
      [
        { jkt: 'k', 'x5t#S256': 'c', kid: 'x' },
        { jkt: 'k', x5t: 'c' }
      ]
    ] as const)
      t.strictSame(facts({ cnf }).confirmation, confirmation)
    for (const cnf of [
      null,
      'k',
      1,
      {},
      [],
      { kid: 'x' },
      { jwk: {} },
      { jkt: 1 },
      { jkt: null },
      { 'x5t#S256': {} },
      { jkt: 'k', 'x5t#S256': 1 },
      { jkt: null, 'x5t#S256': 'c' }
    ])
      t.match(read({ cnf }), /cnf/, JSON.stringify(cnf))
  }
)

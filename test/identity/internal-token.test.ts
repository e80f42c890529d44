import { generateKeyPairSync, type KeyObject } from 'node:crypto'
import { decodeProtectedHeader, jwtVerify } from 'jose'
import t from 'tap'
import { type Caller, NOBODY } from '../../src/caller.ts'
import { TokenMinter } from '../../src/identity/internal-token.ts'
import type { SigningKey } from '../../src/messages.ts'
import type { TokenAlgorithm, TokenPlan } from '../../src/plan/identity.ts'

const NOW = Date.UTC(2026, 10, 26)
const PLAN: TokenPlan = { audience: 'orders', ttl: 60_000, algorithm: 'EdDSA', attributes: ['tenant'], bind: false }
const ANN: Caller = {
  ...NOBODY,
  method: 'jwt',
  subject: 'ann',
  issuer: 'corp',
  consumer: 'acme',
  groups: ['staff', 'öps, "x"'],
  scopes: ['orders:read', 'orders:write'],
  attributes: { tenant: 'acme', secret: 's', aud: 'evil' }
}

function pair(kid: string, alg: TokenAlgorithm = 'EdDSA', signsFrom = 0): { key: SigningKey; publicKey: KeyObject } {
  const { privateKey, publicKey } =
    alg === 'EdDSA' ? generateKeyPairSync('ed25519') : generateKeyPairSync('ec', { namedCurve: 'P-256' })
  return { key: { kid, alg, signsFrom, pkcs8: privateKey.export({ format: 'der', type: 'pkcs8' }) }, publicKey }
}

function minter(...keys: SigningKey[]): TokenMinter {
  const made = new TokenMinter()
  made.setKeys(keys)
  return made
}

const at = (now: number) => ({ currentDate: new Date(now), issuer: 'gatehouse', audience: 'orders' })
const mint = (by: TokenMinter, plan = PLAN, caller = ANN, now = NOW) => by.token(plan, caller, 'GET', '/orders/7', now)

t.test('what it says, by the word of jose', async (t) => {
  for (const alg of ['EdDSA', 'ES256'] as const) {
    const { key, publicKey } = pair('k1', alg)
    const token = mint(minter(key), { ...PLAN, algorithm: alg })
    const { payload, protectedHeader } = await jwtVerify(token, publicKey, at(NOW))
    t.same(protectedHeader, { alg, kid: 'k1', typ: 'JWT' })
    const { jti, ...claims } = payload
    t.match(jti, /^[0-9a-f-]{36}$/)
    t.same(claims, {
      iss: 'gatehouse',
      aud: 'orders',
      iat: NOW / 1000,
      exp: NOW / 1000 + 60,
      sub: 'ann',
      amr: ['jwt'],
      issuer: 'corp',
      consumer: 'acme',
      groups: ['staff', 'öps, "x"'],
      scope: 'orders:read orders:write',
      attributes: { tenant: 'acme' }
    })
    await t.rejects(jwtVerify(token, publicKey, { ...at(NOW + 60_000) }), { code: 'ERR_JWT_EXPIRED' })
    await t.rejects(jwtVerify(token, pair('k1', alg).publicKey, at(NOW)), 'another key')
  }
})

t.test('absent values are absent; a consumer without a subject is the subject', async (t) => {
  const { key, publicKey } = pair('k1')
  const nobody = await jwtVerify(mint(minter(key), PLAN, NOBODY), publicKey, at(NOW))
  t.same(Object.keys(nobody.payload).sort(), ['amr', 'aud', 'exp', 'iat', 'iss', 'jti'])
  const keyed = await jwtVerify(
    mint(minter(key), PLAN, { ...NOBODY, method: 'key', consumer: 'acme' }),
    publicKey,
    at(NOW)
  )
  t.match(keyed.payload, { sub: 'acme', consumer: 'acme', amr: ['key'] })
})

t.test('one signature per caller, audience and half a life', (t) => {
  const made = minter(pair('k1').key)
  const first = mint(made)
  t.equal(mint(made), first)
  t.equal(mint(made, PLAN, ANN, NOW + 29_999), first)
  t.not(mint(made, PLAN, ANN, NOW + 30_000), first, 'half of its life is over')
  t.not(mint(made, PLAN, { ...ANN }), first, 'another caller, whatever it says')
  const plans = Array.from({ length: 9 }, (_, i) => ({ ...PLAN, audience: `service-${i}` }))
  const tokens = plans.map((plan) => mint(made, plan))
  t.equal(new Set(tokens).size, 9)
  t.same(
    plans.slice(1).map((plan) => mint(made, plan)),
    tokens.slice(1),
    'eight audiences are kept'
  )
  t.not(mint(made, plans[0]), tokens[0], 'and not nine')
  t.end()
})

t.test('bound to one request', async (t) => {
  const { key, publicKey } = pair('k1')
  const made = minter(key)
  const bound = { ...PLAN, bind: true }
  const { payload } = await jwtVerify(made.token(bound, ANN, 'DELETE', '/orders/7', NOW), publicKey, at(NOW))
  t.match(payload, { method: 'DELETE', path: '/orders/7' })
  t.not(mint(made, bound), mint(made, bound))
  const free = await jwtVerify(mint(made), publicKey, at(NOW))
  t.notOk('method' in free.payload || 'path' in free.payload)
})

t.test('a new key signs from its moment on, the same in every worker', (t) => {
  const keys = [pair('old').key, pair('es', 'ES256').key, pair('new', 'EdDSA', NOW + 1000).key]
  for (const worker of [minter(...keys), minter(...keys)]) {
    const kidAt = (now: number) => decodeProtectedHeader(mint(worker, PLAN, ANN, now)).kid
    t.equal(kidAt(NOW), 'old')
    t.equal(kidAt(NOW + 999), 'old')
    t.equal(kidAt(NOW + 1000), 'new', 'kept tokens too')
  }
  t.equal(decodeProtectedHeader(mint(minter(pair('k', 'EdDSA', NOW + 5).key))).kid, 'k', 'a clock that was set back')
  t.throws(() => mint(minter()), { message: /no key to sign EdDSA/ })
  t.throws(() => mint(minter(pair('k1', 'ES256').key)), { message: /no key to sign EdDSA/ })
  t.end()
})

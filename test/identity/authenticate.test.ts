import t from 'tap'
import { createHash } from 'node:crypto'
import { prepareAuth } from '../../src/identity/authenticate.ts'
import { CallerDirectory } from '../../src/identity/directory.ts'
import { TokenVerifier } from '../../src/identity/verifier.ts'
import { HeaderList } from '../../src/headers.ts'
import {
  apiKeyPlan,
  authenticatorOf,
  authPlan,
  authRequest,
  consumerPlan,
  EC_KEY,
  InlineVerifier,
  issuerPlan,
  jwtPlan,
  keySet,
  NOW,
  otherEc,
  token
} from './kit.ts'
import { hashPassword } from '../../src/identity/password.ts'
import type { AuthOutcome } from '../../src/identity/authenticate.ts'
import type { AuthPlan, Places } from '../../src/plan/auth.ts'
import type { CertificateNamePlan } from '../../src/plan/consumer.ts'
import type { ClientCertificate } from '../../src/request.ts'

const sha256 = (text: string): string => createHash('sha256').update(text).digest('hex')
const KEY: Places = { header: ['x-api-key'], cookie: [], query: [] }
const GOOD_TOKEN = token({ scope: 'from-token', roles: ['ops'], azp: 'app', org: 'token-org', plan: 'free' })
const LONE_TOKEN = token({})
const BAD_TOKEN = token({}, {}, otherEc.privateKey)

const signatures = new InlineVerifier()
const verifier = new TokenVerifier({
  signatures,
  cacheBytes: 1 << 20,
  queue: 100,
  perClient: 8,
  onUnknownKid: () => {},
  clock: () => NOW
})
const directory = new CallerDirectory()
directory.add([
  consumerPlan('acme', {
    clients: [{ issuer: 'corp', id: 'app' }],
    groups: ['partners'],
    scopes: ['read', 'write'],
    attributes: { org: 'acme-org' },
    keys: [apiKeyPlan('k-acme', sha256('acme-key'), { scopes: ['read'] })],
    certificates: [certificateName('DNS:a.acme.example'), certificateName('URI:spiffe://acme/a')]
  }),
  consumerPlan('other', {
    keys: [apiKeyPlan('k-other', sha256('other-key'))],
    certificates: [certificateName(`sha256:${'0'.repeat(64)}`), certificateName('DNS:other.example')],
    basic: [{ username: 'other', hash: hashPassword('pass', { ln: 14, r: 8, p: 1 }), where: '' }]
  }),
  consumerPlan('guest', { groups: ['guests'], scopes: ['look'] })
])
const ISSUER = issuerPlan({
  consumerClaim: 'azp',
  scopesClaim: ['scope'],
  groupsClaim: ['roles'],
  attributes: { org: 'org', plan: 'plan' }
})
verifier.setKeys(keySet([EC_KEY]))
verifier.configure(1, [ISSUER], directory)
const authenticator = authenticatorOf(verifier, signatures)

interface Sent {
  token?: string
  key?: string
  certificate?: ClientCertificate
  signature?: string
}

function certificateName(name: string): CertificateNamePlan {
  return { name, where: 'gatehouse.yaml:5:1' }
}

function certificate(sans: string[], more: Partial<ClientCertificate> = {}): ClientCertificate {
  return {
    subject: 'CN=x',
    sans,
    fingerprint: `sha256:${'1'.repeat(64)}`,
    from: NOW,
    until: NOW,
    weakness: '',
    ...more
  }
}

async function ask(plan: Partial<AuthPlan>, sent: Sent): Promise<AuthOutcome> {
  const headers = new HeaderList()
  if (sent.token !== undefined) headers.add('authorization', sent.token)
  if (sent.key !== undefined) headers.add('x-api-key', sent.key)
  if (sent.signature !== undefined) headers.add('signature', sent.signature)
  const auth = prepareAuth(authPlan(plan), directory)
  return await authenticator.authenticate(
    auth,
    authRequest({ headers, clientCertificate: sent.certificate ?? null }),
    NOW
  )
}

const code = async (plan: Partial<AuthPlan>, sent: Sent): Promise<string> => {
  const outcome = await ask(plan, sent)
  return outcome.ok ? `${outcome.caller.method}:${outcome.caller.consumer}` : outcome.code
}

const bearer = (text: string): string => `Bearer ${text}`
const JWT = { jwt: jwtPlan() }
const EITHER = { jwt: jwtPlan(), key: KEY }
const ALL = { ...EITHER, require: 'all' as const }

t.test('a public route asks nobody, whatever is sent', async (t) => {
  t.equal(await code({ public: true }, {}), 'public:')
  t.equal(await code({ public: true }, { token: 'Bearer junk', key: 'junk' }), 'public:')
})

t.test('one listed method there and good is enough', async (t) => {
  t.equal(await code(EITHER, { token: bearer(LONE_TOKEN) }), 'jwt:')
  t.equal(await code(EITHER, { token: bearer(GOOD_TOKEN) }), 'jwt:acme')
  t.equal(await code(EITHER, { key: 'acme-key' }), 'key:acme')
  t.equal(await code(EITHER, {}), 'no-credential')
})

t.test('a bad credential refuses, whatever else is good', async (t) => {
  for (const plan of [EITHER, ALL]) {
    t.equal(await code(plan, { token: bearer(BAD_TOKEN), key: 'acme-key' }), 'bad-credential')
    t.equal(await code(plan, { token: bearer(GOOD_TOKEN), key: 'wrong' }), 'bad-credential')
    t.equal(await code(plan, { token: 'Bearer', key: 'acme-key' }), 'bad-credential')
    t.equal(await code(plan, { token: bearer(GOOD_TOKEN), key: '' }), 'bad-credential')
  }
})

t.test('a bad key spares the verification of the token', async (t) => {
  const before = signatures.verified
  await ask(EITHER, { token: bearer(token({ sub: 'never seen' })), key: 'wrong' })
  t.equal(signatures.verified, before)
})

t.test('methods that are not listed are not looked at', async (t) => {
  t.equal(await code(JWT, { token: bearer(GOOD_TOKEN), key: 'wrong' }), 'jwt:acme')
  t.equal(await code({ key: KEY }, { token: 'Bearer junk', key: 'acme-key' }), 'key:acme')
  t.equal(await code(JWT, { key: 'acme-key' }), 'no-credential')
  t.equal(await code(JWT, { token: 'Basic dTpw' }), 'no-credential')
})

t.test('two credentials of different consumers refuse', async (t) => {
  for (const plan of [EITHER, ALL]) {
    t.equal(await code(plan, { token: bearer(GOOD_TOKEN), key: 'other-key' }), 'bad-credential')
    t.equal(await code(plan, { token: bearer(GOOD_TOKEN), key: 'acme-key' }), 'jwt:acme')
  }
})

t.test('all: every listed method, and both make one caller', async (t) => {
  t.equal(await code(ALL, { token: bearer(GOOD_TOKEN) }), 'no-credential')
  t.equal(await code(ALL, { key: 'acme-key' }), 'no-credential')
  t.equal(await code(ALL, {}), 'no-credential')
  t.match(await ask(ALL, { token: bearer(LONE_TOKEN), key: 'acme-key' }), {
    caller: {
      method: 'jwt',
      subject: 'u1',
      issuer: 'corp',
      credential: 'k-acme',
      consumer: 'acme',
      groups: ['partners'],
      scopes: ['read'],
      attributes: { org: 'acme-org' }
    },
    // A revocation of the token's key holds for both.
    standing: { kid: 'e1' }
  })
})

t.test("groups add up, a token's scopes stand, a consumer's attributes win", async (t) => {
  t.match(await ask(EITHER, { token: bearer(GOOD_TOKEN) }), {
    caller: {
      groups: ['partners', 'ops'],
      scopes: ['from-token'],
      attributes: { org: 'acme-org', plan: 'free' },
      claims: { org: 'token-org' }
    }
  })
  const noScopes = await ask(EITHER, { token: bearer(token({ azp: 'app' })) })
  t.strictSame(noScopes.ok && noScopes.caller.scopes, ['read', 'write'], "the token has none, so the consumer's")
  const empty = await ask(EITHER, { token: bearer(token({ azp: 'app', scope: '' })) })
  t.strictSame(empty.ok && empty.caller.scopes, [], 'it has the claim, and it grants none')
})

t.test('anonymous is for those who present nothing', async (t) => {
  const guest = { ...EITHER, anonymous: 'guest' }
  t.match(await ask(guest, {}), { ok: true, caller: { method: 'anonymous', consumer: 'guest', scopes: ['look'] } })
  t.equal(await code(guest, { token: bearer(BAD_TOKEN) }), 'bad-credential')
  t.equal(await code(guest, { key: 'wrong' }), 'bad-credential')
  t.equal(await code(guest, { token: 'Bearer' }), 'bad-credential')
  t.equal(await code(guest, { token: 'Basic dTpw' }), 'anonymous:guest')
  const all = { ...ALL, anonymous: 'guest' }
  t.equal(await code(all, {}), 'anonymous:guest')
  t.equal(await code(all, { key: 'acme-key' }), 'no-credential')
  t.equal(await code(all, { token: bearer(BAD_TOKEN) }), 'no-credential', 'one of two is missing; none is looked into')
  t.throws(() => prepareAuth(authPlan({ ...JWT, anonymous: 'gone' }), directory), /anonymous consumer gone/)
})

t.test('a client certificate stands for the consumer that lists a name or the fingerprint of it', async (t) => {
  const CERTIFICATE = { certificate: true }
  t.equal(await code(CERTIFICATE, { certificate: certificate(['DNS:a.acme.example']) }), 'certificate:acme')
  t.equal(
    await code(CERTIFICATE, { certificate: certificate(['email:x@y', 'URI:spiffe://acme/a']) }),
    'certificate:acme'
  )
  t.equal(
    await code(CERTIFICATE, { certificate: certificate([], { fingerprint: `sha256:${'0'.repeat(64)}` }) }),
    'certificate:other'
  )
  t.match(await ask(CERTIFICATE, { certificate: certificate(['DNS:a.acme.example', 'URI:spiffe://acme/a']) }), {
    caller: { credential: 'DNS:a.acme.example', groups: ['partners'], scopes: ['read', 'write'] }
  })
  for (const name of ['DNS:A.acme.example', 'DNS:b.acme.example', 'URI:a.acme.example', 'DNS:*.acme.example']) {
    t.equal(await code(CERTIFICATE, { certificate: certificate([name]) }), 'bad-credential', name)
  }
  t.equal(await code(CERTIFICATE, { certificate: certificate([]) }), 'bad-credential')
  t.equal(
    await code(CERTIFICATE, { certificate: certificate(['DNS:a.acme.example', 'DNS:other.example']) }),
    'bad-credential',
    'it names two consumers'
  )
  t.equal(await code(CERTIFICATE, {}), 'no-credential')
  t.equal(await code({ ...CERTIFICATE, anonymous: 'guest' }, {}), 'anonymous:guest')
  const guest = { ...CERTIFICATE, anonymous: 'guest' }
  t.equal(await code(guest, { certificate: certificate(['DNS:nobody']) }), 'bad-credential', 'there, and bad')
})

t.test('a certificate that expired on its connection, or is not valid yet, is a bad one', async (t) => {
  const sans = ['DNS:a.acme.example']
  const at = (from: number, until: number): Promise<string> =>
    code({ certificate: true }, { certificate: certificate(sans, { from, until }) })
  t.equal(await at(NOW, NOW), 'certificate:acme')
  t.equal(await at(NOW - 10, NOW - 1), 'bad-credential')
  t.equal(await at(NOW + 1, NOW + 10), 'bad-credential')
})

t.test('certificates beside keys and tokens', async (t) => {
  const plan = { ...EITHER, certificate: true }
  const acme = certificate(['DNS:a.acme.example'])
  const other = certificate(['DNS:other.example'])
  const nobody = certificate(['DNS:nobody'])
  t.equal(await code(plan, { certificate: acme, key: 'acme-key' }), 'key:acme')
  t.equal(await code(plan, { certificate: acme, token: bearer(GOOD_TOKEN) }), 'jwt:acme')
  t.equal(await code(plan, { certificate: acme, token: bearer(LONE_TOKEN) }), 'jwt:acme')
  t.equal(await code(plan, { certificate: other, key: 'acme-key' }), 'bad-credential')
  t.equal(await code(plan, { certificate: other, token: bearer(GOOD_TOKEN) }), 'bad-credential')
  t.equal(await code(plan, { certificate: nobody, key: 'acme-key' }), 'bad-credential')
  t.equal(await code(EITHER, { certificate: nobody, key: 'acme-key' }), 'key:acme', 'not listed, not looked at')
  const all = { ...plan, require: 'all' as const }
  t.equal(await code(all, { certificate: acme, key: 'acme-key', token: bearer(LONE_TOKEN) }), 'jwt:acme')
  t.equal(await code(all, { certificate: acme, key: 'acme-key' }), 'no-credential')
  t.equal(await code(all, { key: 'acme-key', token: bearer(LONE_TOKEN) }), 'no-credential')
})

t.test('challenges name the methods, and nothing of the inside', async (t) => {
  const challenge = async (plan: Partial<AuthPlan>, sent: { token?: string; key?: string }): Promise<unknown> => {
    const outcome = await ask(plan, sent)
    return outcome.ok ? 'ok' : outcome.headers
  }
  const field = 'www-authenticate'
  t.strictSame(await challenge(JWT, {}), [field, 'Bearer'])
  t.strictSame(await challenge(JWT, { token: 'Bearer x' }), [field, 'Bearer error="invalid_token"'])
  t.strictSame(await challenge(EITHER, {}), [field, 'Bearer', field, 'ApiKey'])
  t.strictSame(await challenge({ key: KEY }, { key: 'wrong' }), await challenge({ key: KEY }, {}))
  t.strictSame(
    await challenge({ key: KEY }, { key: 'wrong' }),
    await challenge({ key: KEY }, { key: 'x'.repeat(300) }),
    'no such key and no possible key'
  )
})

t.test('no room to verify, or no keys, is 503 and to be tried again', async (t) => {
  signatures.answer = new Error('gone')
  const overload = await ask(JWT, { token: bearer(token({ sub: 'overload' })) })
  signatures.answer = undefined
  t.match(overload, { ok: false, code: 'verify-overload', headers: ['retry-after', /^1$/] })
})

t.test('a token seen before is answered without a promise', async (t) => {
  await ask(JWT, { token: bearer(GOOD_TOKEN) })
  const headers = new HeaderList()
  headers.add('authorization', bearer(GOOD_TOKEN))
  const auth = prepareAuth(authPlan(JWT), directory)
  const outcome = authenticator.authenticate(auth, authRequest({ headers }), NOW)
  t.not(outcome instanceof Promise, true)
})

t.test('no reason holds a credential', async (t) => {
  for (const sent of [{ token: 'Bearer s3cret.s3cret.s3cret' }, { key: 's3cret' }, { token: 'Bearer  s3cret' }]) {
    const outcome = await ask(EITHER, sent)
    t.notMatch(outcome.ok ? '' : outcome.reason, /s3cret/)
  }
})

t.test(
  'all of them: a password or a signature that is missing or bad is not made up for by what is good',
  async (t) => {
    const basic = { key: KEY, basic: true }
    const signature = { key: KEY, signature: true }
    const key = 'acme-key'
    for (const plan of [basic, signature]) {
      t.equal(await code(plan, { key }), 'key:acme', 'one is enough')
      t.equal(await code({ ...plan, require: 'all' }, { key }), 'no-credential')
    }
    for (const require of ['any', 'all'] as const) {
      t.equal(await code({ ...basic, require }, { key, token: 'Basic nonsense' }), 'bad-credential')
      t.equal(await code({ ...signature, require }, { key, signature: 'nonsense' }), 'bad-credential')
    }
    const password = `Basic ${Buffer.from('other:pass').toString('base64')}`
    t.equal(await code(basic, { token: password }), 'basic:other')
    t.equal(await code(basic, { key: 'other-key', token: password }), 'key:other')
    t.equal(await code(basic, { key, token: password }), 'bad-credential', 'of another consumer')
  }
)

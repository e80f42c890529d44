import t from 'tap'
import { generateKeyPairSync, sign } from 'node:crypto'
import { CallerDirectory } from '../../src/identity/directory.ts'
import { TokenVerifier } from '../../src/identity/verifier.ts'
import {
  CLAIMS,
  consumerPlan,
  EC_KEY,
  InlineVerifier,
  issuerPlan,
  jwtPlan,
  keySet,
  NOW,
  otherEc,
  rawToken,
  SECONDS,
  segment,
  token,
  verificationKey
} from './kit.ts'
import type { TokenOutcome } from '../../src/identity/verdict.ts'
import type { JwtAuthPlan } from '../../src/plan/auth.ts'
import type { ConsumerPlan } from '../../src/plan/consumer.ts'
import type { IssuerPlan } from '../../src/plan/issuer.ts'
import type { KeySet, VerificationKey } from '../../src/plan/keys.ts'

const ACCEPT = jwtPlan()
const CLIENT = '192.0.2.1'

/** A verifier with one issuer, its clock and its signatures under the test's control. */
class Bench {
  now = NOW
  readonly signatures = new InlineVerifier()
  readonly asked: string[] = []
  readonly verifier: TokenVerifier
  #generation = 0

  constructor(
    setup: {
      issuers?: IssuerPlan[]
      consumers?: ConsumerPlan[]
      keys?: KeySet | null
      perClient?: number
      queue?: number
      cacheBytes?: number
    } = {}
  ) {
    this.verifier = new TokenVerifier({
      signatures: this.signatures,
      cacheBytes: setup.cacheBytes ?? 1 << 20,
      queue: setup.queue ?? 100,
      perClient: setup.perClient ?? 8,
      onUnknownKid: (issuer) => this.asked.push(issuer),
      clock: () => this.now
    })
    if (setup.keys !== null) this.verifier.setKeys(setup.keys ?? keySet([EC_KEY]))
    this.configure(setup.issuers, setup.consumers)
  }

  configure(issuers: IssuerPlan[] = [issuerPlan()], consumers: ConsumerPlan[] = []): void {
    const directory = new CallerDirectory()
    directory.add(consumers)
    this.verifier.configure(++this.#generation, issuers, directory)
  }

  verify(text: string, accept: JwtAuthPlan = ACCEPT, client = CLIENT): TokenOutcome | Promise<TokenOutcome> {
    return this.verifier.verify(text, accept, client, this.now)
  }

  /** `ok`, or the reason. */
  async say(text: string, accept: JwtAuthPlan = ACCEPT, client = CLIENT): Promise<string> {
    const outcome = await this.verify(text, accept, client)
    return outcome.ok ? 'ok' : `${outcome.code}: ${outcome.reason}`
  }
}

t.test('a token is verified once; the next use answers at once with the same objects', async (t) => {
  const bench = new Bench()
  const text = token()
  const first = bench.verify(text)
  t.ok(first instanceof Promise)
  const outcome = await first
  t.match(outcome, { ok: true, caller: { method: 'jwt', subject: 'u1', issuer: 'corp', consumer: '', credential: '' } })
  t.equal(bench.verify(`${text}`), outcome)
  t.equal(bench.signatures.verified, 1)
  t.strictSame([bench.verifier.hits, bench.verifier.cold], [1, 1])
  t.ok(outcome.ok && Object.isFrozen(outcome.caller) && Object.isFrozen(outcome.caller.claims))
})

t.test('claims are frozen through and through', async (t) => {
  const outcome = await new Bench().verify(token({ a: { b: [{ c: 1 }] } }))
  const { a } = (outcome.ok ? outcome.caller.claims : {}) as { a: { b: [{ c: number }] } }
  t.ok(Object.isFrozen(a) && Object.isFrozen(a.b) && Object.isFrozen(a.b[0]))
})

t.test('200 requests with one new token cost one verification', async (t) => {
  const bench = new Bench()
  const text = token()
  const outcomes = await Promise.all(Array.from({ length: 200 }, async () => bench.verify(text)))
  t.ok(outcomes.every((outcome) => outcome.ok))
  t.equal(bench.signatures.verified, 1)
  t.equal(bench.verifier.waiting, 0)
})

t.test('of tokens that end alike each is verified for itself', async (t) => {
  const bench = new Bench()
  const text = token()
  const [header, , signature] = text.split('.')
  const other = `${header}.${token({ sub: 'u2' }).split('.')[1]}.${signature}`
  bench.signatures.hold()
  const outcomes = [text, other, text].map((one) => bench.say(one))
  bench.signatures.release()
  t.strictSame(
    (await Promise.all(outcomes)).map((said) => said === 'ok'),
    [true, false, true]
  )
  t.equal(bench.signatures.verified, 2)
  t.equal(await bench.say(other), 'bad-credential: the signature is not by a key of the issuer')
  t.equal(await bench.say(text), 'ok')
  t.equal(bench.signatures.verified, 3)
  t.equal(bench.verifier.waiting, 0)
})

t.test('other spellings of a cached token are refused', async (t) => {
  const bench = new Bench()
  const text = token()
  t.equal(await bench.say(text), 'ok')
  const last = text.at(-1) ?? ''
  for (const spelling of [
    `${text}=`,
    `${text} `,
    ` ${text}`,
    text.replace('.', ' .'),
    text.slice(0, -1) + next(last)
  ]) {
    t.match(await bench.say(spelling), /bad-credential: .*canonical/, JSON.stringify(spelling.slice(-4)))
  }
  t.equal(bench.signatures.verified, 1)
})

t.test('jose departure: (r, n-s) is another token, verified on its own, with the same claims', async (t) => {
  const bench = new Bench()
  const text = token({ jti: 'j1' })
  const twin = twinOf(text)
  t.not(twin, text)
  const outcomes = [await bench.verify(text), await bench.verify(twin)]
  t.equal(bench.signatures.verified, 2)
  t.strictSame(
    outcomes.map((outcome) => outcome.ok && outcome.caller.claims.jti),
    ['j1', 'j1']
  )
})

t.test('jose departure: no exp', async (t) => {
  const bench = new Bench()
  const text = token({ exp: undefined })
  t.match(await bench.say(text), /no exp/)
  t.equal(bench.signatures.verified, 0, 'before any cryptography')
  t.equal(await bench.say(text, jwtPlan({ expiry: 'optional' })), 'ok')
  t.match(await bench.say(text), /no exp/, 'cached by the one route, it is still refused by the other')
})

t.test('jose departures in claims never reach the cache', async (t) => {
  const bench = new Bench()
  const header = '{"alg":"ES256","kid":"e1"}'
  const body = `"iss":"${CLAIMS.iss}","aud":"api"`
  for (const payload of [
    `{${body},"exp":1e400}`,
    `{${body},"exp":${SECONDS + 60},"iat":${SECONDS + 3600}}`,
    `{${body},"exp":${SECONDS - 60},"exp":${SECONDS + 60}}`,
    `\ufeff{${body},"exp":${SECONDS + 60}}`,
    `{${body},"exp":${SECONDS + 60},"a":${'['.repeat(50)}${']'.repeat(50)}}`
  ]) {
    t.match(await bench.say(rawToken(header, payload)), /bad-credential/, payload.slice(0, 60))
  }
  t.equal(await bench.say(rawToken(header, `{${body},"exp":${SECONDS + 60}}`)), 'ok')
  t.equal(bench.verifier.cached.tokens, 1)
})

t.test('expiry during the run is seen at the next use', async (t) => {
  const bench = new Bench()
  const text = token({ exp: SECONDS + 10 })
  t.equal(await bench.say(text), 'ok')
  bench.now = NOW + 9999
  t.equal(await bench.say(text), 'ok')
  bench.now = NOW + 10_000
  t.match(await bench.say(text), /expired/)
  t.equal(bench.verifier.cached.tokens, 0)
  t.match(await bench.say(text), /expired/)
  t.equal(bench.signatures.verified, 1)
})

t.test('expiry while the token waits for its verification is seen', async (t) => {
  const bench = new Bench()
  bench.signatures.hold()
  const answer = bench.say(token({ exp: SECONDS + 10 }))
  bench.now = NOW + 10_000
  bench.signatures.release()
  t.match(await answer, /expired/)
})

t.test('maxAge and a clock set back are seen on a cached token', async (t) => {
  const bench = new Bench({ issuers: [issuerPlan({ maxAge: 60_000 })] })
  const text = token()
  t.equal(await bench.say(text), 'ok')
  bench.now = NOW - 1
  t.match(await bench.say(text), /not valid yet/)
  bench.now = NOW + 60_000
  t.match(await bench.say(text), /expired/)
})

t.test('a change of keys voids what they verified', async (t) => {
  const bench = new Bench()
  const text = token()
  t.equal(await bench.say(text), 'ok')
  bench.verifier.setKeys(keySet([EC_KEY], 2))
  t.equal(await bench.say(text), 'ok')
  t.equal(bench.signatures.verified, 2, 'verified anew')
  bench.verifier.setKeys(keySet([verificationKey(otherEc.publicKey, { kid: 'e1', algorithms: ['ES256'] })], 3))
  t.match(await bench.say(text), /signature/)
  bench.verifier.setKeys(keySet([EC_KEY], 1))
  t.match(await bench.say(text), /signature/, 'an older set does not come back')
})

t.test('a key withdrawn while it verifies proves nothing', async (t) => {
  const bench = new Bench()
  bench.signatures.hold()
  const answer = bench.say(token())
  const other = verificationKey(otherEc.publicKey, { kid: 'e2', algorithms: ['ES256'] })
  bench.verifier.setKeys(keySet([other], 2))
  bench.signatures.release()
  t.match(await answer, /withdrawn/)
  t.equal(bench.verifier.cached.tokens, 0)
})

t.test('a new generation costs no signature, and reads the claims by its own rules', async (t) => {
  const bench = new Bench()
  const text = token({ scope: 'a b' })
  const before = await bench.verify(text)
  bench.configure([issuerPlan({ scopesClaim: ['scope'] })])
  const after = await bench.verify(text)
  t.strictSame(after.ok && after.caller.scopes, ['a', 'b'])
  t.not(after.ok && after.memo, before.ok && before.memo)
  t.equal(await bench.verify(text), after)
  bench.configure([issuerPlan({ required: ['tid'] })])
  t.match(await bench.say(text), /tid is missing/)
  bench.configure([issuerPlan({ algorithms: ['RS256'] })])
  t.match(await bench.say(text), /ES256 is not among/)
  bench.configure([issuerPlan({ name: 'other' })])
  t.match(await bench.say(text), /iss is nobody/)
  t.equal(bench.signatures.verified, 1)
})

t.test('what a token stands by is its key, whose name a revocation may name: new, known and read anew', async (t) => {
  const bench = new Bench()
  const text = token()
  const kid = async (): Promise<string> => {
    const outcome = await bench.verify(text)
    return outcome.ok ? outcome.standing.kid : outcome.reason
  }
  t.equal(await kid(), 'e1')
  t.equal(await kid(), 'e1')
  bench.configure()
  t.equal(await kid(), 'e1')
  t.equal(bench.signatures.verified, 1)
})

t.test('what an old generation learned of a caller is forgotten, used again or not', async (t) => {
  const bench = new Bench()
  const outcome = await bench.verify(token())
  const rule = {}
  if (outcome.ok) outcome.memo.set(rule, true)
  bench.configure()
  t.equal(outcome.ok && outcome.memo.get(rule), undefined)
})

t.test('each route judges a cached token by its own audiences and issuers', async (t) => {
  const bench = new Bench()
  const text = token()
  t.equal(await bench.say(text), 'ok')
  t.match(await bench.say(text, jwtPlan({ audiences: ['orders'] })), /another audience/)
  t.match(await bench.say(text, jwtPlan({ issuers: ['partner'] })), /iss is nobody/)
  t.equal(await bench.say(text, jwtPlan({ audiences: 'any' })), 'ok')
  t.equal(await bench.say(text), 'ok')
  t.equal(bench.signatures.verified, 1)
})

t.test('two issuers of one iss: each route reads the token as its own issuer does', async (t) => {
  const issuers = [
    issuerPlan({ scopesClaim: ['scope'] }),
    issuerPlan({ name: 'staff', groupsClaim: ['roles'], audiences: ['api'] })
  ]
  const bench = new Bench({ issuers })
  bench.verifier.setKeys(keySet([EC_KEY], 1, 'staff'))
  const text = token({ scope: 'a', roles: ['ops'] })
  const corp = await bench.verify(text)
  const staff = await bench.verify(text, jwtPlan({ issuers: ['staff'] }))
  t.match(corp, { caller: { issuer: 'corp', scopes: ['a'], groups: [] } })
  t.match(staff, { caller: { issuer: 'staff', scopes: [], groups: ['ops'] } })
})

t.test('keys are found by kid exactly, and must do the algorithm', async (t) => {
  const other = verificationKey(otherEc.publicKey, { kid: 'e2', algorithms: ['ES256'] })
  const bench = new Bench({ keys: keySet([EC_KEY, other, { ...EC_KEY, id: 'rs', kid: 'rs', algorithms: ['RS256'] }]) })
  t.equal(await bench.say(token()), 'ok')
  t.match(await bench.say(token({}, { kid: 'e2' })), /signature is not by a key/)
  t.match(await bench.say(token({}, { kid: 'rs' })), /no key of the issuer fits ES256/)
  t.equal(await bench.say(token({ sub: 'no kid' }, { kid: undefined })), 'ok')
  t.match(await bench.say(token({}, { alg: 'ES384' })), /ES384 is not among the issuer's algorithms/)
})

t.test('a token without kid tries few keys', async (t) => {
  const keys = (n: number): VerificationKey[] =>
    Array.from({ length: n }, (_, i) => ({ ...EC_KEY, id: `k${i}`, kid: `k${i}` }))
  t.equal(await new Bench({ keys: keySet(keys(4)) }).say(token({}, { kid: undefined })), 'ok')
  const many = new Bench({ keys: keySet(keys(5)) })
  t.match(await many.say(token({}, { kid: undefined })), /5 keys fit/)
  t.equal(many.signatures.verified, 0)
})

t.test('an HMAC token over a public key is no token of that key', async (t) => {
  const bench = new Bench({ issuers: [issuerPlan({ algorithms: ['ES256', 'HS256'] })] })
  t.match(await bench.say(token({}, { alg: 'HS256' })), /no key of the issuer fits HS256/)
})

t.test('without keys the answer is 503, and the keys are asked for', async (t) => {
  const bench = new Bench({ keys: null })
  t.match(await bench.say(token()), /keys-unavailable: there are no keys of corp/)
  t.strictSame(bench.asked, ['corp'])
  bench.verifier.setKeys(keySet([EC_KEY]))
  t.equal(await bench.say(token()), 'ok')
  bench.verifier.setKeys(keySet([], 2))
  t.match(await bench.say(token()), /keys-unavailable/)
})

t.test('an unknown kid waits for the set that it asks for', async (t) => {
  const bench = new Bench()
  const text = token({}, { kid: 'new' }, otherEc.privateKey)
  const answer = bench.say(text)
  t.strictSame(bench.asked, ['corp'])
  const fresh = verificationKey(otherEc.publicKey, { kid: 'new', algorithms: ['ES256'] })
  setImmediate(() => bench.verifier.setKeys(keySet([EC_KEY, fresh], 2)))
  t.equal(await answer, 'ok')
})

t.test('kids that nobody publishes wait three times in thirty seconds, then are refused at once', async (t) => {
  const bench = new Bench()
  for (const version of [2, 3, 4]) {
    const answer = bench.say(token({}, { kid: `made-up-${version}` }))
    t.equal(bench.verifier.waiting, 1)
    bench.verifier.setKeys(keySet([EC_KEY], version))
    t.match(await answer, /kid names no key/)
  }
  t.not(bench.verify(token({}, { kid: 'made-up-2' })) instanceof Promise, true)
  bench.now = NOW + 29_999
  t.not(bench.verify(token({}, { kid: 'made-up-3' })) instanceof Promise, true)
  bench.now = NOW + 30_000
  const again = bench.verify(token({}, { kid: 'made-up-4' }))
  t.ok(again instanceof Promise)
  bench.verifier.setKeys(keySet([EC_KEY], 5))
  t.equal((await again).ok, false)
  t.equal(bench.signatures.verified, 0)
})

t.test('a wait for keys ends by itself, and not before its second', async (t) => {
  const bench = new Bench()
  const started = performance.now()
  t.match(await bench.say(token({}, { kid: 'made-up' })), /kid names no key/)
  const took = performance.now() - started
  t.ok(took > 900, `${took} ms`)
})

t.test('at most so many tokens of one client wait, and others are not held up', async (t) => {
  const bench = new Bench({ perClient: 2, queue: 4 })
  bench.signatures.hold()
  const first = [bench.say(token({ sub: 'a' })), bench.say(token({ sub: 'b' }))]
  t.match(await bench.say(token({ sub: 'c' })), /verify-overload: 2 tokens of this client/)
  const others = [bench.say(token({ sub: 'd' }), ACCEPT, 'x'), bench.say(token({ sub: 'e' }), ACCEPT, 'y')]
  t.match(await bench.say(token({ sub: 'f' }), ACCEPT, 'z'), /verify-overload: 4 tokens wait/)
  t.equal(bench.verifier.overloads, 2)
  bench.signatures.release()
  t.strictSame(await Promise.all([...first, ...others]), ['ok', 'ok', 'ok', 'ok'])
  t.equal(bench.verifier.waiting, 0)
  t.equal(await bench.say(token({ sub: 'c' })), 'ok', 'the places are free again')
})

t.test('a verification that fails is 503, is not remembered, and frees its place', async (t) => {
  const bench = new Bench()
  bench.signatures.answer = new Error('thread gone')
  t.match(await bench.say(token()), /verify-overload: .*thread gone/)
  bench.signatures.answer = undefined
  t.equal(await bench.say(token()), 'ok')
  t.equal(bench.verifier.waiting, 0)
})

t.test('a bad signature is refused each time, and never remembered', async (t) => {
  const bench = new Bench()
  const forged = token({}, {}, otherEc.privateKey)
  t.match(await bench.say(forged), /signature/)
  t.match(await bench.say(forged), /signature/)
  t.equal(bench.signatures.verified, 2)
  t.equal(bench.verifier.cached.tokens, 0)
})

t.test('a reload while a token is verified: it is read by the new rules', async (t) => {
  const bench = new Bench()
  bench.signatures.hold()
  const answer = bench.say(token())
  bench.configure([issuerPlan({ audiences: ['elsewhere'] })])
  bench.signatures.release()
  t.match(await answer, /another audience/)
})

t.test('a consumer is attached by issuer and client, or by name when it lists no clients', async (t) => {
  const issuers = [
    issuerPlan({ consumerClaim: 'azp' }),
    issuerPlan({ name: 'p', issuer: 'https://p', consumerClaim: 'azp' })
  ]
  const consumers = [
    consumerPlan('acme', { clients: [{ issuer: 'corp', id: 'app-1' }], groups: ['partners'] }),
    consumerPlan('plain', { scopes: ['read'], attributes: { tier: 'gold' } })
  ]
  const bench = new Bench({ issuers, consumers })
  bench.verifier.setKeys(keySet([EC_KEY], 1, 'p'))
  const both = jwtPlan({ issuers: ['corp', 'p'] })
  const consumer = async (claims: Record<string, unknown>): Promise<string> => {
    const outcome = await bench.verify(token(claims), both)
    return outcome.ok ? outcome.caller.consumer : outcome.reason
  }
  t.equal(await consumer({ azp: 'app-1' }), 'acme')
  t.equal(await consumer({ azp: 'acme' }), '', 'never by name alone')
  t.equal(await consumer({ azp: 'app-1', iss: 'https://p' }), '', "another issuer's client")
  t.equal(await consumer({ azp: 'plain' }), 'plain')
  t.equal(await consumer({ azp: 'plain', iss: 'https://p' }), 'plain')
  t.equal(await consumer({ azp: 'nobody' }), '')
  t.equal(await consumer({}), '')
})

t.test('tokens that consumers sign themselves', async (t) => {
  const key = verificationKey(otherEc.publicKey, { kid: null, algorithms: ['ES256'] })
  const consumers = [
    consumerPlan('acme', {
      groups: ['partners'],
      scopes: ['read'],
      jwt: [{ issuer: 'https://acme.example', key, where: 'x:1:1' }]
    })
  ]
  const bench = new Bench({ consumers })
  const accept = jwtPlan({ consumers: true })
  const mine = (more: Record<string, unknown> = {}): string =>
    token({ iss: 'https://acme.example', scope: 'admin', ...more }, { kid: 'whatever' }, otherEc.privateKey)
  const outcome = await bench.verify(mine(), accept)
  t.match(outcome, {
    ok: true,
    caller: { method: 'jwt', consumer: 'acme', issuer: '', subject: 'u1', groups: ['partners'], scopes: ['read'] }
  })
  t.equal(bench.verify(mine(), accept) instanceof Promise, true, 'signatures differ, so it is another token')
  t.match(await bench.say(mine()), /iss is nobody/, 'where the route does not take them')
  t.match(await bench.say(mine({ iss: CLAIMS.iss }), accept), /kid names no key|signature/)
  t.equal(await bench.say(mine({ aud: 'orders' }), jwtPlan({ consumers: true, audiences: ['orders'] })), 'ok')
  t.match(await bench.say(mine(), jwtPlan({ consumers: true, audiences: ['orders'] })), /another audience/)

  const text = mine({ sub: 'cached' })
  t.equal(await bench.say(text, accept), 'ok')
  const { verified } = bench.signatures
  bench.configure(undefined, consumers)
  t.equal(await bench.say(text, accept), 'ok')
  t.equal(bench.signatures.verified, verified, 'the key is the same in the new generation')
  const changed = { ...key, material: EC_KEY.material }
  bench.configure(undefined, [
    consumerPlan('acme', { jwt: [{ issuer: 'https://acme.example', key: changed, where: '' }] })
  ])
  t.match(await bench.say(text, accept), /signature/, 'the key is another one under the same id')
})

t.test('RSA, PSS and Ed25519 tokens', async (t) => {
  const rsa = generateKeyPairSync('rsa', { modulusLength: 2048 })
  const ed = generateKeyPairSync('ed25519')
  const keys = [
    verificationKey(rsa.publicKey, { id: 'r', kid: 'r', algorithms: ['RS256', 'PS256'] }),
    verificationKey(ed.publicKey, { id: 'd', kid: 'd', algorithms: ['EdDSA'] })
  ]
  const bench = new Bench({ keys: keySet(keys) })
  const make = (alg: string, kid: string, signer: (input: Buffer) => Buffer): string => {
    const input = `${segment(JSON.stringify({ alg, kid }))}.${segment(JSON.stringify(CLAIMS))}`
    return `${input}.${segment(signer(Buffer.from(input)))}`
  }
  const rs = (input: Buffer): Buffer => sign('sha256', input, rsa.privateKey)
  const ps =
    (saltLength: number) =>
    (input: Buffer): Buffer =>
      sign('sha256', input, { key: rsa.privateKey, padding: 6, saltLength })
  t.equal(await bench.say(make('RS256', 'r', rs)), 'ok')
  t.equal(await bench.say(make('PS256', 'r', ps(32))), 'ok')
  t.equal(await bench.say(make('EdDSA', 'd', (input) => sign(null, input, ed.privateKey))), 'ok')
  t.match(await bench.say(make('PS256', 'r', ps(20))), /signature/, 'the salt must be as long as the hash')
  t.match(await bench.say(make('PS256', 'r', rs)), /signature/)
  t.match(await bench.say(make('RS256', 'r', ps(32))), /signature/)
})

t.test('the cache keeps to its bytes, and its weights to the heap', async (t) => {
  const bench = new Bench({ cacheBytes: 64 * 1024, perClient: 1000, queue: 1000 })
  bench.signatures.answer = EC_KEY
  await Promise.all(Array.from({ length: 60 }, async (_, i) => bench.verify(token({ sub: `u${i}` }))))
  const { tokens, bytes } = bench.verifier.cached
  t.ok(bytes <= 64 * 1024 && tokens > 10 && tokens < 32, `${tokens} tokens, ${bytes} bytes`)
})

function next(char: string): string {
  const alphabet = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_'
  return alphabet[alphabet.indexOf(char) + 1] ?? 'A'
}

/** The other signature that ECDSA accepts for the same input: s replaced by n-s. */
function twinOf(text: string): string {
  const n = 0xffffffff00000000ffffffffffffffffbce6faada7179e84f3b9cac2fc632551n
  const cut = text.lastIndexOf('.')
  const signature = Buffer.from(text.slice(cut + 1), 'base64url').toString('hex')
  const s = (n - BigInt(`0x${signature.slice(64)}`)).toString(16).padStart(64, '0')
  return `${text.slice(0, cut)}.${segment(Buffer.from(signature.slice(0, 64) + s, 'hex'))}`
}

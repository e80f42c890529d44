import { createHash } from 'node:crypto'
import t from 'tap'
import { HeaderList } from '../../src/headers.ts'
import { authRequest, dpopProofs, ec, InlineVerifier, NOW, otherEc, rawToken, SECONDS } from './kit.ts'
import type { AuthRequest } from '../../src/identity/authenticate.ts'
import type { DpopProofs } from '../../src/identity/dpop.ts'
import type { RefusedToken } from '../../src/identity/verdict.ts'

const JWK = ec.publicKey.export({ format: 'jwk' })
const JKT = thumbprint({ crv: JWK.crv, kty: JWK.kty, x: JWK.x, y: JWK.y })
const TOKEN = 'the-token'

function thumbprint(members: object): string {
  return createHash('sha256').update(JSON.stringify(members)).digest('base64url')
}

let number = 0
function proof(claims: Record<string, unknown> = {}, jwk: object = JWK, typ = 'dpop+jwt'): string {
  const ath = createHash('sha256').update(TOKEN).digest('base64url')
  const said = { jti: `j${++number}`, htm: 'GET', htu: 'https://api.example/orders', iat: SECONDS, ath, ...claims }
  return rawToken(JSON.stringify({ typ, alg: 'ES256', jwk }), JSON.stringify(said))
}

class Bench {
  now = NOW
  monotonic = 1_000_000_000n
  readonly signatures = new InlineVerifier()
  readonly proofs: DpopProofs

  constructor(crowd = 0) {
    this.proofs = dpopProofs(this.signatures, () => this.monotonic, crowd)
  }

  verify(text: string, more: Partial<AuthRequest> = {}): RefusedToken | Promise<RefusedToken | null> {
    const headers = more.headers ?? new HeaderList()
    headers.add('dpop', text)
    return this.proofs.verify(TOKEN, JKT, authRequest({ ...more, headers }), this.now)
  }

  async say(text: string, more?: Partial<AuthRequest>): Promise<string> {
    const refusal = await this.verify(text, more)
    return refusal === null ? 'proven' : `${refusal.code}: ${refusal.reason}`
  }
}

t.test('a proof is good for 60 s, and 30 s ahead of its time', async (t) => {
  for (const [ms, expected] of [
    [59_999, /proven/],
    [60_000, /too long ago/],
    [60_001, /too long ago/],
    [-29_999, /proven/],
    [-30_000, /in the future/],
    [-30_001, /in the future/]
  ] as const) {
    const bench = new Bench()
    bench.now = NOW + ms
    t.match(await bench.say(proof()), expected, `${ms} ms`)
  }
})

t.test('it is remembered until it is too old, even if it was made ahead of its time', async (t) => {
  const bench = new Bench()
  const text = proof({ iat: SECONDS + 29 })
  t.equal(await bench.say(text), 'proven')
  for (const seconds of [1, 88]) {
    bench.now = NOW + seconds * 1000
    bench.monotonic = 1_000_000_000n + BigInt(seconds) * 1_000_000_000n
    t.match(await bench.say(text), /used before/, `after ${seconds} s`)
  }
  t.equal(bench.signatures.verified, 1, 'a replay costs no signature')
  bench.now = NOW + 89_000
  t.match(await bench.say(text), /too long ago/)
})

t.test('a bad signature uses no name up', async (t) => {
  const bench = new Bench()
  const text = proof({ jti: 'mine' })
  bench.signatures.answer = null
  t.match(await bench.say(text), /signature is not by its key/)
  bench.signatures.answer = undefined
  t.equal(await bench.say(text), 'proven')
})

t.test('verification that fails, and no room to remember: 503, never a yes', async (t) => {
  const bench = new Bench()
  bench.signatures.answer = new Error('closed')
  t.match(await bench.say(proof()), /verify-overload: .*closed/)
  const crowded = new Bench(20_000)
  const said: string[] = []
  for (let i = 0; i < 50; i++) said.push(await crowded.say(proof()))
  t.ok(said.some((text) => /verify-overload: no room/.test(text)))
  t.notOk(said.some((text) => !/^(proven|verify-overload|bad-credential)/.test(text)))
})

t.test('64 proofs of one key wait, and no more', async (t) => {
  const bench = new Bench()
  bench.signatures.hold()
  const waiting = Array.from({ length: 64 }, () => bench.say(proof()))
  t.match(bench.verify(proof()), { code: 'verify-overload' })
  bench.signatures.release()
  t.strictSame(new Set(await Promise.all(waiting)), new Set(['proven']))
  t.equal(await bench.say(proof()), 'proven')
})

t.test('behind a trusted proxy the target is what the client asked for', async (t) => {
  const bench = new Bench()
  const fields = (proto: string, host?: string): HeaderList => {
    const headers = new HeaderList()
    headers.add('x-forwarded-proto', proto)
    if (host !== undefined) headers.add('x-forwarded-host', host)
    return headers
  }
  const inner = { scheme: 'http', authority: '10.0.0.1:8080' } as const
  const trusted = { ...inner, trustedPeer: true }
  t.equal(await bench.say(proof(), { ...trusted, headers: fields('https', 'API.example:443') }), 'proven')
  t.match(await bench.say(proof(), { ...inner, headers: fields('https', 'api.example') }), /htu/, 'nobody else’s word')
  t.match(await bench.say(proof(), { ...trusted, headers: fields('https') }), /htu/)
  t.match(await bench.say(proof(), { ...trusted, headers: fields('https, http', 'api.example') }), /htu/)
  t.match(await bench.say(proof(), { ...trusted, headers: fields('https', 'a b') }), /htu/)
})

t.test('equal spellings of a target are equal', async (t) => {
  const bench = new Bench()
  for (const htu of ['HTTPS://API.example:443/orders', 'https://api.example/x/../%6frders?a#b'])
    t.equal(await bench.say(proof({ htu })), 'proven', htu)
  const ipv6 = { authority: '[2001:DB8::1]:8443', path: '/' }
  t.equal(await bench.say(proof({ htu: 'https://[2001:db8:0::1]:8443' }), ipv6), 'proven')
  for (const htu of ['https://api.example/orders/', 'https://api.example./orders', 'https://api.example:8443/orders'])
    t.match(await bench.say(proof({ htu })), /htu/, htu)
})

t.test('what a proof says of another request, token or key doesn’t cost a signature', async (t) => {
  const bench = new Bench()
  const other = createHash('sha256').update('another-token').digest('base64url')
  for (const [claims, complaint] of [
    [{ ath: other }, /ath/],
    [{ ath: undefined }, /ath/],
    [{ htm: 'POST' }, /htm/],
    [{ htu: 'https://api.example/orders/7' }, /htu/],
    [{ iat: `${SECONDS}` }, /iat/],
    [{ jti: '' }, /jti/],
    [{ jti: 'x'.repeat(257) }, /jti/]
  ] as const)
    t.match(await bench.say(proof(claims)), complaint, JSON.stringify(claims))
  const foreign = otherEc.publicKey.export({ format: 'jwk' })
  t.match(await bench.say(proof({}, foreign)), /another key/)
  t.match(await bench.say(proof({}, JWK, 'jwt')), /typ/)
  t.equal(bench.signatures.verified, 0)
  t.equal(await bench.say(proof({ jti: 'x'.repeat(256) })), 'proven')
})

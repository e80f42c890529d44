import t from 'tap'
import { createPublicKey, generateKeyPairSync, verify } from 'node:crypto'
import { ALGORITHMS, ASYMMETRIC } from '../../../src/identity/algorithms.ts'
import { lintJwk, lintPem, lintSecret } from '../../../src/control/keys/lint.ts'
import type { LintedKey } from '../../../src/control/keys/lint.ts'

const ALL = [...ALGORITHMS.keys()]
const rsa = generateKeyPairSync('rsa', { modulusLength: 2048 })
const RSA = { ...rsa.publicKey.export({ format: 'jwk' }) }
const ecPair = generateKeyPairSync('ec', { namedCurve: 'P-256' })
const EC = { ...ecPair.publicKey.export({ format: 'jwk' }) }
const ED = { ...generateKeyPairSync('ed25519').publicKey.export({ format: 'jwk' }) }

function say(linted: LintedKey): string {
  return linted.ok ? linted.key.algorithms.join(' ') : `${linted.skip ? 'skip' : 'refuse'}: ${linted.reason}`
}
const lint = (jwk: Record<string, unknown>, allowed: readonly string[] = ALL): string => say(lintJwk(jwk, allowed))

/** An RSA key with this modulus or exponent. */
function rsaWith(parts: { n?: bigint; e?: bigint }): Record<string, unknown> {
  const encode = (value: bigint): string => {
    const hex = value.toString(16)
    return Buffer.from(hex.length % 2 === 0 ? hex : `0${hex}`, 'hex').toString('base64url')
  }
  return { ...RSA, ...(parts.n && { n: encode(parts.n) }), ...(parts.e && { e: encode(parts.e) }) }
}

t.test('a key may do what its type, its own alg and the issuer allow', async (t) => {
  t.equal(lint(RSA), 'RS256 RS384 RS512 PS256 PS384 PS512')
  t.equal(lint(RSA, ['RS256', 'ES256']), 'RS256')
  t.equal(lint({ ...RSA, alg: 'PS256' }), 'PS256')
  t.equal(lint(EC), 'ES256')
  t.equal(lint(EC, ASYMMETRIC), 'ES256')
  t.equal(lint(ED), 'EdDSA Ed25519')
  t.equal(lint({ ...ED, alg: 'EdDSA' }), 'EdDSA Ed25519')
  t.equal(lint({ ...ED, alg: 'EdDSA' }, ['EdDSA']), 'EdDSA')
  t.match(lint({ ...RSA, alg: 'PS256' }, ['RS256']), /^skip: fits none/)
})

t.test('kid, material and id', async (t) => {
  const linted = lintJwk({ ...EC, kid: 'k1' }, ALL)
  const again = lintJwk({ ...EC, kid: 'k2' }, ALL)
  if (!linted.ok || !again.ok) throw new Error('refused')
  t.equal(linted.key.kid, 'k1')
  t.equal(linted.key.secret, false)
  t.strictSame(Buffer.from(linted.key.material), ecPair.publicKey.export({ format: 'der', type: 'spki' }))
  t.equal(linted.key.material.buffer.byteLength, linted.key.material.length, 'no buffer pool around it')
  t.equal(linted.key.id, again.key.id, 'the id is of the content')
})

t.test('keys for something else are skipped', async (t) => {
  t.match(lint({ ...RSA, use: 'enc' }), /^skip: is for use "enc"/)
  t.match(lint({ ...RSA, key_ops: ['encrypt'] }), /^skip/)
  t.match(lint({ ...RSA, key_ops: [] }), /^skip/)
  t.match(lint({ ...RSA, alg: 'RSA-OAEP' }), /^skip/)
  t.match(lint({ ...EC, kty: 'AKP' }), /^skip: has the unknown kty/)
  t.match(lint({ ...EC, crv: 'secp256k1' }), /^skip/)
  t.match(lint({ ...EC, crv: 'constructor' }), /^skip/)
  t.match(lint({ kty: 'OKP', crv: 'X25519', x: ED.x }), /^skip/)
  t.equal(lint({ ...RSA, use: 'sig', key_ops: ['verify', 'x'] }, ['RS256']), 'RS256')
})

t.test('members of the wrong type are refused', async (t) => {
  for (const jwk of [
    { ...RSA, kty: undefined },
    { ...RSA, kty: 1 },
    { ...RSA, kid: 1 },
    { ...RSA, alg: 1 },
    { ...RSA, use: ['sig'] },
    { ...RSA, key_ops: 'verify' },
    { ...RSA, key_ops: ['verify', 1] },
    { ...RSA, key_ops: ['verify', 'verify'] },
    { ...RSA, n: undefined },
    { ...RSA, n: `${RSA.n}=` },
    { ...RSA, n: '' },
    { ...RSA, e: 65537 },
    { ...EC, x: undefined },
    { ...EC, y: `${EC.y}A` },
    { ...EC, x: `AA${EC.x}` },
    { ...ED, x: 'AAAA' },
    { kty: 'oct' },
    { kty: 'oct', k: 'a b' }
  ]) {
    t.match(lint(jwk), /^refuse/, JSON.stringify(jwk).slice(0, 60))
  }
})

t.test('a key that holds its private part is refused', async (t) => {
  for (const pair of [rsa, ecPair]) {
    t.match(lint({ ...pair.privateKey.export({ format: 'jwk' }) }), /^refuse: holds its private part/)
  }
  t.match(lint({ ...RSA, k: 'AAAA' }), /^refuse: holds its private part/)
})

t.test('alg must be one that the key can do', async (t) => {
  t.match(lint({ ...EC, alg: 'ES384' }), /^refuse: says alg ES384/)
  t.match(lint({ ...RSA, alg: 'ES256' }), /^refuse/)
  t.match(lint({ ...RSA, alg: 'HS256' }), /^refuse/)
  t.match(lint({ ...ED, alg: 'Ed448' }), /^refuse/)
})

t.test('jose departure: RSA keys with e=1, and other exponents that are no good', async (t) => {
  for (const e of [1n, 3n, 65535n, 65536n, 65538n, (1n << 64n) + 1n])
    t.match(lint(rsaWith({ e })), /^refuse: has an RSA exponent/, `${e}`)
  t.match(lint(rsaWith({ e: 65537n })), /^RS256/)
  t.match(lint(rsaWith({ e: 65539n })), /^RS256/)
})

t.test('RSA moduli: from 2048 to 16384 bits, odd', async (t) => {
  t.match(lint(rsaWith({ n: (1n << 2047n) - 1n })), /^refuse: is an RSA key of 2047 bits/)
  t.match(lint(rsaWith({ n: (1n << 16385n) - 1n })), /^refuse: is an RSA key of 16385 bits/)
  t.match(lint(rsaWith({ n: 1n << 2047n })), /^refuse: has an even/)
})

t.test('jose departure: ROCA keys', async (t) => {
  // A modulus of the weak form: a power of 65537 modulo the product of the small primes, as RSALib's are.
  const primes = [2n, 3n, 5n, 7n, 11n, 13n, 17n, 19n, 23n, 29n, 31n, 37n, 41n, 43n, 47n, 53n, 59n, 61n, 67n, 71n, 73n]
  const more = [79n, 83n, 89n, 97n, 101n, 103n, 107n, 109n, 113n, 127n, 131n, 137n, 139n, 149n, 151n, 157n, 163n, 167n]
  const product = [...primes, ...more].reduce((a, b) => a * b)
  let power = 1n
  for (let i = 0; i < 12_345; i++) power = (power * 65537n) % product
  const n = ((1n << 2048n) / product - 5n) * product + power
  t.match(lint(rsaWith({ n })), /^refuse: has a modulus with the ROCA weakness/)
  t.notMatch(lint(rsaWith({ n: n + 2n * product + 6n })), /ROCA/)
})

t.test('a point that is not on its curve is refused', async (t) => {
  const y = Buffer.from(String(EC.y), 'base64url')
  y[31] = (y[31] ?? 0) ^ 1
  t.match(lint({ ...EC, y: y.toString('base64url') }), /^refuse: is no valid key/)
})

t.test('a point of small order, which verifies what anyone made, is refused', async (t) => {
  const neutral = Buffer.from(`01${'00'.repeat(31)}`, 'hex')
  const key = createPublicKey({ key: { ...ED, x: neutral.toString('base64url') }, format: 'jwk' })
  t.ok(verify(null, Buffer.from('any message'), key, Buffer.concat([neutral, Buffer.alloc(32)])), 'without a key')
  for (const hex of [
    `01${'00'.repeat(31)}`,
    `01${'00'.repeat(30)}80`,
    '00'.repeat(32),
    `${'00'.repeat(31)}80`,
    `ec${'ff'.repeat(30)}7f`,
    `ed${'ff'.repeat(30)}7f`,
    `ee${'ff'.repeat(31)}`,
    '26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05',
    '26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc85',
    'c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a',
    'c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac03fa'
  ])
    t.match(
      lint({ ...ED, x: Buffer.from(hex, 'hex').toString('base64url') }),
      /^refuse: is a point of small order/,
      hex
    )
  t.equal(lint(ED), 'EdDSA Ed25519')
})

t.test('secrets: only where HMAC is listed, as long as the hash, and not known to all', async (t) => {
  const secret = (length: number): Buffer => Buffer.from(Array.from({ length }, (_, i) => (i * 37 + 11) % 251))
  const hmac = ['HS256', 'HS384', 'HS512']
  t.match(say(lintSecret(secret(64), null, ASYMMETRIC)), /^skip: is a shared secret/)
  t.equal(say(lintSecret(secret(32), null, ['HS256', 'RS256'])), 'HS256')
  t.equal(say(lintSecret(secret(64), null, hmac)), 'HS256 HS384 HS512')
  t.equal(say(lintSecret(secret(48), null, hmac)), 'HS256 HS384')
  t.match(say(lintSecret(secret(31), null, ['HS256'])), /^refuse: is a secret of 31 bytes; HS256 needs at least 32/)
  t.match(say(lintSecret(secret(47), null, ['HS384'])), /^refuse/)
  t.match(say(lintSecret(secret(63), null, ['HS512'])), /^refuse/)
  t.match(say(lintSecret(secret(0), null, ['HS256'])), /^refuse/)
  for (const known of ['a-string-secret-at-least-256-bits-long', 'ab'.repeat(40), '0123456789abcdef0123456789abcdef']) {
    t.match(say(lintSecret(Buffer.from(known), null, ['HS256'])), /publicly known/, known)
  }
  t.match(say(lintSecret(Buffer.alloc(64), null, ['HS256'])), /no more than a pattern/)
  t.match(lint({ kty: 'oct', k: secret(64).toString('base64url') }, ASYMMETRIC), /^skip/)
  t.equal(lint({ kty: 'oct', k: secret(64).toString('base64url'), alg: 'HS512' }), 'HS512')
})

t.test('PEM: public keys and nothing else', async (t) => {
  const pem = (key: typeof rsa.publicKey): string => String(key.export({ format: 'pem', type: 'spki' }))
  t.equal(say(lintPem(pem(ecPair.publicKey), null, ALL)), 'ES256')
  t.equal(say(lintPem(pem(rsa.publicKey), 'k', ['RS256'])), 'RS256')
  const small = generateKeyPairSync('rsa', { modulusLength: 1024 })
  t.match(say(lintPem(pem(small.publicKey), null, ALL)), /^refuse: is an RSA key of 1024 bits/)
  t.match(say(lintPem(String(ecPair.privateKey.export({ format: 'pem', type: 'pkcs8' })), null, ALL)), /private key/)
  t.match(say(lintPem('nonsense', null, ALL)), /^refuse: is not a public key/)
  t.match(say(lintPem('', null, ALL)), /^refuse/)
})

t.test('no reason quotes a key', async (t) => {
  for (const jwk of [
    { ...RSA, e: 'AQ' },
    { ...RSA, d: 's3cret' },
    { kty: 'oct', k: 'c2VjcmV0' }
  ]) {
    t.notMatch(lint(jwk), new RegExp(`s3cret|c2VjcmV0|${String(RSA.n).slice(0, 20)}`))
  }
})

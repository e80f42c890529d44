import t from 'tap'
import { createPublicKey, generateKeyPairSync, sign } from 'node:crypto'
import { jwtVerify } from 'jose'
import { ALGORITHMS } from '../../src/identity/algorithms.ts'
import { generateKeys, signToken } from '../../src/identity/jose.ts'
import { importKey, verifySignature } from '../../src/identity/signature.ts'
import { parseJws, parsePayload, signedParts } from '../../src/identity/token.ts'
import { lintJwk } from '../../src/control/keys/lint.ts'
import { CLAIMS } from './kit.ts'

/** Ours on a token and a JWK: shape, lint, signature. */
function ours(text: string, jwk: Record<string, unknown>, alg: string): boolean {
  const jws = parseJws(text)
  const linted = lintJwk(jwk, [alg])
  if (!jws.ok || !linted.ok || !parsePayload(jws).ok || !linted.key.algorithms.includes(jws.alg)) return false
  const { input, signature } = signedParts(text)
  return verifySignature(jws.alg, importKey(linted.key), input, signature)
}

async function theirs(text: string, jwk: Record<string, unknown>, alg: string): Promise<boolean> {
  try {
    const key =
      jwk.kty === 'oct' ? Buffer.from(String(jwk.k), 'base64url') : createPublicKey({ key: jwk, format: 'jwk' })
    await jwtVerify(text, key, { algorithms: [alg], currentDate: new Date(CLAIMS.iat * 1000) })
    return true
  } catch {
    return false
  }
}

t.test('for every algorithm: generated, signed, verified, and the verdicts are those of jose', async (t) => {
  for (const alg of ALGORITHMS.keys()) {
    // jose 6 makes no Ed448 keys: WebCrypto has none in this Node.
    if (alg === 'Ed448') continue
    const { privateJwk, publicJwk } = await generateKeys(alg)
    const kid = String(publicJwk.kid)
    const text = await signToken(CLAIMS, { alg, kid, typ: 'at+jwt' }, privateJwk)
    t.match(parseJws(text), { ok: true, alg, kid, typ: 'at+jwt' })
    t.equal(ours(text, publicJwk, alg), true, alg)
    t.equal(await theirs(text, publicJwk, alg), true, alg)

    const cut = text.lastIndexOf('.')
    const changed = [
      `${text.slice(0, cut)}.${flipped(text.slice(cut + 1))}`,
      `${flipped(text.slice(0, cut))}.${text.slice(cut + 1)}`,
      `${text.slice(0, cut)}.AAAA`,
      `${text}AAAA`
    ]
    for (const other of changed) {
      t.equal(ours(other, publicJwk, alg), false, `${alg}, changed`)
      t.equal(await theirs(other, publicJwk, alg), false, `${alg}, changed, jose`)
    }
  }
})

t.test('Ed448, which jose does not make', async (t) => {
  const pair = generateKeyPairSync('ed448')
  const jwk = { ...pair.publicKey.export({ format: 'jwk' }) }
  for (const alg of ['EdDSA', 'Ed448']) {
    const head = [{ alg }, CLAIMS].map((part) => Buffer.from(JSON.stringify(part)).toString('base64url')).join('.')
    const text = `${head}.${sign(null, Buffer.from(head), pair.privateKey).toString('base64url')}`
    t.equal(ours(text, jwk, alg), true, alg)
  }
})

t.test('signs with a private key in PEM', async (t) => {
  const pair = generateKeyPairSync('ec', { namedCurve: 'P-256' })
  for (const type of ['pkcs8', 'sec1'] as const) {
    const pem = String(pair.privateKey.export({ format: 'pem', type }))
    const text = await signToken(CLAIMS, { alg: 'ES256' }, pem)
    t.equal(ours(text, { ...pair.publicKey.export({ format: 'jwk' }) }, 'ES256'), true, type)
  }
})

t.test('public halves hold nothing private, and pass the lint', async (t) => {
  for (const alg of ['RS256', 'ES384', 'EdDSA']) {
    const { privateJwk, publicJwk } = await generateKeys(alg)
    t.type(privateJwk.d, 'string')
    t.equal(publicJwk.d, undefined)
    t.match(lintJwk(publicJwk, [alg]), { ok: true })
    t.match(lintJwk(privateJwk, [alg]), { ok: false, skip: false })
    t.equal(privateJwk.kid, publicJwk.kid)
  }
})

t.test('a key that does not fit says so', async (t) => {
  const { privateJwk, publicJwk } = await generateKeys('ES256')
  await t.rejects(signToken(CLAIMS, { alg: 'RS256' }, privateJwk), /does not sign with RS256/)
  await t.rejects(signToken(CLAIMS, { alg: 'ES256' }, publicJwk), /does not sign with ES256/)
  await t.rejects(signToken(CLAIMS, { alg: 'ES256' }, 'no PEM'), /does not sign with ES256/)
})

/** Another first character, in the alphabet and canonical. */
function flipped(text: string): string {
  return (text.startsWith('e') ? 'f' : 'e') + text.slice(1)
}

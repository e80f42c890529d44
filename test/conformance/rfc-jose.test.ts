import t from 'tap'
import { lintKeySet } from '../../src/control/keys/key-set.ts'
import { parseJws, parsePayload, signedParts } from '../../src/identity/token.ts'
import { importKey, verifySignature } from '../../src/identity/signature.ts'
import { TokenVerifier } from '../../src/identity/verifier.ts'
import { CallerDirectory } from '../../src/identity/directory.ts'
import { InlineVerifier, issuerPlan, jwtPlan, keySet } from '../identity/kit.ts'
import { verdict } from './jws-verdict.ts'
import { skipVectors, vectors } from './vectors.ts'
import type { Jwk } from './jws-verdict.ts'

interface Appendix {
  vectors: { id: string; alg: string; jwk?: Jwk; jws: string }[]
}
interface Cookbook {
  input: { key: Jwk | Jwk[] }
  output: { compact?: string }
}

const PRIVATE = ['d', 'p', 'q', 'dp', 'dq', 'qi']

function publicHalf(jwk: Jwk): Jwk {
  return Object.fromEntries(Object.entries(jwk).filter(([name]) => !PRIVATE.includes(name)))
}

t.test('RFC 7515 appendix A', { skip: skipVectors }, async (t) => {
  for (const { id, alg, jwk, jws } of vectors<Appendix>('rfc7515-appendix.json').vectors) {
    if (jwk === undefined) t.not(verdict(jws, []), 'valid', id)
    else if (alg === 'HS256') {
      t.match(verdict(jws, [jwk]), /publicly known/, `${id}: its secret is in the RFC, so it is refused`)
      const { input, signature } = signedParts(jws)
      const key = importKey({ material: Buffer.from(String(jwk.k), 'base64url'), secret: true })
      t.equal(verifySignature(alg, key, input, signature), true, id)
    } else t.equal(verdict(jws, [jwk]), 'valid', id)
  }
})

t.test('RFC 7515 A.5 and E are refused by their shape', { skip: skipVectors }, async (t) => {
  const unsigned = vectors<Appendix>('rfc7515-appendix.json').vectors.filter(({ alg }) => alg === 'none')
  t.equal(unsigned.length, 2)
  for (const { id, jws } of unsigned) t.match(parseJws(jws), { ok: false }, id)
})

t.test('RFC 7515 A.2 and A.3 as tokens: good until their exp, with their issuer', { skip: skipVectors }, async (t) => {
  const cases = vectors<Appendix>('rfc7515-appendix.json').vectors.filter(({ id }) => /A\.[23]$/.test(id))
  const exp = 1_300_819_380_000
  for (const { id, alg, jwk, jws } of cases) {
    let now = exp - 1
    const verifier = new TokenVerifier({
      signatures: new InlineVerifier(),
      cacheBytes: 1 << 16,
      queue: 10,
      perClient: 10,
      onUnknownKid: () => {},
      clock: () => now
    })
    verifier.configure(1, [issuerPlan({ issuer: 'joe', audiences: 'any' })], new CallerDirectory())
    const set = lintKeySet('corp', [jwk], [alg])
    verifier.setKeys(keySet(set.ok ? set.keys : []))
    const accept = jwtPlan()
    t.match(await verifier.verify(jws, accept, '', now), { ok: true, caller: { issuer: 'corp' } }, id)
    now = exp
    t.match(verifier.verify(jws, accept, '', now), { ok: false, reason: /expired/ }, id)
  }
})

t.test('RFC 7515 A.4: a good signature over what is no JSON', { skip: skipVectors }, async (t) => {
  const jws = parseJws(
    vectors<Appendix>('rfc7515-appendix.json').vectors.find(({ id }) => id.endsWith('A.4'))?.jws ?? ''
  )
  t.match(jws.ok && parsePayload(jws), { ok: false, reason: /payload is not JSON/ })
})

t.test('RFC 7520 and RFC 8037 signatures', { skip: skipVectors }, async (t) => {
  for (const file of [
    'jws/4_1.rsa_v15_signature',
    'jws/4_2.rsa-pss_signature',
    'jws/4_3.ecdsa_signature',
    'curve25519/jws'
  ]) {
    const { input, output } = vectors<Cookbook>(`rfc7520-cookbook/${file}.json`)
    const jwk = publicHalf(input.key as Jwk)
    t.equal(verdict(output.compact ?? '', [jwk]), 'valid', file)
  }
})

t.test('RFC 7520 detached content and RFC 7797 unencoded payloads are refused', { skip: skipVectors }, async (t) => {
  for (const file of ['jws/4_5.signature_with_detached_content', 'rfc7797/hmac-sha2_b64_false']) {
    const { output } = vectors<Cookbook>(`rfc7520-cookbook/${file}.json`)
    const jws = parseJws(output.compact ?? '')
    t.equal(jws.ok && parsePayload(jws).ok, false, file)
  }
})

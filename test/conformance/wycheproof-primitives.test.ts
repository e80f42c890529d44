import t from 'tap'
import { createPublicKey, createSecretKey } from 'node:crypto'
import { verifySignature } from '../../src/identity/signature.ts'
import { skipVectors, vectors } from './vectors.ts'

interface Group {
  publicKeyPem?: string
  tagSize?: number
  tests: {
    tcId: number
    msg: string
    sig?: string
    tag?: string
    key?: string
    result: 'valid' | 'invalid' | 'acceptable'
  }[]
}

const FILES: [string, string][] = [
  ['ES256', 'ecdsa_secp256r1_sha256_p1363_test.json'],
  ['ES384', 'ecdsa_secp384r1_sha384_p1363_test.json'],
  ['ES512', 'ecdsa_secp521r1_sha512_p1363_test.json'],
  ['EdDSA', 'ed25519_test.json'],
  ['Ed25519', 'ed25519_test.json'],
  ['PS256', 'rsa_pss_2048_sha256_mgf1_32_test.json'],
  ['RS256', 'rsa_signature_2048_sha256_test.json'],
  ['HS256', 'hmac_sha256_test.json']
]

for (const [alg, file] of FILES) {
  t.test(`${alg}: every signature is judged as ${file} says`, { skip: skipVectors }, async (t) => {
    let judged = 0
    for (const { publicKeyPem, tagSize, tests } of vectors<{ testGroups: Group[] }>(`wycheproof/${file}`).testGroups) {
      // A JWS carries the whole MAC (RFC 7518 section 3.2): the shortened ones are refused, right or not.
      const shortened = tagSize !== undefined && tagSize < 256
      for (const { tcId, msg, sig, tag, key, result } of tests) {
        const verifier =
          publicKeyPem === undefined ? createSecretKey(Buffer.from(key ?? '', 'hex')) : createPublicKey(publicKeyPem)
        const found = verifySignature(alg, verifier, Buffer.from(msg, 'hex'), Buffer.from(sig ?? tag ?? '', 'hex'))
        // `acceptable`: PKCS #1 padding without the NULL that RFC 8017 wants. Either verdict is safe.
        if (result !== 'acceptable' && found !== (result === 'valid' && !shortened)) t.fail(`${tcId}: ${found}`)
        judged++
      }
    }
    t.ok(judged > 100, `${judged} judged`)
  })
}

t.test('a key of another kind signs nothing', { skip: skipVectors }, async (t) => {
  const ec = vectors<{ testGroups: Group[] }>('wycheproof/ecdsa_secp256r1_sha256_p1363_test.json').testGroups[0]
  const key = createPublicKey(ec?.publicKeyPem ?? '')
  const valid = ec?.tests.find(({ result }) => result === 'valid')
  const input = Buffer.from(valid?.msg ?? '', 'hex')
  const signature = Buffer.from(valid?.sig ?? '', 'hex')
  t.equal(verifySignature('ES256', key, input, signature), true)
  for (const alg of ['RS256', 'PS256', 'HS256', 'EdDSA', 'Ed448', 'none']) {
    t.equal(verifySignature(alg, key, input, signature), false, alg)
  }
})

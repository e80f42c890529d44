import t from 'tap'
import { generateKeyPairSync } from 'node:crypto'
import { errorsOf, folderOf, planOf, routeWith, saysExactly } from './configuration.ts'

const ed = generateKeyPairSync('ed25519')
const rsa = generateKeyPairSync('rsa', { modulusLength: 2048 })
const files = {
  'ed.pem': String(ed.publicKey.export({ type: 'spki', format: 'pem' })),
  'rsa.pem': String(rsa.publicKey.export({ type: 'spki', format: 'pem' }))
}
const SECRET = 'Zk3vX0qLr8tYb2Wn5sGd7hJm1pQc4uEf'
const yaml = (keys: string, more = ''): string =>
  routeWith('auth: { signature: true }', `consumers:\n  - { name: acme, signatures: [ ${keys} ] }\n${more}`)

t.test('keys by algorithm, under the JWS name of the same cryptography', async (t) => {
  const keys = [
    '{ keyId: a, algorithm: ed25519, publicKey: ed.pem }',
    '{ keyId: b, algorithm: rsa-pss-sha512, publicKey: rsa.pem }',
    '{ keyId: c, algorithm: rsa-v1_5-sha256, publicKey: rsa.pem }',
    `{ keyId: d, algorithm: hmac-sha256, secret: "${SECRET}" }`
  ]
  const plan = planOf(yaml(keys.join(', ')), folderOf(files))
  t.strictSame(
    plan.consumers[0]?.signatures.map(({ keyId, algorithm, key }) => [keyId, algorithm, ...key.algorithms, key.secret]),
    [
      ['a', 'ed25519', 'Ed25519', false],
      ['b', 'rsa-pss-sha512', 'PS512', false],
      ['c', 'rsa-v1_5-sha256', 'RS256', false],
      ['d', 'hmac-sha256', 'HS256', true]
    ]
  )
  t.ok(plan.routes[0]?.auth.signature)
})

t.test('weak secrets, keys of another kind, names taken: errors with their place', async (t) => {
  for (const [keys, message] of [
    [
      '{ keyId: a, algorithm: hmac-sha256, secret: "too short" }',
      /signatures\[0\]\.secret: the secret has 9 bytes; hmac-sha256 needs at least 32/
    ],
    ['{ keyId: a, algorithm: hmac-sha256, secret: "your-256-bit-secret-your-256-bit-secret" }', /well-known example/],
    [`{ keyId: a, algorithm: hmac-sha256, secret: "${'ab'.repeat(20)}" }`, /repetition/],
    [
      '{ keyId: a, algorithm: ed25519, publicKey: rsa.pem }',
      /signatures\[0\]\.publicKey: the key fits none of the accepted algorithms/
    ],
    [`{ keyId: a, algorithm: ed25519, secret: "${SECRET}" }`, /verified with a publicKey/],
    ['{ keyId: a, algorithm: hmac-sha256, publicKey: ed.pem }', /verified with a secret/],
    ['{ keyId: a, algorithm: hmac-sha1, publicKey: ed.pem }', /algorithm: expected/],
    ['{ keyId: "a b", algorithm: ed25519, publicKey: ed.pem }', /keyId: expected/]
  ] as const) {
    const [first] = errorsOf(yaml(keys), folderOf(files))
    t.match(first, message, keys)
    t.notMatch(first, SECRET)
  }
  const twice = yaml(
    '{ keyId: a, algorithm: ed25519, publicKey: ed.pem }',
    '  - { name: other, signatures: [ { keyId: a, algorithm: ed25519, publicKey: ed.pem } ] }\n'
  )
  saysExactly(t, errorsOf(twice, folderOf(files)), [/consumers\[1\]\.signatures\[0\]\.keyId: this key id is taken/])
})

import t from 'tap'
import { generateKeyPairSync } from 'node:crypto'
import { linesOf, lintKeySet, parseKeySet } from '../../../src/control/keys/key-set.ts'
import type { LintedSet } from '../../../src/control/keys/key-set.ts'

const jwk = (kid?: string): Record<string, unknown> => ({
  ...generateKeyPairSync('ec', { namedCurve: 'P-256' }).publicKey.export({ format: 'jwk' }),
  ...(kid !== undefined && { kid })
})
const ALL = ['ES256', 'RS256', 'EdDSA', 'HS256']
const SECRET = { kty: 'oct', k: Buffer.from('k3j4h5g6f7d8s9a0q1w2e3r4t5y6u7i8').toString('base64url') }

const kids = (set: LintedSet): unknown => (set.ok ? set.keys.map((key) => key.kid) : set.reason)

t.test('good keys are taken, the rest is noted', async (t) => {
  const set = lintKeySet(
    'corp',
    [jwk('a'), { ...jwk('b'), use: 'enc' }, { ...jwk('c'), alg: 'ES384' }, null, jwk()],
    ALL
  )
  t.strictSame(kids(set), ['a', null])
  t.match(set.notes, [
    { kid: 'b', refused: false },
    { kid: 'c', refused: true },
    { kid: null, refused: true }
  ])
  t.ok(set.ok && set.keys.every((key) => key.id.startsWith('corp/')))
})

t.test('a kid of two keys is used for neither; the others stay', async (t) => {
  const set = lintKeySet('corp', [jwk('a'), jwk('a'), jwk('b'), jwk(), jwk()], ALL)
  t.strictSame(kids(set), ['b', null, null])
  t.match(set.notes, [{ kid: 'a', refused: true, reason: /two different keys/ }])
  t.strictSame(kids(lintKeySet('corp', [jwk('a'), { ...jwk('a'), alg: 'ES384' }, jwk('b')], ALL)), ['b'], 'one refused')
  t.strictSame(kids(lintKeySet('corp', [jwk('a'), { ...jwk('a'), use: 'enc' }], ALL)), ['a'], 'one for something else')
  t.match(kids(lintKeySet('corp', [jwk('a'), jwk('a')], ALL)), /no usable key: "a" names two different keys/)
})

t.test('a key listed twice for two algorithms is one key', async (t) => {
  const rsa = generateKeyPairSync('rsa', { modulusLength: 2048 }).publicKey.export({ format: 'jwk' })
  const set = lintKeySet(
    'corp',
    [
      { ...rsa, kid: 'r', alg: 'RS256' },
      { ...rsa, kid: 'r', alg: 'PS256' }
    ],
    ['RS256', 'PS256']
  )
  t.strictSame(set.ok && set.keys.map((key) => key.algorithms), [['RS256', 'PS256']])
})

t.test('a set of secrets and public keys is refused whole', async (t) => {
  t.match(kids(lintKeySet('corp', [SECRET, jwk('a')], ALL)), /mixes/)
  t.strictSame(kids(lintKeySet('corp', [SECRET], ALL)), [null])
  t.strictSame(
    kids(lintKeySet('corp', [SECRET, jwk('a')], ['ES256'])),
    ['a'],
    'without HMAC the secret is only left out'
  )
})

t.test('what is no key set is an error', async (t) => {
  const good = JSON.stringify({ keys: [jwk('a')] })
  t.strictSame(kids(parseKeySet('corp', good, ALL)), ['a'])
  for (const body of [
    '',
    '<html>',
    '[]',
    '{}',
    '{"keys":{}}',
    '{"keys":[]}',
    '{"keys":[1]}',
    `\ufeff${good}`,
    '{"keys":[],"keys":[]}'
  ]) {
    t.type(kids(parseKeySet('corp', body, ALL)), 'string', body.slice(0, 20))
  }
  t.match(kids(lintKeySet('corp', Array(257).fill(jwk('a')), ALL)), /more than 256/)
})

t.test(
  'a provider that publishes nonsense fills no log: few keys are named, and by the start of a long name',
  async (t) => {
    const nonsense = Array.from({ length: 200 }, (_, i) => ({
      kty: 'EC',
      crv: 'P-256',
      kid: `${i}${'k'.repeat(4000)}`
    }))
    const some = lintKeySet('corp', [jwk('a'), ...nonsense], ALL)
    const lines = linesOf(some)
    t.equal(lines.length, 9)
    t.match(lines[0], /^key "0k{63}"… is refused: it has a coordinate that is not base64url$/)
    t.equal(lines.at(-1), '192 more of its keys are not used')
    const none = lintKeySet('corp', nonsense, ALL)
    t.match(none, { ok: false, reason: /no usable key: "0k+"… has .*; 192 more of its keys are not used$/ })
    t.ok(!none.ok && none.reason.length < 2000)
  }
)

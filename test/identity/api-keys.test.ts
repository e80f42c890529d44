import t from 'tap'
import { createHash } from 'node:crypto'
import { lookUpKey, MAX_KEY_LENGTH } from '../../src/identity/api-keys.ts'
import { identityOf } from '../../src/identity/identity.ts'
import { CallerDirectory } from '../../src/identity/directory.ts'
import { newApiKey } from '../../src/identity/key-form.ts'
import { apiKeyPlan, consumerPlan, NOW } from './kit.ts'

const sha256 = (text: string): string => createHash('sha256').update(text).digest('hex')

function directory(): CallerDirectory {
  const all = new CallerDirectory()
  all.add([
    consumerPlan('acme', {
      groups: ['partners'],
      scopes: ['read', 'write'],
      attributes: { tier: 'gold' },
      keys: [
        apiKeyPlan('full', sha256('key-full')),
        apiKeyPlan('narrow', sha256('key-narrow'), { scopes: ['read', 'admin'] }),
        apiKeyPlan('none', sha256('key-none'), { scopes: [] }),
        apiKeyPlan('old', sha256('key-old'), { expires: NOW }),
        apiKeyPlan('long', sha256('x'.repeat(MAX_KEY_LENGTH)))
      ]
    })
  ])
  return all
}

function say(key: string, now = NOW): string {
  const found = lookUpKey(key, directory(), now)
  return 'reason' in found ? found.reason : found.plan.id
}

t.test('a key is found by its hash', async (t) => {
  t.equal(say('key-full'), 'full')
  t.equal(say('x'.repeat(MAX_KEY_LENGTH)), 'long')
  const holder = lookUpKey('key-full', directory(), NOW)
  t.match('reason' in holder ? null : identityOf(holder), {
    ok: true,
    caller: {
      method: 'key',
      subject: '',
      issuer: '',
      credential: 'full',
      consumer: 'acme',
      groups: ['partners'],
      scopes: ['read', 'write'],
      attributes: { tier: 'gold' },
      claims: {}
    }
  })
})

t.test('the identity of a key is made once', async (t) => {
  const all = directory()
  const first = lookUpKey('key-full', all, NOW)
  const second = lookUpKey('key-full', all, NOW)
  if ('reason' in first || 'reason' in second) throw new Error('not found')
  t.equal(identityOf(first), identityOf(second))
  t.ok(Object.isFrozen(identityOf(first).caller))
})

t.test("a key's scopes narrow its consumer's and never widen them", async (t) => {
  const scopes = (key: string): readonly string[] => {
    const found = lookUpKey(key, directory(), NOW)
    return 'reason' in found ? ['not found'] : identityOf(found).caller.scopes
  }
  t.strictSame(scopes('key-narrow'), ['read'])
  t.strictSame(scopes('key-none'), [])
})

t.test('a wrong key, one nobody has and the hash itself come to the same', async (t) => {
  const reason = "the API key is nobody's"
  for (const key of ['key-ful', 'key-fulL', 'zzz', sha256('key-full'), `sha256:${sha256('key-full')}`]) {
    t.equal(say(key), reason, key)
  }
})

t.test('a key of ours whose checksum is broken is refused before any lookup', async (t) => {
  const key = newApiKey()
  const broken = `${key.slice(0, -1)}${key.endsWith('0') ? '1' : '0'}`
  const all = new CallerDirectory()
  // Even where somebody's hash were of it.
  all.add([consumerPlan('a', { keys: [apiKeyPlan('good', sha256(key)), apiKeyPlan('broken', sha256(broken))] })])
  t.match(lookUpKey(key, all, NOW), { plan: { id: 'good' } })
  for (const text of [broken, key.slice(0, -1), `${key}0`, 'gatekey_', key.replace(/.$/, '-')]) {
    t.match(lookUpKey(text, all, NOW), { reason: /its checksum does not hold/ }, text)
  }
})

t.test('several keys at once, and each ends by itself: how they are rotated', async (t) => {
  const all = new CallerDirectory()
  all.add([
    consumerPlan('a', {
      keys: [apiKeyPlan('old', sha256('old-key'), { expires: NOW + 1000 }), apiKeyPlan('new', sha256('new-key'))]
    })
  ])
  const say = (key: string, now: number): string => {
    const found = lookUpKey(key, all, now)
    return 'reason' in found ? 'refused' : found.plan.id
  }
  t.strictSame([say('old-key', NOW), say('new-key', NOW)], ['old', 'new'])
  t.strictSame([say('old-key', NOW + 1000), say('new-key', NOW + 1000)], ['refused', 'new'])
})

t.test('a lookup does the same work for a known prefix and for none, and in 10,000 keys as in ten', async (t) => {
  // Counted, not timed: a busy machine can't make this flicker. test/prove/api-keys.prove.ts measures the time.
  const seen: string[] = []
  const counting = (size: number): CallerDirectory => {
    const all = new CallerDirectory()
    all.add(
      Array.from({ length: size }, (_, i) => consumerPlan(`c${i}`, { keys: [apiKeyPlan(`k${i}`, sha256(`key-${i}`))] }))
    )
    const find = all.byKeyHash.bind(all)
    all.byKeyHash = (hash) => (seen.push(hash), find(hash))
    return all
  }
  for (const size of [10, 10_000]) {
    const all = counting(size)
    for (const key of ['key-1', 'key-', 'key-1x', 'nothing-like-it']) {
      seen.length = 0
      lookUpKey(key, all, NOW)
      t.strictSame(seen, [sha256(key)], `${key}: one lookup, by the hash of the whole`)
    }
  }
})

t.test('a key ends at its date', async (t) => {
  t.equal(say('key-old', NOW - 1), 'old')
  t.match(say('key-old'), /key old of acme no longer holds since 2026-11-23/)
})

t.test('what can be no key is refused by its shape', async (t) => {
  for (const key of ['x'.repeat(MAX_KEY_LENGTH + 1), 'key full', 'key\tfull', 'schlüssel', 'a\u0000', '\u007f']) {
    t.match(say(key), /longer than 256 characters or holds some/, JSON.stringify(key.slice(0, 10)))
  }
})

t.test('no reason holds the key', async (t) => {
  for (const key of ['s3cret', 's3cret s3cret', 's3cret'.repeat(100)]) t.notMatch(say(key), /s3cret/)
})

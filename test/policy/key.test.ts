import fc from 'fast-check'
import t from 'tap'
import type { KeyPart } from '../../src/plan/values.ts'
import { keyOf, prepareKey } from '../../src/policy/key.ts'
import { requestView, type ViewParts } from './view.ts'

const key = (parts: KeyPart[], view: ViewParts = {}) => keyOf(prepareKey(parts), requestView(view))

t.test('caller is the consumer, else issuer and subject, else the address', async (t) => {
  const by: KeyPart[] = [{ kind: 'caller' }]
  const consumer = key(by, { caller: { consumer: 'acme', issuer: 'corp', subject: 'u1' } })
  t.equal(consumer, key(by, { caller: { consumer: 'acme' } }), 'whatever its credential')
  const subject = key(by, { caller: { issuer: 'corp', subject: 'u1' } })
  t.not(subject, key(by, { caller: { issuer: 'other', subject: 'u1' } }), 'a subject is its issuer’s')
  t.not(subject, consumer)
  t.equal(key(by, { clientKey: '2001:db8::/64' }), key([{ kind: 'ip' }], { clientKey: '2001:db8::/64' }))
})

t.test('an absent consumer counts as the caller, anything else absent as the address, both marked', async (t) => {
  const asSubject = { caller: { issuer: 'corp', subject: 'u1' } }
  t.not(key([{ kind: 'consumer' }], asSubject), key([{ kind: 'caller' }], asSubject))
  t.not(
    key([{ kind: 'consumer' }], asSubject),
    key([{ kind: 'consumer' }], { caller: { issuer: 'corp', subject: 'u2' } })
  )
  for (const part of [
    { kind: 'credential' },
    { kind: 'header', name: 'x-a' },
    { kind: 'cookie', name: 'c' },
    { kind: 'query', name: 'q' },
    { kind: 'claim', name: 'tid' },
    { kind: 'attribute', name: 'tier' },
    { kind: 'path-name', name: 'id' },
    { kind: 'host-name', name: 'region' }
  ] satisfies KeyPart[]) {
    t.not(key([part], { clientKey: '10.0.0.1' }), key([part], { clientKey: '10.0.0.2' }), part.kind)
    t.not(key([part], { clientKey: '10.0.0.1' }), key([{ kind: 'ip' }], { clientKey: '10.0.0.1' }), part.kind)
  }
})

t.test('no value can be chosen to be another’s key', async (t) => {
  const ip = key([{ kind: 'header', name: 'x-a' }], { clientKey: '10.0.0.1' })
  t.not(key([{ kind: 'header', name: 'x-a' }], { headers: [['x-a', ip]] }), ip)
  t.not(
    key([{ kind: 'caller' }], { caller: { consumer: '10.0.0.1' } }),
    key([{ kind: 'caller' }], { clientKey: '10.0.0.1' }),
    'a consumer named as an address'
  )
  const long = 'x'.repeat(1000)
  const hashed = key([{ kind: 'header', name: 'x-a' }], { headers: [['x-a', long]] })
  t.not(key([{ kind: 'header', name: 'x-a' }], { headers: [['x-a', hashed.slice(2)]] }), hashed)
})

t.test('composite keys never run together', async (t) => {
  const by: KeyPart[] = [{ kind: 'header', name: 'x-a' }, { kind: 'header', name: 'x-b' }, { kind: 'consumer' }]
  const word = fc.string({ unit: fc.constantFrom('a', '1', ':', '|', 'v', 'c', '#', '!'), maxLength: 6 })
  const values = fc.tuple(fc.option(word), fc.option(word), word)
  const of = ([a, b, consumer]: [string | null, string | null, string]) =>
    key(by, {
      headers: [...(a === null ? [] : [['x-a', a] as const]), ...(b === null ? [] : [['x-b', b] as const])],
      caller: { consumer }
    })
  const holds = () =>
    fc.assert(
      fc.property(values, values, (x, y) => {
        fc.pre(JSON.stringify(x) !== JSON.stringify(y))
        return of(x) !== of(y)
      }),
      { seed: 11, numRuns: 2000 }
    )
  t.doesNotThrow(holds)
})

t.test('values of each kind', async (t) => {
  const view: ViewParts = {
    path: '/orders/a%2Cb/',
    query: 'q=x%20y&twice=1&twice=2',
    headers: [['cookie', 'a=1; sid=s1; b']],
    pathParams: { id: 'a%2Cb' },
    hostParams: { region: 'eu' },
    caller: {
      credential: 'k1',
      claims: { tid: 42, 'a.b': 'dot', list: [1], deep: { 'x/y': 'z' } },
      attributes: { tier: 'gold' }
    }
  }
  for (const [part, expected] of [
    [{ kind: 'route' }, 'orders.read'],
    [{ kind: 'service' }, 'orders'],
    [{ kind: 'host' }, 'api.example.com'],
    [{ kind: 'path' }, '/orders/a,b'],
    [{ kind: 'all' }, ''],
    [{ kind: 'credential' }, 'k1'],
    [{ kind: 'cookie', name: 'sid' }, 's1'],
    [{ kind: 'query', name: 'q' }, 'x y'],
    [{ kind: 'path-name', name: 'id' }, 'a,b'],
    [{ kind: 'host-name', name: 'region' }, 'eu'],
    [{ kind: 'claim', name: 'tid' }, '42'],
    [{ kind: 'claim', name: 'a.b' }, 'dot'],
    [{ kind: 'claim', name: '/deep/x~1y' }, 'z'],
    [{ kind: 'attribute', name: 'tier' }, 'gold']
  ] satisfies [KeyPart, string][]) {
    t.equal(key([part], view), `v${expected.length}:${expected}`, JSON.stringify(part))
  }
  const absent = `!i9:192.0.2.1`
  for (const part of [
    { kind: 'query', name: 'twice' },
    { kind: 'claim', name: 'list' },
    { kind: 'claim', name: 'constructor' },
    { kind: 'claim', name: '/tid/x' }
  ] satisfies KeyPart[]) {
    t.equal(key([part], view), absent, JSON.stringify(part))
  }
})

t.test('two spellings of one path are one key', async (t) => {
  const by: KeyPart[] = [{ kind: 'path' }]
  t.equal(key(by, { path: '/login/' }), key(by, { path: '/login' }))
  t.equal(key(by, { path: '/a%2Cb' }), key(by, { path: '/a,b' }))
  t.not(key(by, { path: '/' }), key(by, { path: '/a' }))
})

t.test('long values are cut to a hash, and still differ', async (t) => {
  const of = (value: string) => key([{ kind: 'header', name: 'x-a' }], { headers: [['x-a', value]] })
  const long = 'x'.repeat(10_000)
  t.ok(of(long).length < 64)
  t.not(of(`${long}a`), of(`${long}b`))
  t.equal(of('x'.repeat(128)).length, 128 + 'v128:'.length)
})

import t from 'tap'
import { CallerDirectory } from '../../src/identity/directory.ts'
import { apiKeyPlan, consumerPlan, EC_KEY } from './kit.ts'

const HASH = 'ab'.repeat(32)

t.test('finds consumers by whatever a credential says', async (t) => {
  const directory = new CallerDirectory()
  const acme = consumerPlan('acme', {
    clients: [{ issuer: 'corp', id: 'x' }],
    keys: [apiKeyPlan('k1', HASH)],
    jwt: [{ issuer: 'https://acme', key: EC_KEY, where: '' }]
  })
  directory.add([consumerPlan('guest')])
  directory.add([acme])
  t.equal(directory.byName('acme'), acme)
  t.equal(directory.byClient('corp', 'x'), acme)
  t.equal(directory.byClient('corpx', ''), undefined)
  t.equal(directory.byKeyHash(HASH)?.consumer, acme)
  t.equal(directory.byTokenIssuer('https://acme')?.consumer, acme)
  t.equal(directory.byName('constructor'), undefined)
})

t.test('two consumers for one credential can not be loaded', async (t) => {
  const twice = (more: Parameters<typeof consumerPlan>[1]) => (): void => {
    new CallerDirectory().add([consumerPlan('a', more), consumerPlan('b', more)])
  }
  t.throws(twice({ clients: [{ issuer: 'corp', id: 'x' }] }), /b: client x of corp already belongs/)
  t.throws(twice({ keys: [apiKeyPlan('k1', HASH)] }), /b: key k1 is the same key/)
  t.throws(twice({ jwt: [{ issuer: 'https://acme', key: EC_KEY, where: '' }] }), /b: another consumer signs/)
  t.throws(() => new CallerDirectory().add([consumerPlan('a'), consumerPlan('a')]), /named a/)
})

t.test('10,000 consumers are added in parts of a few milliseconds', async (t) => {
  const directory = new CallerDirectory()
  const took: number[] = []
  for (let part = 0; part < 10; part++) {
    const consumers = Array.from({ length: 1000 }, (_, i) => {
      const n = part * 1000 + i
      return consumerPlan(`c${n}`, { keys: [apiKeyPlan(`k${n}`, n.toString(16).padStart(64, '0'))] })
    })
    const started = performance.now()
    directory.add(consumers)
    took.push(performance.now() - started)
  }
  t.ok(directory.byName('c9999'))
  // The middle one: a busy machine may hold up any single part.
  const middle = took.sort((a, b) => a - b)[5] ?? Infinity
  t.ok(middle < 20, `${middle} ms`)
})

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

t.test('what comes in parts is found whichever part it came in', async (t) => {
  const directory = new CallerDirectory()
  for (let part = 0; part < 10; part++) {
    directory.add(
      Array.from({ length: 1000 }, (_, i) => {
        const n = part * 1000 + i
        return consumerPlan(`c${n}`, { keys: [apiKeyPlan(`k${n}`, n.toString(16).padStart(64, '0'))] })
      })
    )
  }
  for (const n of [0, 999, 1000, 9999]) {
    t.equal(directory.byKeyHash(n.toString(16).padStart(64, '0'))?.consumer, directory.byName(`c${n}`))
  }
  t.equal(directory.byName('c10000'), undefined)
})

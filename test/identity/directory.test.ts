import t from 'tap'
import { CallerDirectory } from '../../src/identity/directory.ts'
import type { ConsumerPlan } from '../../src/plan/consumer.ts'
import { unpackPart } from '../../src/plan/packed.ts'
import { packConsumers } from '../../src/plan/packed-consumers.ts'
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

t.test('sealed consumers are read when one of them is asked for, and are as good as others', async (t) => {
  const keyOf = (n: number): string => n.toString(16).padStart(64, '0')
  const all = Array.from({ length: 25 }, (_, n) => consumerPlan(`c${n}`, { keys: [apiKeyPlan(`k${n}`, keyOf(n))] }))
  const { parts, indexes } = packConsumers(all, 10)
  const directory = new CallerDirectory()
  const read: number[] = []
  parts.forEach((part, i) => {
    const index = indexes[i]
    if (!index) throw new Error('they have keys only')
    directory.addSealed(index, () => {
      read.push(i)
      return unpackPart(part)
    })
  })
  t.equal(directory.byKeyHash('f'.repeat(64)), undefined)
  t.equal(directory.byName('nobody'), undefined)
  t.same(read, [], 'a key that is nobody’s opens nothing')
  const holder = directory.byKeyHash(keyOf(12))
  t.same(holder?.consumer, all[12])
  t.same(holder?.digest, Buffer.from(keyOf(12), 'hex'))
  t.same(read, [1], 'only the part it is in')
  t.equal(directory.byKeyHash(keyOf(12)), holder, 'the same one every time')
  t.equal(directory.byName('c12'), holder?.consumer)
  for (const [n, consumer] of all.entries()) {
    t.same(directory.byName(`c${n}`), consumer)
    t.equal(directory.byKeyHash(keyOf(n))?.consumer, directory.byName(`c${n}`))
  }
  t.same(read, [1, 0, 2], 'each once')
})

t.test('two consumers for one credential can not be loaded sealed either', async (t) => {
  const sealed = (directory: CallerDirectory, ...consumers: ConsumerPlan[]): void => {
    const { parts, indexes } = packConsumers(consumers)
    const [part, index] = [parts[0], indexes[0]]
    if (part && index) directory.addSealed(index, () => unpackPart(part))
  }
  const one = consumerPlan('a', { keys: [apiKeyPlan('k1', HASH)] })
  const sameName = consumerPlan('a')
  const sameKey = consumerPlan('b', { keys: [apiKeyPlan('k2', HASH)] })
  for (const [other, complaint] of [
    [sameName, /two consumers are named a/],
    [sameKey, /b: key k2 is the same key as another one/]
  ] as const) {
    t.throws(() => sealed(new CallerDirectory(), one, other), complaint)
    const open = new CallerDirectory()
    open.add([one])
    t.throws(() => sealed(open, other), complaint)
    const closed = new CallerDirectory()
    sealed(closed, one)
    t.throws(() => closed.add([other]), complaint)
  }
})

t.test('whoever is found by more than keys is not sealed', async (t) => {
  const more: Parameters<typeof consumerPlan>[1][] = [
    { clients: [{ issuer: 'corp', id: 'x' }] },
    { jwt: [{ issuer: 'https://acme', key: EC_KEY, where: '' }] },
    { basic: [{ username: 'a', hash: '', where: '' }] },
    { certificates: [{ name: 'DNS:a.example', where: '' }] },
    { signatures: [{ keyId: 'k', algorithm: 'ed25519', key: EC_KEY, where: '' }] },
    { ip: { blocks: ['192.0.2.0/24'], where: '' } }
  ]
  for (const one of more) t.same(packConsumers([consumerPlan('a'), consumerPlan('b', one)]).indexes, [null])
  t.match(packConsumers([consumerPlan('a')]).indexes, [{ names: 'a', hashes: '' }])
})

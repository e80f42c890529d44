import t from 'tap'
import { CounterReader, COUNTER } from '../../src/memory/counters.ts'
import { allocateShared } from '../../src/memory/shared.ts'
import { readEnv } from '../../src/env.ts'
import { WholeReader } from '../observe/ring.ts'
import type { SignatureVerifier } from '../../src/identity/pool.ts'
import { SameThreadSignatures } from '../../src/pipeline/same-thread-signatures.ts'
import { WorkerServices } from '../../src/pipeline/services.ts'
import type { Tables } from '../../src/pipeline/tables.ts'
import { TablesBuilder } from '../../src/pipeline/tables-builder.ts'
import { planOf } from '../control/compile/configuration.ts'

const yaml = (connect: string): string => `version: 1
listen: [ { address: "127.0.0.1:0" } ]
services:
  - { name: s, upstream: { targets: [ { url: "http://127.0.0.1:9" } ], timeouts: { connect: ${connect} } }, policies: { auth: public }, routes: [ { name: r, match: { paths: ["/*"] } } ] }
`

function worker(signatures: SignatureVerifier = new SameThreadSignatures()): {
  services: WorkerServices
  reader: WholeReader
  counters: CounterReader
} {
  const memory = allocateShared({ workers: 1, limitSlots: 4096, ringBytes: 1 << 16 })
  const services = new WorkerServices({
    memory,
    index: 0,
    env: readEnv({}).env,
    events: { unknownKid: () => {} },
    signatures
  })
  t.teardown(() => services.close())
  return { services, reader: new WholeReader(memory), counters: new CounterReader(memory) }
}

async function build(services: WorkerServices, text: string): Promise<Tables> {
  const plan = planOf(text)
  const builder = new TablesBuilder(plan, services)
  builder.addConsumers(plan.consumers)
  builder.addRevocations(plan.revocations)
  builder.addRoutes(plan.routes)
  return builder.finish(() => null)
}

t.test('an upstream that a reload leaves as it is keeps its connections', async (t) => {
  const { services } = worker()
  const first = await build(services, yaml('1s'))
  services.take(first, null)
  const same = await build(services, `# a comment moves every line\n${yaml('1s')}`)
  t.equal(same.transports[0], first.transports[0])
  services.take(same, first)
  const other = await build(services, yaml('2s'))
  t.not(other.transports[0], same.transports[0])
  services.discard(other.head.upstreams)
  const again = await build(services, yaml('1s'))
  t.equal(again.transports[0], first.transports[0], 'a generation that never served took nothing with it')
  services.take(again, same)
})

t.test('a plan that can’t be made executable rejects, and names where', async (t) => {
  const { services } = worker()
  const plan = planOf(yaml('1s'))
  const [route] = plan.routes
  if (route === undefined) throw new Error('no route')
  const broken: [string, typeof route][] = [
    [
      'its upstream is not in the plan',
      {
        ...route,
        action: { kind: 'forward', upstream: 7, basePath: '', stripPrefix: null, rewrite: null, host: 'upstream' }
      }
    ],
    [
      'rule',
      {
        ...route,
        authorize: [
          {
            name: null,
            groups: null,
            scopes: null,
            when: 'no such(',
            pathNames: [],
            reason: null,
            mode: 'enforce',
            level: 'gateway',
            where: 'x'
          }
        ]
      }
    ],
    ['anonymous consumer', { ...route, auth: { ...route.auth, public: false, anonymous: 'nobody' } }],
    [
      'limit l',
      {
        ...route,
        limits: [
          {
            name: 'l',
            level: 'gateway',
            by: [{ kind: 'all' }],
            amount: { kind: 'rate', count: 0, period: 0, burst: 0 },
            needsCaller: false,
            mode: 'enforce',
            where: 'x'
          }
        ]
      }
    ]
  ]
  for (const [message, bad] of broken) {
    const builder = new TablesBuilder(plan, services)
    builder.addRoutes([bad])
    await t.rejects(
      builder.finish(() => null),
      new RegExp(message)
    )
  }
})

t.test('building gives way whenever it is told to', async (t) => {
  const { services } = worker()
  const plan = planOf(yaml('1s'))
  const [route] = plan.routes
  const builder = new TablesBuilder(plan, services)
  builder.addRoutes(
    Array.from({ length: 5 }, (_, index) => ({
      ...(route as NonNullable<typeof route>),
      index,
      name: `s.r${index}`,
      match: { ...(route as NonNullable<typeof route>).match, paths: [`/${index}`] }
    }))
  )
  let pauses = 0
  await builder.finish(() => (pauses++, Promise.resolve()))
  t.ok(pauses >= 5)
})

t.test('a record is written once for each exchange, and counted', async (t) => {
  const { services, reader, counters } = worker()
  services.record.path = '/x'
  services.record.decision = 'answer'
  services.write()
  services.write()
  const paths: string[] = []
  reader.drain(10, ({ path, time }) => {
    paths.push(path)
    t.ok(Math.abs(time - Date.now()) < 5000)
  })
  t.strictSame(paths, ['/x', '/x'])
  counters.update()
  t.equal(counters.total(COUNTER.requests), 2)
})

t.test('verification threads are started with the first generation that takes anything signed', async (t) => {
  let starts = 0
  const signatures = Object.assign(new SameThreadSignatures(), { start: () => starts++ })
  const { services } = worker(signatures)
  const keysOnly = await build(services, yaml('1s'))
  services.take(keysOnly, null)
  t.equal(starts, 0)
  const secret = 'bNq3v0Zr8yTkXh2LwPfJd5sGmC7aEuRi'
  const signed = [
    `issuers: [ { name: corp, issuer: "https://corp.example", audiences: [a], algorithms: [RS256]} ]`,
    `consumers: [ { name: c, jwt: [ { issuer: c, algorithm: HS256, secret: ${secret} } ] } ]`,
    `consumers: [ { name: c, signatures: [ { keyId: k, algorithm: hmac-sha256, secret: ${secret} } ] } ]`
  ]
  let before = keysOnly
  for (const [i, more] of signed.entries()) {
    const next = await build(services, `${yaml('1s')}${more}\n`)
    services.take(next, before)
    t.equal(starts, i + 1, more)
    before = next
  }
})

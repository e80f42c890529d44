import t from 'tap'
import { bodiesBeyondMemory, unknownSettings } from '../../src/control/environment.ts'
import { planOf } from './compile/configuration.ts'

t.test('a setting that nobody reads is a warning, with the one that was meant', (t) => {
  const found = unknownSettings(
    { GATEHOUSE_WORKER: '4', GATEHOUSE_WORKERS: '4', GATEHOUSE_ZZZZZZ_QQQQQ: '', HOME: '/' },
    []
  )
  t.match(found, [
    {
      severity: 'warning',
      path: 'GATEHOUSE_WORKER',
      message: 'there is no such setting: did you mean GATEHOUSE_WORKERS?'
    },
    { path: 'GATEHOUSE_ZZZZZZ_QQQQQ', message: 'there is no such setting' }
  ])
  t.equal(found.length, 2)
  t.end()
})

t.test('what the configuration refers to is used', (t) => {
  t.same(unknownSettings({ GATEHOUSE_SECRET: 'x' }, ['GATEHOUSE_SECRET']), [])
  t.end()
})

t.test('a body that no worker may hold is a warning where its size is said', (t) => {
  const routes = (maxSize: string, more: string, count = 1) =>
    planOf(`version: 1
listen: [ { address: "127.0.0.1:0" } ]
consumers: [ { name: a, keys: [ { id: a, hash: "sha256:${'0'.repeat(64)}" } ] } ]
services:
  - name: s
    url: http://127.0.0.1:9
    policies:
      auth: { key: true }
      validate: { body: { maxSize: ${maxSize}${more} } }
    routes:
${Array.from({ length: count }, (_, i) => `      - { name: r${i}, match: { paths: ["/${i}"] } }\n`).join('')}`).routes
  const held = ', json: { depth: 8 }'
  const found = (maxSize: string, more = held, memory = '2mb', count = 1) =>
    bodiesBeyondMemory({ GATEHOUSE_BODY_MEMORY: memory }, routes(maxSize, more, count))
  t.same(found('2047kb'), [], 'N-1')
  t.same(found('2mb'), [], 'N')
  t.match(found('2049kb'), [
    {
      severity: 'warning',
      where: 'g.yaml:9:17',
      path: 'validate.body.maxSize',
      message: /up to 2098176 bytes are held whole here \(s\.r0\), and a worker may hold 2097152/
    }
  ])
  t.same(found('2049kb', ''), [], 'a body that streams through is not held')
  t.match(found('3mb', ', schema: { type: object }', '2mb', 5), [{ message: /\(s\.r0, s\.r1, s\.r2 and 2 more\)/ }])
  t.same(bodiesBeyondMemory({}, routes('64mb', held)), [], 'the default is 64 MiB')
  t.equal(bodiesBeyondMemory({}, routes('65mb', held)).length, 1)
  const [route] = routes('3mb', '')
  if (route === undefined) throw new Error('there is a route')
  const signed = { ...route, auth: { ...route.auth, signature: true } }
  t.equal(bodiesBeyondMemory({ GATEHOUSE_BODY_MEMORY: '2mb' }, [signed]).length, 1, 'its digest is asked for')
  t.end()
})

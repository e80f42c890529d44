import { createHash } from 'node:crypto'
import t from 'tap'
import { compilePlan } from '../../../src/control/compile/index.ts'
import { compile, folderOf, load, planOf, routeWith } from './configuration.ts'

t.test('a plan survives being sent to another thread', async (t) => {
  const plan = planOf(
    routeWith('auth: { key: true }', 'consumers: [ { name: a, attributes: { n: 1, list: [x, { y: true }] } } ]\n')
  )
  t.strictSame(structuredClone(plan), plan)
})

t.test('with an error there is no plan, and all errors are there', async (t) => {
  const { plan, findings } = compile(
    routeWith('timeouts: { idle: 1s }, limits: [ { name: a, rate: 1/s, by: "path:x" } ], authorize: { when: "1" }')
  )
  t.equal(plan, null)
  t.equal(findings.filter(({ severity }) => severity === 'error').length, 3)
})

t.test('the generation is what the caller says', async (t) => {
  t.equal(compile(routeWith('auth: public'), folderOf(), { generation: 7 }).plan?.generation, 7)
})

t.test('the configuration is left as it was', async (t) => {
  const loaded = load(routeWith('auth: { key: true }, headers: { request: { set: { X-A: b } } }'))
  const before = structuredClone(loaded.config)
  compilePlan(loaded, { generation: 1, stateDir: '/state', writeFiles: false })
  t.strictSame(loaded.config, before)
})

t.test('10,000 consumers compile, in their order', async (t) => {
  const hash = (text: string): string => createHash('sha256').update(text).digest('hex')
  const lines = Array.from({ length: 10_000 }, (_, i) =>
    JSON.stringify({ name: `c${i}`, groups: ['g'], keys: [{ id: `k${i}`, hash: `sha256:${hash(`k${i}`)}` }] })
  )
  const loaded = load(
    routeWith('auth: { key: true }', 'consumers: [ { file: c.jsonl } ]\n'),
    folderOf({ 'c.jsonl': lines.join('\n') })
  )
  const { plan } = compilePlan(loaded, { generation: 1, stateDir: '/state', writeFiles: false })
  t.equal(plan?.consumers.length, 10_000)
  t.equal(plan?.consumers[9_999]?.keys[0]?.hash, hash('k9999'))
})

/** 160 bytes of JSON, nested twenty deep, held a worker for six seconds where its schema referred to itself twice at each level. */
import t from 'tap'
import { compileSchemas } from '../../src/control/schemas/ajv.ts'
import { judgeContent } from '../../src/policy/validation/content.ts'
import { ContentJudge } from '../../src/policy/validation/content-threads.ts'
import { loadValidators, stepsFor } from '../../src/policy/validation/validator.ts'

const BOUNDS = { depth: 64, keys: 10_000, items: 100_000 }

function prepared(schema: unknown) {
  const compiled = compileSchemas(new Map([['test:schema', schema]]), { schema: 'test:schema' })
  if (typeof compiled === 'string') throw new Error(compiled)
  const check = loadValidators(compiled.source).get('schema')
  if (check === undefined) throw new Error('no schema')
  return { bounds: BOUNDS, schema: { check, source: compiled.source, name: 'schema', where: '' }, where: '' }
}

const filter = prepared({
  oneOf: [
    { type: 'object', properties: { and: { $ref: '#' }, eq: { type: 'string' } } },
    { type: 'object', properties: { and: { $ref: '#' }, gt: { type: 'number' } } }
  ]
})
const nested = (depth: number): Buffer => Buffer.from(`${'{"and":'.repeat(depth)}{"eq":"a"}${'}'.repeat(depth)}`)

t.test('a value that multiplies is refused after so many steps', async (t) => {
  const { fault } = judgeContent(nested(30), BOUNDS, filter.schema.check)
  t.match(fault, { code: 'invalid', reason: /takes too long/, undecided: true })
  // The next one has all its steps again, and a shallow one is judged for what it holds.
  t.equal(judgeContent(Buffer.from('{"eq":1}'), BOUNDS, filter.schema.check).fault, null)
  t.match(judgeContent(nested(8), BOUNDS, filter.schema.check).fault?.reason, /exactly one schema/)
})

t.test('$dynamicRef counts like $ref', async (t) => {
  const { schema } = prepared({
    $dynamicAnchor: 'node',
    oneOf: [
      { type: 'object', properties: { and: { $dynamicRef: '#node' }, eq: { type: 'string' } } },
      { type: 'object', properties: { and: { $dynamicRef: '#node' }, gt: { type: 'number' } } }
    ]
  })
  t.match(judgeContent(nested(40), BOUNDS, schema.check).fault?.reason, /takes too long/)
})

t.test('what only takes its time is judged beside the worker', async (t) => {
  const judge = new ContentJudge(1)
  t.teardown(() => judge.close())
  const tree = prepared({ type: 'array', items: { $ref: '#' } })
  const wide = Buffer.from(`[${'[],'.repeat(15_000)}[]]`)
  t.ok(wide.length < 64 * 1024)
  const judged = judge.judge(wide, tree, false)
  t.type(judged, Promise)
  t.equal((await judged).fault, null)
  // One that has no more steps there than here is not tried twice.
  const small = nested(30)
  t.equal(stepsFor(small.length), stepsFor(0))
  t.match(judge.judge(small, filter, false), { fault: { undecided: true } })
})

t.test('objects with many members take their share of comparisons', async (t) => {
  const unique = prepared({ type: 'array', uniqueItems: true })
  const item = (n: number): string =>
    `{${Array.from({ length: 200 }, (_, k) => `"${k}":${k === 0 ? n : 1}`).join(',')}}`
  const items = Buffer.from(`[${Array.from({ length: 200 }, (_, n) => item(n)).join(',')}]`)
  t.match(judgeContent(items, BOUNDS, unique.schema.check).fault?.reason, /comparisons/)
})

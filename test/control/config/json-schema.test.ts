import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { Compile } from 'typebox/schema'
import { parse } from 'yaml'
import { configJsonSchema } from '../../../src/control/config/json-schema.ts'

const ROOT = join(import.meta.dirname, '../../..')
const GOLDEN = join(ROOT, 'test/golden/config')

t.test('config/gatehouse.schema.json is written from the schema', async (t) => {
  const committed: unknown = JSON.parse(readFileSync(join(ROOT, 'config/gatehouse.schema.json'), 'utf8'))
  t.same(JSON.parse(JSON.stringify(configJsonSchema())), committed, '`gatehouse schema` prints what it should be')
})

t.test('every key has a description', async (t) => {
  const missing: string[] = []
  const visit = (value: unknown, at: string): void => {
    if (typeof value !== 'object' || value === null) return
    for (const [key, inner] of Object.entries(value)) {
      if (key === 'properties')
        for (const [name, schema] of Object.entries(inner as Record<string, object>))
          if (!('description' in schema)) missing.push(`${at}.${name}`)
      visit(inner, `${at}.${key}`)
    }
  }
  visit(configJsonSchema(), '')
  t.same(missing, [])
})

t.test('judges as the checker does', async (t) => {
  const schema = Compile(configJsonSchema())
  const judge = (name: string) => schema.Check(parse(readFileSync(join(GOLDEN, name), 'utf8')))
  t.ok(judge('good.yaml'))
  for (const name of ['scalars.yaml', 'levels.yaml', 'not-supported.yaml'].filter((name) =>
    readdirSync(GOLDEN).includes(name)
  ))
    t.notOk(judge(name), name)
})

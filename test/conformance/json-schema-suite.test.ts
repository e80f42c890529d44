/**
 * The JSON Schema organisation's own test suite (Debian: json-schema-test-suite) through our compiler and our runtime.
 * Debian's is older than draft 2020-12, so of draft 7 those keywords that 2020-12 kept as they were.
 */
import { existsSync, readFileSync } from 'node:fs'
import t from 'tap'
import { compileSchemas } from '../../src/control/schemas/ajv.ts'
import { loadValidators } from '../../src/policy/validation/validator.ts'

const FOLDER = '/usr/share/json-schema-test-suite/tests/draft7'
const KEYWORDS = `
  additionalProperties allOf anyOf boolean_schema const contains enum exclusiveMaximum exclusiveMinimum if-then-else
  maxItems maxLength maxProperties maximum minItems minLength minProperties minimum multipleOf not oneOf pattern
  patternProperties properties propertyNames required type
`

interface Group {
  description: string
  schema: unknown
  tests: { description: string; data: unknown; valid: boolean }[]
}

const absent =
  existsSync(FOLDER) || process.env['CI'] ? false : 'the Debian package json-schema-test-suite is not installed'

for (const keyword of KEYWORDS.trim().split(/\s+/)) {
  t.test(keyword, { skip: absent }, async (t) => {
    for (const { description, schema, tests } of JSON.parse(
      readFileSync(`${FOLDER}/${keyword}.json`, 'utf8')
    ) as Group[]) {
      const compiled = compileSchemas(new Map([['test:schema', schema]]), { schema: 'test:schema' })
      if (typeof compiled === 'string') throw new Error(`${description}: ${compiled}`)
      const check = loadValidators(compiled.source).get('schema')
      for (const one of tests) t.equal(check?.(one.data).length === 0, one.valid, `${description}: ${one.description}`)
    }
  })
}

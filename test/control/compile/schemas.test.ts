/** Schemas of `validate`: what is wrong with one is told with its place, in whatever file it stands. */
import t from 'tap'
import { compile, errorsOf, folderOf, planOf } from './configuration.ts'

const yaml = (validate: string): string => `version: 1
listen: [ { address: "127.0.0.1:0" } ]
services:
  - name: s
    url: http://127.0.0.1:9
    policies: { auth: public }
    routes:
      - { name: one, match: { paths: ["/one/{x}"] }, policies: { validate: ${validate} } }
      - { name: two, match: { paths: ["/two/{x}"] }, policies: { validate: ${validate} } }
`

t.test('one schema of two routes is compiled once', async (t) => {
  const folder = folderOf({ 's.json': '{ "type": "object", "properties": { "n": { "type": "integer" } } }' })
  const plan = planOf(yaml('{ body: { schema: s.json }, query: { schema: s.json } }'), folder)
  t.equal(plan.schemas.length, 1)
  const [one, two] = plan.routes
  t.match(one?.validate, {
    json: { depth: 64, keys: 10_000, items: 100_000 },
    body: { module: 0, name: 'schema' },
    query: { module: 0, types: { n: { list: false, number: true, boolean: false } } }
  })
  t.same(two?.validate.body?.module, 0)
})

t.test('every file that a schema leads to is watched, and changes the plan', async (t) => {
  const files = {
    's.yaml': '$ref: parts/p.json#/$defs/a\n',
    'parts/p.json': '{ "$defs": { "a": { "$ref": "../q.yaml" } } }',
    'q.yaml': 'type: string\n'
  }
  const folder = folderOf(files)
  const compiled = compile(yaml('{ body: { schema: s.yaml } }'), folder)
  t.same(compiled.files.map((file) => file.slice(folder.length + 1)).toSorted(), ['parts/p.json', 'q.yaml', 's.yaml'])
  const other = folderOf({ ...files, 'q.yaml': 'type: number\n' })
  t.not(compiled.plan?.digest, planOf(yaml('{ body: { schema: s.yaml } }'), other).digest)
})

t.test('references may go in circles, over files and within one', async (t) => {
  const folder = folderOf({
    'a.json': '{ "properties": { "b": { "$ref": "b.json" }, "a": { "$ref": "#" } } }',
    'b.json': '{ "properties": { "a": { "$ref": "a.json" } } }'
  })
  t.same(errorsOf(yaml('{ body: { schema: a.json } }'), folder), [])
})

t.test('inline, with references relative to the configuration', async (t) => {
  const folder = folderOf({ 'parts/p.json': '{ "$defs": { "a": { "type": "integer" } } }' })
  const inline = '{ query: { schema: { properties: { n: { $ref: "parts/p.json#/$defs/a" } } } } }'
  t.match(planOf(yaml(inline), folder).routes[0]?.validate.query?.types, { n: { number: true } })
})

const FAULTS: [string, string, RegExp][] = [
  ['no file', '', /s\.json:1:1: the file does not exist/],
  ['no JSON', '{', /s\.json:1:2: not JSON/],
  ['no schema', '[]', /s\.json:1:1 \/: expected a schema/],
  [
    'another draft',
    '{ "$schema": "http://json-schema.org/draft-07/schema#" }',
    /s\.json:1:14 \/\$schema: only draft 2020-12/
  ],
  [
    'a misspelt keyword',
    '{ "propertys": {} }',
    /s\.json:1:16 \/propertys: unknown keyword "propertys"; did you mean "properties"\?/
  ],
  ['a type that is none', '{ "properties": { "a": { "type": "strin" } } }', /s\.json:1:34 \/properties\/a\/type: must/],
  [
    'a pattern that backtracks by design',
    '{ "pattern": "(?=a)b" }',
    /s\.json:1:14 \/pattern: not a pattern in RE2’s syntax|not a pattern in RE2's syntax/
  ],
  ['a back-reference', '{ "patternProperties": { "(a)\\\\1": {} } }', /patternProperties.*not a pattern/],
  [
    'an unknown format',
    '{ "format": "datetime" }',
    /s\.json:1:13 \/format: unknown format "datetime"; did you mean date-time\?/
  ],
  ['a reference to nothing', '{ "$ref": "#/$defs/a" }', /s\.json:1:11 \/\$ref: "#\/\$defs\/a" leads to nothing/],
  ['an anchor that is not there', '{ "$ref": "#a" }', /can't resolve reference #a/],
  [
    'a file that is not there',
    '{ "$ref": "t.json" }',
    /s\.json:1:11 \/\$ref: "t\.json" can't be followed: does not exist/
  ],
  [
    'the network',
    '{ "$ref": "http://127.0.0.1:1/s.json" }',
    /can't be followed: only files are read, nothing is fetched/
  ],
  ['the network, by an $id', '{ "$id": "https://example.com/s.json", "$ref": "t.json" }', /nothing is fetched/],
  [
    'a file above the configuration',
    '{ "$ref": "../../../../../../etc/hostname" }',
    /outside of the configuration's folder/
  ],
  ['a file elsewhere', '{ "$ref": "file:///etc/hostname" }', /outside of the configuration's folder/]
]

t.test('what is wrong with a schema', async (t) => {
  for (const [name, schema, expected] of FAULTS) {
    const folder = folderOf(schema === '' ? {} : { 's.json': schema })
    const errors = errorsOf(yaml('{ body: { schema: s.json } }'), folder)
    t.match(errors, [expected], `${name}: ${errors.join('\n')}`)
    t.match(errors, [/^8:\d+ services\[0\]\.routes\[0\]\.policies\.validate\.body\.schema/], name)
  }
  t.match(errorsOf(yaml('{ body: { schema: { typ: object } } }')), [/unknown keyword "typ"; did you mean "type"/])
})

t.test('a nearer level replaces a schema; in shadow it leaves the farther one', async (t) => {
  const folder = folderOf({ 'far.json': '{ "type": "object" }', 'near.json': '{ "type": "array" }' })
  const levels = (near: string): string => `version: 1
listen: [ { address: "127.0.0.1:0" } ]
policies: { validate: { body: { schema: far.json, json: { depth: 5 } } } }
services:
  - name: s
    url: http://127.0.0.1:9
    routes: [ { name: r, match: { paths: ["/"] }, policies: { auth: public, validate: ${near} } } ]
`
  const nearer = planOf(levels('{ body: { schema: near.json } }'), folder)
  t.match(nearer.schemas, [/must be array/])
  t.match(nearer.routes[0]?.validate.json, { depth: 5, keys: 10_000 })
  const shadow = planOf(levels('{ mode: shadow, body: { schema: near.json } }'), folder)
  t.match(shadow.routes[0], {
    validate: { body: { module: 0 } },
    validateShadow: { body: { module: 1 }, json: { depth: 64 } }
  })
  t.match(shadow.schemas, [/must be object/, /must be array/])
})

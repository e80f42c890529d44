/** `validate.openapi`: only operations of the document pass, with the parameters and bodies it asks for. */
import t from 'tap'
import { Permit } from '../../src/pipeline/authorize.ts'
import { run } from '../../src/pipeline/index.ts'
import { errorsOf, folderOf } from '../control/compile/configuration.ts'
import { pipeline, type Pipeline } from './kit.ts'

const PETS = `openapi: 3.0.3
info: { title: Pets, version: "1" }
servers: [ { url: https://api.example.com/v1 } ]
paths:
  /pets:
    parameters: [ { $ref: '#/components/parameters/limit' } ]
    get:
      parameters:
        - { name: tag, in: query, schema: { type: array, items: { type: string, enum: [a, b] } } }
        - { name: ids, in: query, explode: false, schema: { type: array, maxItems: 2, items: { type: integer } } }
        - { name: X-Trace, in: header, schema: { type: integer } }
        - { name: session, in: cookie, required: true, schema: { type: string, minLength: 2 } }
      responses: { "200": { description: fine } }
    post:
      requestBody: { $ref: 'parts/bodies.yaml#/pet' }
      responses: { "201": { description: made } }
  /pets/{id}:
    get:
      parameters: [ { name: id, in: path, required: true, schema: { type: integer, minimum: 1 } } ]
      responses: { "200": { description: fine } }
  /pets/mine:
    get: { responses: { "200": { description: fine } } }
  /notes:
    put:
      requestBody: { content: { text/*: {}, application/merge-patch+json: { schema: { type: object } } } }
      responses: { "200": { description: fine } }
components:
  parameters:
    limit: { name: limit, in: query, schema: { type: integer, maximum: 100, exclusiveMaximum: true } }
`
const BODIES = `pet:
  required: true
  content:
    application/json:
      schema: { $ref: '#/schema' }
schema:
  type: object
  required: [id, name]
  properties:
    id: { type: integer, readOnly: true }
    name: { type: string }
    nick: { type: string, nullable: true, enum: [x, y] }
    parent: { $ref: '#/schema' }
    born: { type: string, format: date }
    odd: { type: string, format: our-own }
`

const yaml = (openapi: string, more = ''): string => `version: 1
listen: [ { address: "127.0.0.1:0" } ]
services:
  - name: s
    url: http://127.0.0.1:9
    policies: { auth: public }
    routes: [ { name: r, match: { paths: ["/*"] }, policies: { validate: { openapi: ${openapi}${more} } } } ]
`

interface Asked {
  headers?: Record<string, string>
  body?: string
}

async function ask(
  stages: Pipeline,
  method: string,
  target: string,
  { headers = {}, body }: Asked = {}
): Promise<string> {
  const bytes = Buffer.from(body ?? '')
  const length: Record<string, string> =
    body === undefined ? {} : { 'content-length': String(bytes.length), 'content-type': 'application/json' }
  const x = stages.arrive({ method, target, headers: { ...length, ...headers } })
  x.body = { whole: () => Promise.resolve(bytes) }
  const outcome = await run(x)
  if (outcome instanceof Permit) return x.shadows.length === 0 ? 'permit' : `permit, ${x.shadows.join()} in shadow`
  if (!('problem' in outcome)) return 'answer'
  const places = outcome.invalid.map(({ in: place, pointer }) => ` ${place}${pointer}`).join('')
  return `${outcome.problem.status}${places}${outcome.headers.length > 0 ? ` ${outcome.headers.join(' ')}` : ''}`
}

const folder = folderOf({ 'pets.yaml': PETS, 'parts/bodies.yaml': BODIES })
// The configuration stands beside the documents: references lead no higher.
const stages = await pipeline(t, yaml('pets.yaml'), folder)
const cookie = { cookie: 'session=abc' }

t.test('paths and methods', async (t) => {
  t.equal(await ask(stages, 'GET', '/v1/pets/5'), 'permit')
  t.equal(await ask(stages, 'GET', '/pets/5'), 'permit', 'with or without the base of its server')
  t.equal(await ask(stages, 'HEAD', '/pets/5'), 'permit')
  t.equal(await ask(stages, 'GET', '/pets/mine'), 'permit', 'a literal segment first')
  t.equal(await ask(stages, 'GET', '/pets/mine/'), 'permit')
  t.equal(await ask(stages, 'GET', '/admin'), '404')
  t.equal(await ask(stages, 'GET', '/v2/pets/5'), '404')
  t.equal(await ask(stages, 'GET', '/v1pets/5'), '404')
  t.equal(await ask(stages, 'GET', '/'), '404')
  t.equal(await ask(stages, 'DELETE', '/pets/5'), '405 allow GET')
})

t.test('parameters of every place', async (t) => {
  const good = [
    '/pets',
    '/pets?limit=99',
    '/pets?tag=a&tag=b',
    '/pets?ids=1,2',
    '/pets?unknown=1',
    '/pets?limit=5&tag=b'
  ]
  for (const target of good) t.equal(await ask(stages, 'GET', target, { headers: cookie }), 'permit', target)
  const bad: [string, string][] = [
    ['/pets?limit=100', '422 query/limit'],
    ['/pets?limit=ten', '422 query/limit'],
    ['/pets?limit=1&limit=2', '422 query/limit'],
    ['/pets?tag=c', '422 query/tag/0'],
    ['/pets?ids=1,2,3', '422 query/ids'],
    ['/pets?ids=1,x', '422 query/ids/1'],
    ['/pets?limit=%zz', '422 query']
  ]
  for (const [target, expected] of bad) t.equal(await ask(stages, 'GET', target, { headers: cookie }), expected, target)
  t.equal(await ask(stages, 'GET', '/pets'), '422 cookie', 'a missing cookie')
  t.equal(await ask(stages, 'GET', '/pets', { headers: { cookie: 'session=a' } }), '422 cookie/session')
  t.equal(await ask(stages, 'GET', '/pets', { headers: { ...cookie, 'x-trace': 'a' } }), '422 header/x-trace')
  t.equal(await ask(stages, 'GET', '/pets/0'), '422 path/id')
  t.equal(await ask(stages, 'GET', '/pets/1.5'), '422 path/id')
  t.equal(await ask(stages, 'GET', '/pets/%35'), 'permit', 'decoded')
  t.equal(await ask(stages, 'GET', '/pets/%FF'), '422 path/id')
})

t.test('bodies', async (t) => {
  const post = (body: string | undefined, headers?: Record<string, string>): Promise<string> =>
    ask(stages, 'POST', '/pets', { ...(body === undefined ? {} : { body }), ...(headers ? { headers } : {}) })
  t.equal(await post('{"name":"n"}'), 'permit', 'what is read only is not required of requests')
  t.equal(await post('{"name":"n","nick":null,"odd":"x","parent":{"name":"m"}}'), 'permit')
  t.equal(await post('{"name":"n","nick":"z"}'), '422 body/nick')
  t.equal(await post('{"name":"n","parent":{"name":5}}'), '422 body/parent/name')
  t.equal(await post('{"name":"n","born":"soon"}'), '422 body/born')
  t.equal(await post('{"name":"n","name":"m"}'), '400')
  t.equal(await post(undefined), '422 body')
  t.equal(await post('{"name":"n"}', { 'content-type': 'text/plain' }), '415')
  t.equal(await post('{"name":"n"}', { 'content-type': 'application/json; charset=utf-16' }), '415')
  t.equal(await ask(stages, 'GET', '/pets/5', { body: '{}' }), '415', 'a body where there is none')
  t.equal(await ask(stages, 'PUT', '/notes', { body: 'hello', headers: { 'content-type': 'text/markdown' } }), 'permit')
  t.equal(
    await ask(stages, 'PUT', '/notes', { body: '[]', headers: { 'content-type': 'application/merge-patch+json' } }),
    '422 body'
  )
  t.equal(await ask(stages, 'PUT', '/notes', { body: '{}' }), '415')
})

t.test('in shadow', async (t) => {
  const tried = await pipeline(t, yaml('pets.yaml', ', mode: shadow'), folder)
  t.equal(await ask(tried, 'GET', '/admin'), 'permit, validate in shadow')
  t.equal(await ask(tried, 'POST', '/pets', { body: '{"name":' }), 'permit, validate in shadow')
  t.equal(await ask(tried, 'GET', '/pets/5'), 'permit')
})

t.test('3.1', async (t) => {
  const document = `openapi: 3.1.0
info: { title: t, version: "1" }
paths:
  /a:
    post:
      requestBody: { content: { application/json: { schema: { type: [object, "null"], properties: { n: { exclusiveMinimum: 5 } } } } } }
`
  const newer = await pipeline(t, yaml('a.yaml'), folderOf({ 'a.yaml': document }))
  t.equal(await ask(newer, 'POST', '/a', { body: '{"n":6}' }), 'permit')
  t.equal(await ask(newer, 'POST', '/a', { body: 'null' }), 'permit')
  t.equal(await ask(newer, 'POST', '/a', { body: '{"n":5}' }), '422 body/n')
  t.equal(await ask(newer, 'POST', '/a'), 'permit', 'a body that is not required')
})

t.test('a document that can’t be enforced doesn’t load', async (t) => {
  const head = 'openapi: 3.0.0\ninfo: { title: t, version: "1" }\n'
  const operation = (parameter: string): string =>
    `${head}paths: { /a: { get: { parameters: [ ${parameter} ], responses: { "200": { description: d } } } } }\n`
  const cases: [string, RegExp][] = [
    ['swagger: "2.0"\n', /a\.yaml:1:1: expected an OpenAPI document of version 3\.0 or 3\.1/],
    [
      `${head}paths: { /a: { get: { } } }\n`,
      /a\.yaml:3:\d+ \/paths\/~1a\/get: must have required property 'responses'/
    ],
    [
      operation('{ name: a, in: query, style: deepObject, schema: { type: object } }'),
      /style deepObject, which is not supported yet/
    ],
    [
      operation('{ name: a, in: query, content: { application/json: {} } }'),
      /has a content, which is not supported yet/
    ],
    [operation('{ name: a, in: query, schema: { type: string, pattern: "(?=a)" } }'), /\/pattern: not a pattern/],
    [operation('{ $ref: "http://127.0.0.1:1/x" }'), /can't be followed: only files are read/],
    [operation('{ name: a, in: query, schema: { $ref: "#/components/schemas/none" } }'), /leads to nothing/],
    [`${head}paths: { "/a{x}": { get: { responses: { "200": { description: d } } } } }\n`, /mixes text and a parameter/]
  ]
  for (const [document, expected] of cases) {
    const errors = errorsOf(yaml('a.yaml'), folderOf({ 'a.yaml': document }))
    t.match(errors, [expected], `${document}\n${errors.join('\n')}`)
  }
})

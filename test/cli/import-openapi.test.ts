import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { folder, run } from './kit.ts'

const DOCUMENT = `openapi: 3.0.3
info: { title: Pet Store API, version: "1" }
servers: [ { url: "http://127.0.0.1:9000/v1" } ]
security: [ { key: [] } ]
paths:
  /pets/{pet.id}:
    get: { operationId: showPet, responses: { "200": { description: d } }, parameters: [ { name: pet.id, in: path, required: true, schema: { type: integer } } ] }
    head: { responses: { "200": { description: d } }, parameters: [ { name: pet.id, in: path, required: true, schema: { type: integer } } ] }
  /pets:
    get: { operationId: showPet, security: [], responses: { "200": { description: d } } }
    post: { security: [ { token: [write] } ], responses: { "200": { description: d } } }
    put: { security: [ { password: [] } ], responses: { "200": { description: d } } }
    delete: { security: [ { mutual: [] } ], responses: { "200": { description: d } } }
components:
  securitySchemes:
    key: { type: apiKey, in: header, name: X-Key }
    token: { type: http, scheme: bearer }
    password: { type: http, scheme: basic }
    mutual: { type: openIdConnect, openIdConnectUrl: "https://idp.example.com/.well-known/openid-configuration" }
`

t.test('a document becomes a configuration that check accepts, with nothing public in it', async (t) => {
  const cwd = folder(t)
  writeFileSync(join(cwd, 'pets.yaml'), DOCUMENT)
  const imported = await run(['import', 'openapi', 'pets.yaml'], { cwd })
  t.equal(imported.code, 0, imported.err)
  t.notMatch(imported.out, /^[^#]*auth: public/m, 'only in remarks')
  for (const line of [
    'name: pet-store-api',
    'url: http://127.0.0.1:9000',
    'validate: { openapi: "pets.yaml" }',
    'name: show-pet\n        match: { methods: [GET], paths: ["/v1/pets/{pet_id}"] }\n        policies: { auth: { key: { header: "X-Key" } } }',
    'name: show-pet-2',
    'auth: { key: true } } # the document asks for nothing',
    'auth: { jwt: { consumers: true, audiences: [pet-store-api] } } } # token: name the issuers',
    'auth: { basic: true }'
  ])
    t.ok(imported.out.includes(line), `${line}\nin\n${imported.out}`)
  t.notMatch(imported.out, /HEAD/)
  writeFileSync(join(cwd, 'gatehouse.yaml'), imported.out)
  const checked = await run(['check'], { cwd })
  t.equal(checked.code, 0, checked.out + checked.err)
  const explained = await run(['explain', 'GET', 'http://a.example/v1/pets/x', '-H', 'x-key: nobody'], { cwd })
  t.match(explained.out, /401/)
})

t.test('what is no such document is refused', async (t) => {
  const cwd = folder(t)
  writeFileSync(join(cwd, 'a.yaml'), 'swagger: "2.0"\n')
  writeFileSync(join(cwd, 'b.yaml'), 'openapi: 3.0.0\ninfo: { title: t }\npaths: {}\n')
  for (const [file, expected] of [
    ['a.yaml', /expected an OpenAPI document/],
    ['b.yaml', /version/],
    ['none.yaml', /does not exist/]
  ] as const) {
    const { code, out, err } = await run(['import', 'openapi', file], { cwd })
    t.equal(code, 1, file)
    t.equal(out, '')
    t.match(err, expected)
  }
  t.equal((await run(['import', 'openapi'], { cwd })).code, 2)
})

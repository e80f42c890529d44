/** Of 10,000 routes most say the same: what they say alike is one object, and what differs in anything is not. */
import t from 'tap'
import type { PreparedRoute } from '../../src/pipeline/tables.ts'
import { pipeline } from './kit.ts'

const SHARED = [
  'ip',
  'early',
  'auth',
  'external',
  'rules',
  'bodyRules',
  'late',
  'validation',
  'cors',
  'requestHeaders',
  'responseHeaders',
  'action'
] as const

async function routes(t: Parameters<typeof pipeline>[0], lines: string[]): Promise<PreparedRoute[]> {
  const { tables } = await pipeline(
    t,
    `version: 1
listen: [ { address: "127.0.0.1:0" } ]
policies: { limits: [ { name: each, rate: 9/s, by: ip } ], ip: { deny: ["192.0.2.0/24"] } }
consumers: [ { name: acme, keys: [ { id: k, hash: "sha256:${'0'.repeat(64)}" } ] } ]
services:
  - name: s
    url: http://127.0.0.1:9
    policies: { auth: { key: true }, cors: { origins: ["https://a.example"] }, authorize: { when: "caller.credential == 'k'" } }
    routes:
${lines.map((line) => `      - ${line}`).join('\n')}
`
  )
  return [...tables.routes]
}

t.test('routes that say the same share all but their names and paths', async (t) => {
  const [a, b] = await routes(t, [
    '{ name: a, match: { paths: ["/a/{id}"] } }',
    '{ name: b, match: { paths: ["/b/{id}"] } }'
  ])
  if (!a || !b) throw new Error('two were written')
  for (const part of SHARED) t.equal(a[part], b[part], part)
  for (const part of ['service', 'labels', 'auth', 'headers', 'timeouts', 'identity', 'limits'] as const) {
    t.equal(a.plan[part], b.plan[part], `plan.${part}`)
  }
  t.not(a.plan, b.plan)
  t.same([a.plan.name, b.plan.name], ['s.a', 's.b'])
  t.same([a.plan.match.paths, b.plan.match.paths], [['/a/{id}'], ['/b/{id}']])
})

t.test('a part that differs, or what it depends on, is a route’s own', async (t) => {
  const path = (name: string): string => `match: { paths: ["/${name}/{id}"] }`
  const [plain, key, cors, names, headers, url] = await routes(t, [
    `{ name: plain, ${path('plain')} }`,
    `{ name: key, ${path('key')}, policies: { auth: { key: { header: x-other } } } }`,
    `{ name: cors, ${path('cors')}, policies: { cors: { origins: ["https://b.example"] } } }`,
    '{ name: names, match: { paths: ["/names/{other}"] } }',
    `{ name: headers, ${path('headers')}, policies: { headers: { response: { set: { x-a: b } } } } }`,
    `{ name: url, ${path('url')}, forward: { rewrite: "/x" } }`
  ])
  if (!plain || !key || !cors || !names || !headers || !url) throw new Error('six were written')
  t.not(key.auth, plain.auth)
  t.not(key.requestHeaders, plain.requestHeaders, 'other credentials are taken out')
  t.ok(key.requestHeaders.strip.header.includes('x-other'))
  t.notOk(plain.requestHeaders.strip.header.includes('x-other'))
  t.not(key.rules[0], plain.rules[0], 'and hidden from rules')
  t.equal(key.early[0]?.limit, plain.early[0]?.limit)
  t.not(cors.cors, plain.cors)
  t.not(cors.responseHeaders, plain.responseHeaders)
  t.equal(cors.responseHeaders.cors, cors.cors)
  t.equal(cors.auth, plain.auth)
  t.not(names.validation, plain.validation)
  t.same([plain.validation.pathNames, names.validation.pathNames], [['id'], ['other']])
  t.not(headers.responseHeaders, plain.responseHeaders)
  t.equal(headers.requestHeaders, plain.requestHeaders)
  t.not(url.action, plain.action)
})

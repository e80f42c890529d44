/** Two routes that could both answer, and one without auth, were told of only when all else in the file had been mended. */
import t from 'tap'
import { errorsOf, saysExactly } from '../control/compile/configuration.ts'

const file = (routes: string, service = ''): string => `version: 1
listen: [ { name: a, address: "127.0.0.1:0" } ]
servces: []
services:
  - name: s
    url: http://127.0.0.1:9
    ${service}
    policies: { auth: public }
    routes:
${routes}
`

t.test('a conflict stands beside an unknown key', async (t) => {
  const of = (routes: string, service?: string): string[] => errorsOf(file(routes, service)).slice(1)
  saysExactly(t, of('      - { name: r, match: { paths: [/a/] } }\n      - { name: q, match: { paths: [/a] } }'), [
    /^11:.* services\[0\]\.routes\[1\]\.match: routes s\.q and s\.r \(g\.yaml:10:9\) could both answer \/a on any host/
  ])
  saysExactly(
    t,
    of(
      '      - { name: r }\n      - { name: q, match: { methods: [HEAD] } }',
      'match: { paths: [/a], methods: [GET] }'
    ),
    [/could both answer \/a on any host: by HEAD;/],
    'what the service says holds for its routes'
  )
  saysExactly(t, of('      - { name: r, match: { paths: ["/{a}", "/{b}"] } }'), [/names \/\{b\} on any host twice/])
})

t.test('nothing is made up of what can’t be read', async (t) => {
  const pair = (first: string, second = first): string[] =>
    errorsOf(file(`      - { name: r, match: { ${first} } }\n      - { name: q, match: { ${second} } }`)).filter(
      (error) => error.includes('both answer')
    )
  t.same(pair('paths: [/a], methods: [GET]', 'paths: [/a], methods: [POST]'), [])
  t.same(pair('paths: [/a], listeners: [a]', 'paths: [/a], listeners: [b]'), [])
  t.same(pair('paths: [/a], headers: { x: "1" }', 'paths: [/a], headers: { X: "2" }'), [])
  for (const broken of [
    'paths: [a]',
    'paths: /a',
    'paths: [/a], hosts: ["*"]',
    'paths: ["${env:NOBODY_SETS_THIS}"]',
    ''
  ])
    t.same(pair(broken), [], broken)
})

t.test('and so does a route of which no level says who may call', async (t) => {
  const of = (policies: string, more = ''): string[] =>
    errorsOf(`version: 1
listen: [ { name: a, address: "127.0.0.1:0" } ]
servces: []
services: [ { name: s, url: "http://127.0.0.1:9", routes: [ { name: r, match: { paths: [/a] }${policies} } ] } ]
${more}
`).filter((error) => error.includes('identify themselves'))
  saysExactly(t, of(''), [/^4:61 services\[0\]\.routes\[0\]: route s\.r doesn't say how its callers/])
  saysExactly(t, of(', policies: { cors: none }'), [/route s\.r/])
  const profiles = 'profiles: [ { name: open, policies: { auth: public } }, { name: other, policies: { cors: none } } ]'
  saysExactly(t, of(', use: [other]', profiles), [/route s\.r/])
  for (const said of [
    ', policies: { auth: public }',
    ', policies: { auht: public }',
    ', policies: 1',
    ', use: [open]',
    ', use: [gone]'
  ])
    t.same(of(said, profiles), [], said)
  t.same(of('', 'policies: { auth: { key: true } }'), [])
})

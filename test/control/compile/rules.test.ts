import t from 'tap'
import { errorsOf, planOf, routeOf, routeWith, saysExactly, warningsOf, wideningsOf } from './configuration.ts'

const when = (source: string): string => routeWith(`auth: { key: true }, authorize: { when: '${source}' }`)

t.test('an expression is compiled for its errors, which name the place in it', async (t) => {
  saysExactly(t, errorsOf(when('claims.a == ')), [
    /^7:\d+ services\[0\]\.routes\[0\]\.policies\.authorize\.when: at column \d+ .*\(route s\.r\)$/
  ])
  saysExactly(t, errorsOf(when('1 + 1')), [/authorize\.when: .*true or false/])
  saysExactly(t, errorsOf(when('body.x == 1')), [/authorize\.when: .*body needs validate\.body\.schema/])
  t.strictSame(errorsOf(when('path.id == claims.sub')), [])
})

t.test('a name that the route lacks is an error, one that some path has is not', async (t) => {
  saysExactly(t, errorsOf(when('path.nr == "1"')), [/when: at column 6 of the expression: .*nr/])
  saysExactly(t, errorsOf(when('host.tenant == "1"')), [/when: .*tenant/])
  const some = when('has(path.id) && path.id == "1"').replace('"/x/{id}"', '/y, "/x/{id}"')
  t.strictSame(errorsOf(some), [])
  const host = when('host.tenant == "1"').replace('paths:', 'hosts: ["{tenant}.example.com"], paths:')
  t.strictSame(routeOf(host).authorize[0]?.pathNames, ['id', 'tenant'])
})

t.test('an error that many routes inherit is said once, with the routes', async (t) => {
  const routes = Array.from({ length: 5 }, (_, i) => `      - { name: r${i}, match: { paths: [/r${i}] } }`).join('\n')
  const yaml = `version: 1
listen: [ { address: "127.0.0.1:0" } ]
policies: { auth: { key: true }, authorize: { when: path.id == "1" }, limits: [ { name: l, rate: 1/s, by: "path:id" } ] }
services:
  - name: s
    url: http://127.0.0.1:9
    routes:
${routes}
`
  saysExactly(t, errorsOf(yaml), [
    /^3:53 policies\.authorize\.when: .*\(routes s\.r0, s\.r1, s\.r2 and 2 more\)$/,
    /^3:\d+ policies\.limits\[0\]\.by: .*\{id\}.*2 more/
  ])
})

t.test('groups and scopes can’t be asked of a public route', async (t) => {
  const yaml = `${routeWith('auth: public')}policies: { authorize: { groups: [staff], scopes: ["a:b"] } }\n`
  saysExactly(t, errorsOf(yaml), [
    / policies\.authorize\.groups: .*route s\.r/,
    / policies\.authorize\.scopes: .*authorize: none/
  ])
  t.strictSame(errorsOf(routeWith('auth: public, authorize: { when: request.method == "GET" }')), [])
  t.strictSame(errorsOf(yaml.replace('auth: public', 'auth: public, authorize: none')), [])
})

t.test('a rule of a name stands once at a level, and is replaced by a nearer one in its place', async (t) => {
  const two = '{ name: a, groups: [x] }, { name: a, groups: [y] }'
  saysExactly(t, errorsOf(routeWith(`auth: { key: true }, authorize: [ ${two} ]`)), [/authorize\[1\]\.name: .*taken/])
  const yaml = `${routeWith('auth: { key: true }, authorize: [ { name: b, groups: [z] }, { name: a, groups: [y] } ]')}policies: { authorize: [ { name: a, groups: [x] }, { groups: [w] } ] }\n`
  const [route] = planOf(yaml).routes
  t.strictSame(
    route?.authorize.map(({ name, groups, level }) => [name, groups, level]),
    [
      ['a', ['y'], 'route:s.r'],
      [null, ['w'], 'gateway'],
      ['b', ['z'], 'route:s.r']
    ]
  )
  saysExactly(t, wideningsOf(yaml), [/authorize\[1\]: replaces the rule a of a farther level: gateway$/])
})

t.test('limits: what they are counted by', async (t) => {
  const limit = (text: string, auth = '{ key: true }'): string => routeWith(`auth: ${auth}, limits: [ ${text} ]`)
  saysExactly(t, errorsOf(limit('{ name: l, rate: 1/s, by: ["path:nr", "host:t"] }')), [
    /limits\[0\]\.by\[0\]: .*\{nr\} in every path/,
    /limits\[0\]\.by\[1\]: .*\{t\} in every host/
  ])
  saysExactly(t, errorsOf(limit('{ name: l, rate: 1/s, by: calller }')), [/limits\[0\]\.by: .*did you mean caller/])
  saysExactly(t, errorsOf(limit('{ name: l, concurrent: 1, burst: 2, by: ip }')), [/limits\[0\]\.burst: /])
  saysExactly(t, errorsOf(limit('{ name: l, rate: 1/s, by: ip }, { name: l, rate: 2/s, by: ip }')), [
    /limits\[1\]\.name: .*taken/
  ])
  saysExactly(t, warningsOf(limit('{ name: l, rate: 1/s, by: ["header:x-a", "query:q"] }')), [
    /limits\[0\]\.by: only values that clients choose/
  ])
  t.strictSame(warningsOf(limit('{ name: l, rate: 1/s, by: ["header:x-a", ip] }')), [])
  saysExactly(t, warningsOf(limit('{ name: l, rate: 1/s, by: [caller] }', 'public')), [
    /limits\[0\]\.by: a public route has no caller/
  ])
  const inherited = `${routeWith('auth: public')}policies: { limits: [ { name: l, rate: 1/s, by: caller } ] }\n`
  t.strictSame(warningsOf(inherited), [], 'one for all routes counts addresses where nobody is known, by design')
})

t.test('limits: names in paths must be in all of a route’s', async (t) => {
  const yaml = routeWith('auth: { key: true }, limits: [ { name: l, rate: 1/s, by: "path:id" } ]')
  t.strictSame(errorsOf(yaml), [])
  saysExactly(t, errorsOf(yaml.replace('"/x/{id}"', '/y, "/x/{id}"')), [/\{id\} in every path/])
})

t.test('limits: only those that ask for the caller wait for auth', async (t) => {
  const words =
    'ip caller consumer credential route service host path all header:a cookie:a query:a path:id claim:a attribute:a'
  const limits = words.split(' ').map((by, i) => `{ name: l${i}, rate: 1/s, by: "${by}" }`)
  const route = routeOf(routeWith(`auth: { key: true }, limits: [ ${limits.join(', ')} ]`))
  t.strictSame(
    route.limits.filter((limit) => limit.needsCaller).map((limit) => limit.by[0]?.kind),
    ['caller', 'consumer', 'credential', 'claim', 'attribute']
  )
})

t.test('a profile met twice counts once, and a limit that routes share is one plan', async (t) => {
  const yaml = `version: 1
listen: [ { address: "127.0.0.1:0" } ]
profiles: [ { name: p, policies: { ip: { deny: [10.0.0.1] }, authorize: { groups: [g] }, limits: [ { name: l, rate: 1/s, by: ip } ] } } ]
services:
  - name: s
    url: http://127.0.0.1:9
    use: [p]
    policies: { auth: { key: true } }
    routes:
      - { name: a, match: { paths: [/a] }, use: [p] }
      - { name: b, match: { paths: [/b] } }
`
  const [a, b] = planOf(yaml).routes
  t.equal(a?.limits.length, 1)
  t.equal(a?.limits[0]?.level, 'profile:p')
  t.equal(a?.limits[0], b?.limits[0])
  t.equal(a?.authorize.length, 1)
  t.equal(a?.ip.length, 1)
  t.strictSame(wideningsOf(yaml), [])
})

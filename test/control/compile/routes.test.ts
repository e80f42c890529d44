import t from 'tap'
import { errorsOf, planOf, routeOf, saysExactly } from './configuration.ts'

function service(routes: string, more = ''): string {
  return `version: 1
listen: [ { name: main, address: "127.0.0.1:0" }, { name: old, address: "127.0.0.1:1", redirect: "https:443" } ]
services:
  - name: s
    url: http://127.0.0.1:9
    policies: { auth: public }
    ${more}
    routes:
${routes}
`
}
const one = (text: string, more = ''): string => service(`      - { name: r, ${text} }`, more)

t.test('two routes that could both answer are both named, with their lines', async (t) => {
  const yaml = service(`      - { name: a, match: { paths: ["/x/{id}"] } }
      - { name: b, match: { paths: ["/x/{nr}"] } }`)
  saysExactly(t, errorsOf(yaml), [
    /^10:\d+ services\[0\]\.routes\[1\]\.match: routes s\.b and s\.a \(g\.yaml:9:9\) could both answer \/x\/\{nr\} on any host: by .*GET.*; part them by/
  ])
})

t.test('a path is required, and one that can’t be read is named', async (t) => {
  saysExactly(t, errorsOf(one('match: { methods: [GET] }')), [/routes\[0\]\.match: .*paths/])
  saysExactly(t, errorsOf(one('match: { paths: ["/a", "b", "/*/c"] }')), [/paths\[1\]: /, /paths\[2\]: /])
  saysExactly(t, errorsOf(one('match: { paths: ["/a/{x}/{x}"] }')), [/paths\[0\]: .*twice/])
  saysExactly(t, errorsOf(one('match: { hosts: ["a.*.b"], paths: ["/a"] }')), [/hosts\[0\]: /])
})

t.test('a service’s paths and hosts serve routes that name none', async (t) => {
  const [route] = planOf(one('match: { methods: [GET] }', 'match: { paths: ["/all/*"], hosts: [a.example] }')).routes
  t.match(route?.match, { paths: ['/all/*'], hosts: ['a.example'], methods: ['GET', 'HEAD'] })
})

t.test('a route is reached through listeners that serve', async (t) => {
  saysExactly(t, errorsOf(one('match: { paths: [/a], listeners: [main, old] }')), [
    /listeners\[1\]: the listener old redirects/
  ])
  saysExactly(t, errorsOf(one('match: { paths: [/a], listeners: [mian] }')), [/listeners\[0\]: .*"mian".*"main"/])
})

t.test('a prefix that is stripped begins every path, whole segments', async (t) => {
  const strip = (prefix: string, paths: string): string =>
    one(`match: { paths: [${paths}] }, forward: { stripPrefix: ${prefix} }`)
  t.strictSame(errorsOf(strip('/api', '/api, "/api/{id}", "/api/v1/*"')), [])
  saysExactly(t, errorsOf(strip('/api', '/api/a, /apix, "/{x}/b"')), [
    /stripPrefix: the path \/apix /,
    /stripPrefix: the path \/\{x\}\/b /
  ])
  saysExactly(t, errorsOf(strip('"/{x}"', '"/{x}"')), [/stripPrefix: /])
  const [route] = planOf(strip('/', '/a')).routes
  t.match(route?.action, { stripPrefix: null })
})

t.test('a rewrite holds what every path of the route has', async (t) => {
  const rewrite = (to: string, paths: string): string =>
    one(`match: { paths: [${paths}] }, forward: { rewrite: "${to}" }`)
  t.strictSame(errorsOf(rewrite('/v2/{id}', '"/a/{id}", "/b/{id}/{x}"')), [])
  saysExactly(t, errorsOf(rewrite('/v2/{x}', '"/a/{id}", "/b/{id}/{x}"')), [/rewrite: \{x\}: no name of every path/])
  saysExactly(t, errorsOf(rewrite('/v2/{*}', '"/a/*", /b')), [/rewrite: \{\*\}: only where every path ends in/])
  saysExactly(t, errorsOf(rewrite('/v2/{ip}/{claim:sub}', '"/a"')), [
    /\{ip\}: a rewrite holds parts/,
    /\{claim:sub\}: a rewrite holds/
  ])
  saysExactly(t, errorsOf(one('match: { paths: [/a] }, forward: { rewrite: /b, stripPrefix: /a }')), [
    /exclude each other/
  ])
})

t.test('an answer has a status, and a body only where one may be', async (t) => {
  const respond = (text: string): string => one(`match: { paths: ["/a/{id}"] }, respond: { ${text} }`)
  t.strictSame(errorsOf(respond('status: 204')), [])
  saysExactly(t, errorsOf(respond('status: 204, body: x')), [/respond\.body: .*204/])
  for (const status of [199, 600]) saysExactly(t, errorsOf(respond(`status: ${status}`)), [/respond\.status: /])
  saysExactly(t, errorsOf(respond('status: 200, headers: { x-a: "{claims:sub}" }')), [
    /x-a: \{claims:sub\}: .*did you mean claim/
  ])
  saysExactly(t, errorsOf(respond('status: 200, headers: { x-a: "{path:nr}" }')), [/x-a: \{path:nr\}: /])
  saysExactly(t, errorsOf(respond('status: 200, headers: { x-a: "é" }')), [/x-a: .*printable/])
  saysExactly(t, errorsOf(respond('status: 200, headers: { content-length: "3" }')), [/content-length/])
  saysExactly(t, errorsOf(one('match: { paths: [/a] }, respond: { status: 200 }, forward: { host: preserve }')), [
    /exclude each other/
  ])
})

t.test('a service needs somewhere to send what it doesn’t answer itself', async (t) => {
  const nowhere = one('match: { paths: [/a] }').replace('    url: http://127.0.0.1:9\n', '')
  saysExactly(t, errorsOf(nowhere), [/services\[0\]: .*"url" or "upstream"/])
  t.strictSame(errorsOf(nowhere.replace('[/a] }', '[/a] }, respond: { status: 200 }')), [])
  saysExactly(
    t,
    errorsOf(
      nowhere
        .replace('    policies', '    upstream: ordres\n    policies')
        .concat('upstreams: [ { name: orders, targets: [ { url: "http://a.example" } ] } ]\n')
    ),
    [/services\[0\]\.upstream: .*"ordres".*"orders"/]
  )
})

t.test('a nearer level that removes a header has the last word of it', async (t) => {
  const { headers } = routeOf(`version: 1
listen: [ { address: "127.0.0.1:0" } ]
policies:
  auth: { key: true }
  headers:
    request: { set: { X-A: far, x-b: far }, default: { x-c: far }, append: { x-d: far }, remove: [x-e] }
    response: { set: { x-a: far } }
services:
  - name: s
    url: http://127.0.0.1:9
    policies: { headers: { request: { remove: [x-a, X-C, x-d], set: { x-d: near } } } }
    routes: [ { name: r, match: { paths: [/a] }, policies: { headers: { request: { set: { x-e: nearest } } } } } ]
`)
  const names = (texts: readonly { name: string }[]): string[] => texts.map(({ name }) => name)
  t.strictSame(headers.request.remove, ['x-e', 'x-a', 'x-c', 'x-d'])
  t.strictSame(names(headers.request.set), ['x-b', 'x-d', 'x-e'])
  t.strictSame([names(headers.request.default), names(headers.request.append)], [[], []])
  t.strictSame(names(headers.response.set), ['x-a'])
})

t.test('headers that something else says are refused', async (t) => {
  const headers = (text: string, more = ''): string =>
    one(`match: { paths: ["/a/{id}"] }, policies: { headers: { ${text} }${more} }`)
  saysExactly(t, errorsOf(headers('request: { set: { X-Consumer: me } }')), [
    /set\.X-Consumer: x-consumer is written by identity/
  ])
  t.strictSame(errorsOf(headers('request: { set: { X-Consumer: me } }', ', identity: { headers: false }')), [])
  saysExactly(t, errorsOf(headers('request: { rename: { x-a: X-Forwarded-For } }')), [/rename\.x-a: x-forwarded-for /])
  saysExactly(t, errorsOf(headers('request: { remove: [host] }')), [/remove\[0\]: /])
  saysExactly(t, errorsOf(headers('response: { append: { Date: now } }')), [/append\.Date: /])
  saysExactly(t, errorsOf(headers('request: { set: { transfer-encoding: x } }')), [/transfer-encoding/])
  saysExactly(t, errorsOf(headers('request: { set: { x-a: "{id}" } }')), [/set\.x-a: \{id\}: write \{path:id\}/])
  saysExactly(t, errorsOf(headers('response: { set: { x-a: "a\\r\\nb: c" } }')), [/x-a: /])
})

t.test('cors: origins as browsers send them', async (t) => {
  const cors = (text: string): string => one(`match: { paths: [/a] }, policies: { cors: { ${text} } }`)
  t.strictSame(
    errorsOf(
      cors('origins: ["https://a.example:8443", "https://*.a.example", "http://[::1]:3000", "capacitor://localhost"]')
    ),
    []
  )
  t.strictSame(errorsOf(cors('origins: ["*"]')), [])
  saysExactly(t, errorsOf(cors('origins: ["*"], credentials: true')), [/cors\.credentials: /])
  saysExactly(t, errorsOf(cors('origins: ["https://A.example", "https://a.example:443"]')), [
    /origins\[0\]: browsers send https:\/\/a\.example,/,
    /origins\[1\]: browsers send https:\/\/a\.example,/
  ])
  saysExactly(t, errorsOf(cors('origins: ["https://a.example/", "null", "https://a.*.example"]')), [
    /origins\[0\]/,
    /origins\[1\]/,
    /origins\[2\]/
  ])
})

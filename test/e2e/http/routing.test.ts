/** From a request to the service behind it: which route, which path and host arrive there, what is answered here. */
import t from 'tap'
import { ask, type Ask } from '../client.ts'
import { exchange } from '../connection.ts'
import { startGateway } from '../gateway.ts'
import { startUpstream } from '../upstream.ts'

const service = await startUpstream(t)
const authority = new URL(service.url).host
const route = (name: string, match: string, more = ''): string =>
  `      - { name: ${name}, match: { ${match} }${more} }\n`
/** Says which route was taken. */
const set = (name: string): string => `, policies: { headers: { response: { set: { x-route: ${name} } } } }`
const named = (name: string, match: string): string => route(name, match, set(name))

const gateway = await startGateway(
  t,
  `
version: 1
listen:
  - { name: public, address: "127.0.0.1:0", ready: /-/ready }
  - { name: inner, address: "127.0.0.1:0" }
profiles: [ { name: open, policies: { auth: public } } ]
services:
  - name: paths
    url: ${service.url}
    use: [open]
    match: { hosts: [paths.test] }
    routes:
${named('literal', 'paths: ["/orders/new"]')}${named('one', 'paths: ["/orders/{id}"]')}${named('below', 'paths: ["/orders/*"]')}\
${named('root', 'paths: ["/*"], methods: [GET]')}${named('guarded', 'paths: ["/guarded"], methods: [POST]')}\
${named('beta', 'paths: ["/flag"], headers: { x-beta: "1" }')}${named('plain', 'paths: ["/flag"]')}\
${named('inside', 'paths: ["/inside"], listeners: [inner]')}
  - name: hosts
    url: ${service.url}
    use: [open]
    routes:
${named('exact', 'hosts: [a.hosts.test], paths: ["/*"]')}${named('wild', 'hosts: ["*.hosts.test"], paths: ["/*"]')}
  - name: forwards
    url: ${service.url}/base
    use: [open]
    match: { hosts: [forwards.test] }
    routes:
${route('kept', 'paths: ["/kept/*"]')}${route('stripped', 'paths: ["/api/*"]', ', forward: { stripPrefix: /api }')}\
${route('rewritten', 'paths: ["/old/{id}"]', ', forward: { rewrite: "/v2/{id}/x" }')}\
${route('preserved', 'paths: ["/preserved"]', ', forward: { host: preserve }')}
  - name: own
    url: ${service.url}
    use: [open]
    match: { hosts: [own.test] }
    routes:
${route('moved', 'paths: ["/old/*"]', ', respond: { status: 308, headers: { location: "https://new.test/{*}" } }')}\
${route('hello', 'paths: ["/hello/{name}"]', ', respond: { status: 200, headers: { content-type: text/plain, x-name: "{path:name}" }, body: "hello {path:name}" }')}
  - name: pages
    url: ${service.url}
    match: { hosts: [pages.test] }
    policies:
      auth: { key: { header: x-api-key } }
      cors: { origins: ["https://app.test", "https://*.app.test"], methods: [GET, PUT], headers: [x-api-key], expose: [x-request-id], credentials: true, maxAge: 1h }
    routes:
${route('all-of-it', 'paths: ["/*"], methods: [GET, PUT]')}
  - name: fields
    url: ${service.url}
    use: [open]
    match: { hosts: [fields.test] }
    policies:
      headers:
        security: true
        request: { remove: [x-gone], rename: { x-old: x-new }, set: { x-set: "ours {path:id}" }, default: { x-default: ours }, append: { x-more: ours } }
        response: { remove: [content-language], set: { x-answer: ours } }
    routes:
${route('any-id', 'paths: ["/{id}"]')}
consumers: [ { name: acme, keys: [ { id: k1, hash: "sha256:${'0'.repeat(64)}" } ] } ]
`
)
const [port = 0, inner = 0] = gateway.ports
const at = (host: string, path: string, more: Ask = {}): ReturnType<typeof ask> =>
  ask(port, path, { ...more, headers: { host, ...more.headers } })
const text = (path: string, host: string, method = 'GET'): string =>
  `${method} ${path} HTTP/1.1\r\nHost: ${host}\r\n\r\n`

t.test('literal before parameter before the rest', async (t) => {
  for (const [path, name] of [
    ['/orders/new', 'literal'],
    ['/orders/new/', 'literal'],
    ['/orders/7', 'one'],
    ['/orders', 'below'],
    ['/orders/7/lines', 'below'],
    ['/Orders/new', 'root'],
    ['/', 'root']
  ] as const) {
    const answer = await at('paths.test', path)
    t.equal(answer.headers['x-route'], name, path)
  }
})

t.test('exact host before wildcard, which is one label', async (t) => {
  t.equal((await at('a.hosts.test', '/')).headers['x-route'], 'exact')
  t.equal((await at('A.Hosts.Test:81', '/')).headers['x-route'], 'exact')
  t.equal((await at('b.hosts.test', '/')).headers['x-route'], 'wild')
  t.equal((await at('b.c.hosts.test', '/')).status, 404)
  t.equal((await at('hosts.test', '/')).status, 404)
})

t.test('no falling back to a vaguer path: 405 with Allow, HEAD with GET', async (t) => {
  const guarded = await at('paths.test', '/guarded')
  t.same([guarded.status, guarded.headers.allow], [405, 'POST'])
  const root = await at('paths.test', '/else', { method: 'DELETE' })
  t.equal(root.status, 405)
  t.same(root.headers.allow?.split(', ').toSorted(), ['GET', 'HEAD'])
  t.equal((await at('paths.test', '/else', { method: 'HEAD' })).status, 200)
  t.equal((await at('nobody.test', '/')).status, 404)
})

t.test('header matchers choose among routes of one path, listeners among doors', async (t) => {
  t.equal((await at('paths.test', '/flag', { headers: { 'x-beta': '1' } })).headers['x-route'], 'beta')
  t.equal((await at('paths.test', '/flag', { headers: { 'x-beta': '2' } })).headers['x-route'], 'plain')
  t.equal((await ask(inner, '/inside', { headers: { host: 'paths.test' } })).headers['x-route'], 'inside')
  t.equal((await at('paths.test', '/inside')).headers['x-route'], 'root', 'elsewhere that route does not exist')
})

t.test('what is matched is what is forwarded', async (t) => {
  for (const [path, forwarded] of [
    ['//orders///new', '/orders/new'],
    ['/orders/x/../new', '/orders/new'],
    ['/orders/%6eew', '/orders/new'],
    ['/orders/./new?a=%2F&b=//..', '/orders/new?a=%2F&b=//..'],
    ['/orders/caf%c3%a9', '/orders/caf%C3%A9'],
    ['/orders/%7e', '/orders/~'],
    ['/orders/a%20b', '/orders/a%20b']
  ] as const) {
    const answer = await exchange(port, text(path, 'paths.test'))
    t.equal(answer.status, 200, path)
    t.equal(service.seen.at(-1)?.url, forwarded, path)
  }
})

t.test('paths that two parties could read differently are 400', async (t) => {
  const before = service.seen.length
  for (const path of [
    '/a%2fb',
    '/a%5cb',
    '/a\\b',
    '/a%00',
    '/a%0a',
    '/a%7f',
    '/%',
    '/%zz',
    '/../x',
    '/x/%2e%2e/%2e%2e/y',
    '/..;/x',
    '/%c0%af',
    '/caf\xe9'
  ]) {
    t.equal((await exchange(port, text(path, 'paths.test'))).status, 400, path)
  }
  t.equal(service.seen.length, before)
})

t.test('base path, stripPrefix and rewrite', async (t) => {
  for (const [path, forwarded] of [
    ['/kept/a?x=1', '/base/kept/a?x=1'],
    ['/api/a/b', '/base/a/b'],
    ['/api', '/base/'],
    ['/api/', '/base/'],
    ['/old/7', '/base/v2/7/x'],
    ['/old/a%20b?q', '/base/v2/a%20b/x?q']
  ] as const) {
    t.equal((await at('forwards.test', path)).status, 200, path)
    t.equal(service.seen.at(-1)?.url, forwarded, path)
  }
})

t.test('Host is the upstream\u2019s, or the client\u2019s where that is asked for', async (t) => {
  await at('forwards.test', '/kept/a')
  t.equal(service.seen.at(-1)?.headers.host, authority)
  t.equal(service.seen.at(-1)?.headers['x-forwarded-host'], 'forwards.test')
  await at('forwards.test', '/preserved')
  t.equal(service.seen.at(-1)?.headers.host, 'forwards.test')
})

t.test('respond routes answer with their templates, encoded for where they stand', async (t) => {
  const moved = await at('own.test', '/old/a%20b/c')
  t.same([moved.status, moved.headers.location], [308, 'https://new.test/a%20b/c'])
  const hello = await at('own.test', '/hello/world')
  t.same([hello.status, hello.headers['x-name'], hello.body], [200, 'world', 'hello world'])
  const split = await exchange(port, text('/hello/a%C4%8AX-Evil:1', 'own.test'))
  t.same(split.values('x-evil'), [], 'no value makes a field of its own')
})

t.test('a preflight is answered without credentials', async (t) => {
  const ask = { 'access-control-request-method': 'PUT', 'access-control-request-headers': 'x-api-key' }
  const allowed = await at('pages.test', '/x', { method: 'OPTIONS', headers: { origin: 'https://app.test', ...ask } })
  t.equal(allowed.status, 204)
  t.match(allowed.headers, {
    'access-control-allow-origin': 'https://app.test',
    'access-control-allow-credentials': 'true',
    'access-control-allow-methods': /PUT/,
    'access-control-allow-headers': /x-api-key/i,
    'access-control-max-age': '3600',
    vary: /origin/i
  })
  t.notHas(allowed.headers, 'content-length')
  const foreign = await at('pages.test', '/x', { method: 'OPTIONS', headers: { origin: 'https://evil.test', ...ask } })
  t.notHas(foreign.headers, 'access-control-allow-origin')
  const wildcard = await at('pages.test', '/x', {
    method: 'OPTIONS',
    headers: { origin: 'https://x.app.test', ...ask }
  })
  t.equal(wildcard.headers['access-control-allow-origin'], 'https://x.app.test')
})

t.test('a page can read why it was refused', async (t) => {
  const refused = await at('pages.test', '/x', { headers: { origin: 'https://app.test' } })
  t.equal(refused.status, 401)
  t.equal(refused.headers['access-control-allow-origin'], 'https://app.test')
  t.match(refused.headers['access-control-expose-headers'], /x-request-id/i)
  const foreign = await at('pages.test', '/x', { headers: { origin: 'https://evil.test' } })
  t.equal(foreign.status, 401)
  t.notHas(foreign.headers, 'access-control-allow-origin')
})

t.test('header operations, both ways', async (t) => {
  const answer = await at('fields.test', '/7', {
    headers: { 'x-gone': '1', 'x-old': 'kept', 'x-set': 'theirs', 'x-default': 'theirs', 'x-more': 'theirs' }
  })
  const seen = service.seen.at(-1)?.headers ?? {}
  t.match(seen, { 'x-new': 'kept', 'x-set': 'ours 7', 'x-default': 'theirs', 'x-more': /theirs.*ours/ })
  t.notHas(seen, 'x-gone')
  t.notHas(seen, 'x-old')
  t.match(answer.headers, { 'x-answer': 'ours', 'x-content-type-options': 'nosniff', 'x-frame-options': 'DENY' })
  await at('fields.test', '/8')
  t.match(service.seen.at(-1)?.headers, { 'x-default': 'ours', 'x-more': 'ours' })
})

t.test('the ready path answers before any route', async (t) => {
  t.same((await at('nobody.test', '/-/ready')).body, '{"ready":true}')
  t.equal((await ask(inner, '/-/ready', { headers: { host: 'nobody.test' } })).status, 404)
})

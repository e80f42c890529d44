/**
 * Requests that two parties could read differently, over a bare socket with a second request hidden behind each: one
 * refusal comes, the connection ends, and the second request never reaches a service.
 */
import t from 'tap'
import { connect } from '../connection.ts'
import { startGateway } from '../gateway.ts'
import { startUpstream } from '../upstream.ts'

const service = await startUpstream(t)
const routes = 'routes: [ { name: any, match: { paths: ["/*"] } } ]'
const gateway = await startGateway(
  t,
  `
version: 1
listen:
  - { name: plain, address: "127.0.0.1:0" }
  - { name: strict, address: "127.0.0.1:0", client: { chunked: refuse } }
profiles: [ { name: open, policies: { auth: public, validate: { body: { maxSize: 1kb } } } } ]
services:
  - { name: main, url: "${service.url}", use: [open], ${routes} }
`
)
const [plain = 0, strict = 0] = gateway.ports

const FOLLOWER = 'GET /smuggled HTTP/1.1\r\nHost: a.test\r\n\r\n'
const get = (more: string): string => `GET /first HTTP/1.1\r\nHost: a.test\r\n${more}\r\n`
const post = (more: string, body = ''): string => `POST /first HTTP/1.1\r\nHost: a.test\r\n${more}\r\n${body}`
const target = (path: string): string => `GET ${path} HTTP/1.1\r\nHost: a.test\r\n\r\n`
const host = (value: string): string => `GET /first HTTP/1.1\r\nHost: ${value}\r\n\r\n`
const method = (name: string): string => `${name} /first HTTP/1.1\r\nHost: a.test\r\n\r\n`
const CHUNKED = 'Transfer-Encoding: chunked\r\n'
const ONE_CHUNK = '3\r\nabc\r\n0\r\n\r\n'

/** Name, bytes, status of the one answer; 0: the connection may also end without one. */
const REFUSED: [string, string, number][] = [
  ['two different lengths', post('Content-Length: 3\r\nContent-Length: 30\r\n', 'abc'), 400],
  ['two equal lengths', post('Content-Length: 3\r\nContent-Length: 3\r\n', 'abc'), 400],
  ['an empty length', post('Content-Length: \r\n'), 400],
  ['a signed length', post('Content-Length: +3\r\n', 'abc'), 400],
  ['a negative length', post('Content-Length: -3\r\n', 'abc'), 400],
  ['a list of lengths', post('Content-Length: 3, 3\r\n', 'abc'), 400],
  ['a hexadecimal length', post('Content-Length: 0x3\r\n', 'abc'), 400],
  ['a length of 16 digits', post('Content-Length: 1000000000000003\r\n', 'abc'), 400],
  ['xchunked', post('Transfer-Encoding: xchunked\r\n', ONE_CHUNK), 400],
  ['gzip, chunked', post('Transfer-Encoding: gzip, chunked\r\n', ONE_CHUNK), 400],
  ['identity', post('Transfer-Encoding: identity\r\n', ''), 400],
  ['chunked with a parameter', post('Transfer-Encoding: chunked;q=1\r\n', ONE_CHUNK), 400],
  ['two transfer codings', post(`${CHUNKED}Transfer-Encoding: identity\r\n`, ONE_CHUNK), 400],
  ['chunked twice', post(CHUNKED + CHUNKED, ONE_CHUNK), 400],
  ['chunked and a length', post(`${CHUNKED}Content-Length: 3\r\n`, ONE_CHUNK), 400],
  ['a length and chunked', post(`Content-Length: 3\r\n${CHUNKED}`, ONE_CHUNK), 400],
  ['a chunked GET', get(CHUNKED) + ONE_CHUNK, 400],
  ['a chunked HEAD', get(CHUNKED).replace('GET', 'HEAD') + ONE_CHUNK, 0],
  ['a chunked DELETE', get(CHUNKED).replace('GET', 'DELETE') + ONE_CHUNK, 400],
  ['a chunked OPTIONS', get(CHUNKED).replace('GET', 'OPTIONS') + ONE_CHUNK, 400],
  ['a chunked TRACE', get(CHUNKED).replace('GET', 'TRACE') + ONE_CHUNK, 400],
  ['a bad length on HEAD', get('Content-Length: 3\r\nContent-Length: 4\r\n').replace('GET', 'HEAD'), 0],
  ['a space before the colon', get('Content-Length : 3\r\n'), 400],
  ['a folded field', get('X-A: 1\r\n Content-Length: 3\r\n'), 400],
  ['a field without a colon', get('X-A\r\n'), 400],
  ['a field name with a space', get('X A: 1\r\n'), 400],
  ['a field name with brackets', get('X(A): 1\r\n'), 400],
  ['a NUL in a value', get('X-A: a\0b\r\n'), 400],
  ['DEL in a value', get('X-A: a\x7fb\r\n'), 400],
  ['a high byte within a value', get('X-A: a\xffb\r\n'), 400],
  ['bare line feeds', 'GET /first HTTP/1.1\nHost: a.test\n\n', 505],
  ['no Host', 'GET /first HTTP/1.1\r\nX-A: 1\r\n\r\n', 400],
  ['two Hosts', get('Host: b.test\r\n'), 400],
  ['an empty Host', host(''), 400],
  ['a list as Host', host('a.test, b.test'), 400],
  ['user information in Host', host('user@a.test'), 400],
  ['a path in Host', host('a.test/x'), 400],
  ['a Host with an empty label', host('a..test'), 400],
  ['a Host with a bad port', host('a.test:80x'), 400],
  ['a Host with a port too large', host('a.test:70000'), 400],
  ['a Host with a bad IPv6 address', host('[::1'), 400],
  ['a Host with an underscore', host('a_b.test'), 400],
  ['an unknown method', method('G"ET'), 501],
  ['a lower-case method', method('get'), 501],
  ['a WebDAV method', method('PROPFIND'), 501],
  ['PRI of HTTP/2', 'PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n', 505],
  ['a target with a control byte', target('/a\x01b'), 505],
  ['a target with a high byte', target('/caf\xe9'), 400],
  ['a target with DEL', target('/a\x7f'), 400],
  ['a fragment in the target', target('/a#b'), 400],
  ['a backslash in the target', target('/a\\b'), 400],
  ['an encoded NUL', target('/a%00b'), 400],
  ['an encoded NUL in the query', target('/a?x=%00'), 400],
  ['an encoded slash', target('/a%2fb'), 400],
  ['an encoded backslash', target('/a%5Cb'), 400],
  ['a broken escape', target('/a%2'), 400],
  ['dots above the root', target('/../a'), 400],
  ['encoded dots above the root', target('/%2e%2e/a'), 400],
  ['a fragment in the query', target('/a?x#y'), 400],
  ['an absolute target', target('http://a.test/first'), 505],
  ['a target without a slash', target('first'), 505],
  ['an asterisk', 'OPTIONS * HTTP/1.1\r\nHost: a.test\r\n\r\n', 505],
  ['CONNECT', 'CONNECT a.test:443 HTTP/1.1\r\nHost: a.test:443\r\n\r\n', 505],
  ['HTTP/1.0', 'GET /first HTTP/1.0\r\nHost: a.test\r\n\r\n', 505],
  ['Connection names Host', get('Connection: close, host\r\n'), 400],
  ['Connection names Content-Length', post('Connection: content-length\r\nContent-Length: 3\r\n', 'abc'), 400],
  ['Connection names Transfer-Encoding', post(`Connection: transfer-encoding\r\n${CHUNKED}`, ONE_CHUNK), 400],
  ['Connection names Authorization', get('Connection: Authorization\r\n'), 400],
  ['Connection names Cookie', get('Connection: keep-alive, cookie\r\n'), 400],
  ['Connection names X-Consumer', get('Connection: x-consumer\r\n'), 400],
  ['Connection names X-Forwarded-For', get('Connection: X-Forwarded-For\r\n'), 400],
  ['Upgrade with a body', post('Connection: upgrade\r\nUpgrade: h2c\r\nContent-Length: 3\r\n', 'abc'), 400],
  ['Expect other than 100-continue', get('Expect: the-unexpected\r\n'), 417]
]

for (const [name, bytes, status] of REFUSED) {
  t.test(`${name} is refused`, async (t) => {
    const before = service.seen.length
    const connection = await connect(plain)
    connection.send(bytes + FOLLOWER)
    t.ok(await connection.ended(), 'the connection ends')
    const statuses = [...connection.rest.matchAll(/HTTP\/1\.1 (\d{3})/g)].map((match) => Number(match[1]))
    if (status === 0) t.same(statuses, [], 'an answer to HEAD could not keep the next request out')
    else t.same(statuses, [status], 'one answer')
    connection.close()
    t.equal(service.seen.length, before, 'nothing reached the service')
  })
}

/** The parser waits for more of these, or closes at once, and there is no callback to answer from. */
const UNANSWERED: [string, string][] = [
  ['a field without a name', get(': 1\r\n')],
  ['a field without a name that hides a length', post(': 1\r\nContent-Length: 40\r\n')],
  ['a bare CR in a value', get('X-A: a\rb\r\n')],
  ['HTTP/0.9', 'GET /first\r\n\r\n'],
  ['an empty line before the request', `\r\n${get('')}`]
]

for (const [name, bytes] of UNANSWERED) {
  t.test(`${name} is not served, nor what is behind it`, async (t) => {
    const before = service.seen.length
    const connection = await connect(plain)
    connection.send(bytes + FOLLOWER)
    await connection.ended(150)
    t.equal(connection.rest, '')
    connection.close()
    t.equal(service.seen.length, before, 'nothing reached the service')
  })
}

t.test('a refusal of framing is a complete problem document', async (t) => {
  const connection = await connect(plain)
  const answer = await connection.send(get('Content-Length: 1\r\nContent-Length: 2\r\n') + FOLLOWER).response()
  t.same(answer.values('content-type'), ['application/problem+json'])
  t.match(JSON.parse(answer.body), { title: 'Bad Request', status: 400, instance: /^[0-9A-Z]{26}$/ })
  t.notOk(answer.truncated)

  const line = await gateway.line((l) => l['id'] === JSON.parse(answer.body).instance)
  t.match(line, { status: 400, problem: 'malformed', policy: 'framing', reason: /Content-Length/ })
})

const SERVED: [string, string][] = [
  ['a length of nothing', post('Content-Length: 0\r\n')],
  ['a length', post('Content-Length: 3\r\n', 'abc')],
  ['a length with leading zeros', post('Content-Length: 003\r\n', 'abc')],
  ['a GET with a length', get('Content-Length: 3\r\n') + 'abc'],
  ['white space around a value', get('X-A:  \t 1 \t \r\n')],
  ['an empty value', get('X-A:\r\n')],
  ['a Host with a port', host('a.test:8080')],
  ['a Host with a final dot', host('A.TEST.')],
  ['an IPv6 Host', host('[2001:db8::1]:80')],
  ['Connection: keep-alive', get('Connection: Keep-Alive\r\n')],
  ['Connection naming a field of no meaning', get('Connection: x-hop-by-hop\r\nX-Hop-By-Hop: 1\r\n')],
  ['Upgrade without a body', get('Connection: upgrade\r\nUpgrade: h2c\r\n')],
  ['OPTIONS', get('').replace('GET', 'OPTIONS')],
  ['PATCH', post('Content-Length: 3\r\n', 'abc').replace('POST', 'PATCH')],
  ['dots within the path', target('/a/./b/../c')]
]

for (const [name, bytes] of SERVED) {
  t.test(`${name} is served, and the connection goes on`, async (t) => {
    const connection = await connect(plain)
    const answer = await connection.send(bytes).response()
    t.equal(answer.status, 200, answer.body)
    const next = await connection.send(get('')).response()
    t.equal(next.status, 200)
    connection.close()
  })
}

t.test('hop-by-hop fields and Upgrade stay behind', async (t) => {
  const connection = await connect(plain)
  await connection
    .send(get('Connection: x-hop, upgrade\r\nX-Hop: 1\r\nUpgrade: h2c\r\nTE: gzip\r\nKeep-Alive: 5\r\n'))
    .response()
  const headers = service.seen.at(-1)?.headers ?? {}
  for (const name of ['x-hop', 'upgrade', 'te', 'keep-alive']) t.notHas(headers, name)
  connection.close()
})

t.test('a field with _ in its name is dropped', async (t) => {
  const connection = await connect(plain)
  await connection.send(get('X_Consumer: root\r\nX-Kept: 1\r\n')).response()
  const headers = service.seen.at(-1)?.headers ?? {}
  t.equal(headers['x-kept'], '1')
  t.notHas(headers, 'x_consumer')
  connection.close()
})

t.test('a chunked request is answered and its connection closed', async (t) => {
  const connection = await connect(plain)
  const answer = await connection.send(post(CHUNKED, ONE_CHUNK)).response()
  t.equal(answer.status, 200)
  t.equal(JSON.parse(answer.body).body, 'abc')
  t.same(answer.values('connection'), ['close'])
  t.ok(await connection.ended())
})

t.test('what is pipelined behind a chunked request is never served', async (t) => {
  for (const terminator of ['0\r\n\r\n', '0\r\nXX', '0\r\nX-Trailer: 1\r\n\r\n']) {
    const before = service.seen.filter(({ url }) => url === '/smuggled').length
    const connection = await connect(plain)
    connection.send(post(CHUNKED, `3\r\nabc\r\n${terminator}`) + FOLLOWER)
    t.ok(await connection.ended(), 'the connection ends')
    t.equal(service.seen.filter(({ url }) => url === '/smuggled').length, before, JSON.stringify(terminator))
    connection.close()
  }
})

t.test('client.chunked: refuse answers 411 and nothing behind it runs', async (t) => {
  const before = service.seen.length
  const connection = await connect(strict)
  const answer = await connection.send(post(CHUNKED, ONE_CHUNK) + FOLLOWER).response()
  t.equal(answer.status, 411)
  t.ok(await connection.ended())
  t.equal(connection.rest, '')
  t.equal(service.seen.length, before)
  const other = await connect(strict)
  t.equal((await other.send(post('Content-Length: 3\r\n', 'abc')).response()).status, 200)
  other.close()
})

t.test('Expect: 100-continue is answered and the body taken', async (t) => {
  const connection = await connect(plain)
  connection.send(post('Expect: 100-continue\r\nContent-Length: 3\r\n'))
  await connection.holds('HTTP/1.1 100 Continue\r\n\r\n')
  const answer = await connection.send('abc').response()
  t.equal(answer.status, 200)
  t.notHas(JSON.parse(answer.body).headers, 'expect')
  connection.close()
})

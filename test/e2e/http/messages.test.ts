/** What goes over the wire for one answer after another: framing, lengths, keep-alive, heads large and strange. */
import t from 'tap'
import { scripted } from '../../upstream/scripted.ts'
import { ask } from '../client.ts'
import { connect, exchange } from '../connection.ts'
import { startGateway } from '../gateway.ts'
import { startUpstream } from '../upstream.ts'

const service = await startUpstream(t, (request, response): unknown => {
  const { pathname } = new URL(request.url ?? '', 'http://service')
  switch (pathname) {
    case '/204':
      return response.writeHead(204, { 'x-kind': 'empty' }).end()
    case '/304':
      return response.writeHead(304, { etag: '"v1"' }).end()
    case '/chunked':
      response.write('one,')
      return setTimeout(() => response.end('two'), 20)
    case '/large':
      response.setHeader('content-length', 300_000)
      response.write('a'.repeat(100_000))
      return setTimeout(() => response.end('b'.repeat(200_000)), 20)
    case '/empty':
      return response.writeHead(200, { 'content-length': 0 }).end()
    case '/latin1':
      return response
        .writeHead(200, { 'x-name': 'Ren\u00e9e \u00ff\u00a0x', 'content-length': 2 })
        .end(Buffer.from('ok'))
    case '/many':
      for (let i = 0; i < 60; i++) response.setHeader(`x-field-${i}`, `value ${i}`)
      return response.end('ok')
    case '/wide':
      return response.writeHead(200, { 'x-wide': 'w'.repeat(12_000) }).end('ok')
    case '/cookies':
      return response.writeHead(200, { 'set-cookie': ['a=1', 'b=2'] }).end('ok')
    default:
      response.setHeader('content-length', 5)
      return response.end('hello')
  }
})

/** What a service would never send through an HTTP library; but for the `raw` ones the connection ends with it. */
const ANSWERS: Record<string, string> = {
  '/sized-part': 'HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\nsome of it',
  '/sized-none': 'HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n',
  '/chunked-part': 'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n',
  '/until-close': 'HTTP/1.1 200 OK\r\n\r\nall of it',
  '/raw-204': 'HTTP/1.1 204 No Content\r\nContent-Length: 0\r\n\r\n',
  '/raw-304': 'HTTP/1.1 304 Not Modified\r\nContent-Length: 4711\r\n\r\n'
}
const broken = await scripted(t, async (peer) => {
  for (;;) {
    const path = (await peer.head()).split(' ')[1] ?? ''
    peer.send(ANSWERS[path] ?? '')
    if (path.startsWith('/raw-')) continue
    await peer.wait(50)
    return peer.finish()
  }
})

const gateway = await startGateway(
  t,
  `
version: 1
listen: [ { name: plain, address: "127.0.0.1:0" } ]
profiles: [ { name: open, policies: { auth: public } } ]
services:
  - name: broken
    url: ${broken.origin}
    use: [open]
    routes: [ { name: any, match: { hosts: [broken.test], paths: ["/*"] } } ]
  - name: main
    url: ${service.url}
    use: [open]
    routes: [ { name: any, match: { hosts: [main.test, "127.0.0.1"], paths: ["/*"] } } ]
  - name: own
    url: ${service.url}
    use: [open]
    match: { hosts: [own.test] }
    routes:
      - { name: text, match: { paths: ["/text"] }, respond: { status: 200, headers: { content-type: text/plain }, body: "of our own" } }
      - { name: nothing, match: { paths: ["/nothing"] }, respond: { status: 204 } }
      - { name: unchanged, match: { paths: ["/unchanged"] }, respond: { status: 304, headers: { etag: '"own"' } } }
`
)

const request = (method: string, path: string, host = 'main.test', more = ''): string =>
  `${method} ${path} HTTP/1.1\r\nHost: ${host}\r\n${more}\r\n`

t.test('a body never follows HEAD, 204 or 304, and the connection goes on', async (t) => {
  const cases: [string, string, string, number, string[]][] = [
    ['HEAD', '/', 'main.test', 200, ['5']],
    ['HEAD', '/large', 'main.test', 200, ['300000']],
    ['HEAD', '/chunked', 'main.test', 200, []],
    ['GET', '/204', 'main.test', 204, []],
    ['HEAD', '/204', 'main.test', 204, []],
    ['GET', '/304', 'main.test', 304, []],
    ['HEAD', '/304', 'main.test', 304, []],
    ['GET', '/raw-204', 'broken.test', 204, []],
    ['GET', '/raw-304', 'broken.test', 304, []],
    ['HEAD', '/text', 'own.test', 200, ['10']],
    ['GET', '/nothing', 'own.test', 204, []],
    ['HEAD', '/nothing', 'own.test', 204, []],
    ['GET', '/unchanged', 'own.test', 304, []],
    ['HEAD', '/nowhere', 'own.test', 404, []]
  ]
  const connection = await connect(gateway.port)
  for (const [method, path, host, status, lengths] of cases) {
    const name = `${method} ${host}${path}`
    const answer = await connection.send(request(method, path, host)).response(method)
    t.equal(answer.status, status, name)
    if (status !== 404) t.same(answer.values('content-length'), lengths, `${name}: Content-Length`)
    t.same(answer.values('transfer-encoding'), [], `${name}: no transfer coding`)
    t.equal(connection.rest, '', `${name}: not a byte behind the head`)
    const next = await connection.send(request('GET', '/')).response()
    t.equal(next.body, 'hello', `${name}: the next request on the connection is served`)
  }
  connection.close()
})

t.test('HEAD of a refusal says the length that GET would have', async (t) => {
  const connection = await connect(gateway.port)
  const get = await connection.send(request('GET', '/nowhere', 'own.test')).response()
  const head = await connection.send(request('HEAD', '/nowhere', 'own.test')).response('HEAD')
  t.equal(head.status, 404)
  t.same(head.values('content-length'), get.values('content-length'))
  t.equal(head.values('content-length')[0], String(get.body.length))
  connection.close()
})

t.test('a known length is kept, whatever the size of the answer', async (t) => {
  const connection = await connect(gateway.port)
  const small = await connection.send(request('GET', '/')).response()
  t.same([small.framing, small.body], ['length', 'hello'])
  const large = await connection.send(request('GET', '/large')).response()
  t.equal(large.framing, 'length')
  t.equal(large.body, 'a'.repeat(100_000) + 'b'.repeat(200_000))
  const empty = await connection.send(request('GET', '/empty')).response()
  t.same([empty.framing, empty.body], ['length', ''])
  const last = await connection.send(request('GET', '/large', 'main.test', 'Connection: close\r\n')).response()
  t.equal(last.framing, 'length', 'also on the last answer of a connection')
  t.equal(last.body.length, 300_000)
  t.same(last.values('connection'), ['close'])
  t.ok(await connection.ended())
})

t.test('an unknown length is chunked, and the connection goes on', async (t) => {
  const connection = await connect(gateway.port)
  for (let i = 0; i < 2; i++) {
    const answer = await connection.send(request('GET', '/chunked')).response()
    t.same([answer.framing, answer.body, answer.truncated], ['chunked', 'one,two', false])
  }
  const closed = await connection.send(request('GET', '/until-close', 'broken.test')).response()
  t.same([closed.framing, closed.body], ['chunked', 'all of it'])
  connection.close()
})

t.test('an upstream that dies within its answer leaves a visibly cut one', async (t) => {
  for (const path of ['/sized-part', '/chunked-part']) {
    const connection = await connect(gateway.port)
    const answer = await connection.send(request('GET', path, 'broken.test')).response()
    t.equal(answer.status, 200, path)
    t.ok(answer.truncated, `${path}: the client can tell`)
    t.ok(connection.closed)
    const line = await gateway.line((l) => l['path'] === path)
    t.match(line, { decision: 'error', problem: 'upstream-broke', status: 200 }, `${path}: and so can the log`)
  }
})

t.test('an upstream that dies before the first byte of a body is a 502', async (t) => {
  const answer = await exchange(gateway.port, request('GET', '/sized-none', 'broken.test'))
  t.equal(answer.status, 502)
  t.notOk(answer.truncated)
})

t.test('one Date, and at most one Connection field', async (t) => {
  for (const more of ['', 'Connection: close\r\n']) {
    for (const path of ['/', '/chunked', '/204']) {
      const answer = await exchange(gateway.port, request('GET', path, 'main.test', more))
      t.equal(answer.values('date').length, 1, `${path} ${more.trim()}: Date`)
      t.ok(answer.values('connection').length <= (more === '' ? 0 : 1), `${path} ${more.trim()}: Connection`)
    }
  }
})

t.test('Latin-1 in an answer arrives byte for byte', async (t) => {
  const answer = await exchange(gateway.port, request('GET', '/latin1'))
  t.same(answer.values('x-name'), ['Ren\u00e9e \u00ff\u00a0x'])
})

t.test('many fields and large fields pass both ways', async (t) => {
  const fields = Array.from({ length: 80 }, (_, i) => `X-Many-${i}: v${i}\r\n`).join('')
  const many = await exchange(gateway.port, request('GET', '/many', 'main.test', fields))
  t.equal(many.status, 200)
  t.same(many.values('x-field-59'), ['value 59'])
  t.equal(service.seen.at(-1)?.headers['x-many-79'], 'v79')
  const wide = await exchange(gateway.port, request('GET', '/wide', 'main.test', `X-Wide: ${'q'.repeat(12_000)}\r\n`))
  t.equal(wide.values('x-wide')[0]?.length, 12_000)
  t.equal(String(service.seen.at(-1)?.headers['x-wide']).length, 12_000)
})

t.test('fields that repeat stay apart', async (t) => {
  const answer = await exchange(gateway.port, request('GET', '/cookies'))
  t.same(answer.values('set-cookie'), ['a=1', 'b=2'])
})

t.test('a head that is too large or has too many fields is 431', async (t) => {
  const before = service.seen.length
  const large = await exchange(gateway.port, request('GET', '/', 'main.test', `X-Wide: ${'q'.repeat(20_000)}\r\n`))
  t.equal(large.status, 431)
  const fields = Array.from({ length: 120 }, (_, i) => `X-Many-${i}: v\r\n`).join('')
  const many = await exchange(gateway.port, request('GET', '/', 'main.test', fields))
  t.equal(many.status, 431)
  t.equal(service.seen.length, before, 'nothing of it reached the service')
})

t.test('keep-alive serves request after request, Connection: close ends it', async (t) => {
  const connection = await connect(gateway.port)
  for (let i = 0; i < 20; i++) t.equal((await connection.send(request('GET', `/${i}`)).response()).status, 200)
  t.notOk(connection.closed)
  const last = await connection.send(request('GET', '/', 'main.test', 'Connection: keep-alive, close\r\n')).response()
  t.equal(last.status, 200)
  t.ok(await connection.ended(), 'close in a list of options counts too')
  const answer = await ask(gateway.port, '/')
  t.equal(answer.body, 'hello')
})

/** Bodies pass through in pieces, both ways, no faster than the slower side, and an end on either side is an end on both. */
import { createHash } from 'node:crypto'
import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import http, { type IncomingMessage, type ServerResponse } from 'node:http'
import { setTimeout as sleep } from 'node:timers/promises'
import t from 'tap'
import { ask } from '../client.ts'
import { connect, exchange } from '../connection.ts'
import { startGateway } from '../gateway.ts'
import { startUpstream } from '../upstream.ts'

interface Visit {
  request: IncomingMessage
  response: ServerResponse
  /** Resolves when the exchange's connection is over for the service before it was complete. */
  cancelled: Promise<unknown>
}

/** Exchanges that the service leaves to the test, by path. */
const waiting = new Map<string, (visit: Visit) => void>()
const visit = (path: string): Promise<Visit> => new Promise((resolve) => waiting.set(path, resolve))

const service = await startUpstream(t, (request, response) => {
  const path = request.url ?? ''
  const taken = waiting.get(path)
  if (taken !== undefined) {
    waiting.delete(path)
    const cancelled = new Promise((resolve) => response.on('close', () => response.writableFinished || resolve(true)))
    return taken({ request, response, cancelled })
  }
  const hash = createHash('sha256')
  let bytes = 0
  request.on('data', (part: Buffer) => {
    bytes += part.length
    hash.update(part)
  })
  request.on('end', () => {
    if (path === '/nothing') return response.writeHead(204).end()
    const text = JSON.stringify({ bytes, sha256: hash.digest('hex') })
    if (path !== '/pieces') return response.writeHead(200, { 'content-length': text.length }).end(text)
    response.write(text.slice(0, 20))
    return setTimeout(() => response.end(text.slice(20)), 30)
  })
})

const gateway = await startGateway(
  t,
  `
version: 1
listen: [ { name: plain, address: "127.0.0.1:0" } ]
profiles: [ { name: open, policies: { auth: public, validate: { body: { maxSize: 1gb } } } } ]
services:
  - name: main
    url: ${service.url}
    use: [open]
    routes:
      - { name: any, match: { paths: ["/*"] } }
      - { name: limited, match: { paths: ["/limited/*"] }, policies: { validate: { body: { maxSize: 64kb } } } }
      - { name: own, match: { paths: ["/own"] }, respond: { status: 200, body: "of our own" } }
`
)
const { port } = gateway
const head = (method: string, path: string, more = ''): string =>
  `${method} ${path} HTTP/1.1\r\nHost: a.test\r\n${more}\r\n`
const chunk = (data: string): string => `${data.length.toString(16)}\r\n${data}\r\n`
const CHUNKED = 'Transfer-Encoding: chunked\r\n'
/** Bytes that the kernel's own buffers hold at most, for a connection in one direction. */
const KERNEL = ['rmem', 'wmem']
  .map((name) => Number(readFileSync(`/proc/sys/net/ipv4/tcp_${name}`, 'utf8').trim().split(/\s+/)[2]))
  .reduce((sum, bytes) => sum + bytes)
/** More than two connections and the gateway between them hold while one end stands still. */
const BUFFERS = 2 * KERNEL + (4 << 20)

/** Resolves with a count once it has not changed for a second. */
async function rests(count: () => number): Promise<number> {
  for (let before = -1, quiet = 0; quiet < 10; await sleep(100)) {
    const now = count()
    quiet = now === before ? quiet + 1 : 0
    before = now
  }
  return count()
}

t.test('an upload arrives piece by piece, a download too', async (t) => {
  for (const framing of ['Content-Length: 10\r\n', CHUNKED]) {
    const piece = (text: string): string => (framing === CHUNKED ? chunk(text) : text)
    const arrives = visit('/two-way')
    const connection = await connect(port)
    connection.send(head('POST', '/two-way', framing) + piece('first'))
    const { request, response } = await arrives
    const [first] = (await once(request, 'data')) as [Buffer]
    t.equal(first.toString(), 'first', 'before the second was sent')
    response.write('answer ')
    await connection.holds('answer ')
    connection.send(piece('later') + (framing === CHUNKED ? '0\r\n\r\n' : ''))
    const [later] = (await once(request, 'data')) as [Buffer]
    t.equal(later.toString(), 'later', 'and the upload goes on while the answer is on its way')
    response.end('ends')
    const answer = await connection.response()
    t.same([answer.body, answer.truncated], ['answer ends', false])
    connection.close()
  }
})

t.test('large bodies arrive whole', async (t) => {
  const body = Buffer.alloc(5_000_000, 'The quick brown fox. ')
  const sha256 = createHash('sha256').update(body).digest('hex')
  const sized = await ask(port, '/whole', { method: 'PUT', body })
  t.same(JSON.parse(sized.body), { bytes: body.length, sha256 })
  const chunked = await ask(port, '/whole', { method: 'PUT', body, headers: { 'transfer-encoding': 'chunked' } })
  t.same(JSON.parse(chunked.body), { bytes: body.length, sha256 })
})

t.test('a chunked request is answered properly, whatever the answer, and its connection closed', async (t) => {
  for (const [path, status, framing] of [
    ['/whole', 200, 'length'],
    ['/pieces', 200, 'chunked'],
    ['/nothing', 204, 'none'],
    ['/own', 200, 'chunked']
  ] as const) {
    const connection = await connect(port)
    const answer = await connection.send(head('POST', path, CHUNKED) + chunk('hello') + '0\r\n\r\n').response()
    t.same([answer.status, answer.framing, answer.truncated], [status, framing, false], path)
    t.same(answer.values('connection'), ['close'], path)
    if (path === '/pieces') t.equal(JSON.parse(answer.body).bytes, 5)
    if (path === '/own') t.equal(answer.body, 'of our own')
    t.ok(await connection.ended(), `${path}: closed`)
    t.equal(connection.rest, '', `${path}: nothing behind the answer`)
  }
})

t.test('a reader that stops reading stalls its own exchange only', async (t) => {
  const arrives = visit('/endless')
  const stalled = await connect(port)
  stalled.socket.pause()
  stalled.send(head('GET', '/endless'))
  const { response, cancelled } = await arrives
  const piece = Buffer.alloc(64 << 10, 'x')
  let written = 0
  const fill = (): void => {
    while (!response.destroyed) {
      written += piece.length
      if (!response.write(piece)) return
    }
  }
  response.on('drain', fill)
  fill()
  await rests(() => written)
  const others = await Promise.all(Array.from({ length: 20 }, () => ask(port, '/whole')))
  t.ok(
    others.every(({ status }) => status === 200),
    'others are served meanwhile'
  )
  const most = await rests(() => written)
  t.ok(most < BUFFERS, `the service was stopped after ${most} bytes`)
  let read = 0
  stalled.socket.on('data', (data: Buffer) => (read += data.length))
  stalled.socket.resume()
  while (read < most + (4 << 20)) await sleep(10)
  t.pass('and it goes on when the reader does')
  stalled.close()
  t.ok(await cancelled)
})

t.test('an upload goes no faster than a slow service takes it', async (t) => {
  const arrives = visit('/slow')
  const total = BUFFERS
  const upload = http.request({
    port,
    host: '127.0.0.1',
    path: '/slow',
    method: 'PUT',
    headers: { 'content-length': total }
  })
  const answered = once(upload, 'response') as Promise<[IncomingMessage]>
  const piece = Buffer.alloc(1 << 20, 'y')
  let sent = 0
  const fill = (): void => {
    while (sent < total) {
      sent += piece.length
      if (!upload.write(piece)) return
    }
    upload.end()
  }
  upload.on('drain', fill)
  fill()
  const { request, response } = await arrives
  request.pause()
  await rests(() => sent)
  // Of the client's connection the gateway's kernel buffers hardly anything: see acceptor/receive-buffer.ts.
  t.ok(sent < KERNEL + (12 << 20), `the client was stopped after ${sent} bytes`)
  t.equal((await ask(port, '/whole')).status, 200, 'others are served meanwhile')
  let received = 0
  request.on('data', (data: Buffer) => (received += data.length))
  request.on('end', () => response.end('done'))
  request.resume()
  const [answer] = await answered
  t.equal(answer.statusCode, 200)
  t.equal(received, total, 'every byte arrived once the service went on')
  answer.resume()
})

t.test('a client that leaves cancels its request at the service', async (t) => {
  const cases: [string, string, (visit: Visit) => void][] = [
    ['waiting for an answer', head('GET', '/leaves-0'), () => {}],
    ['within the answer', head('GET', '/leaves-1'), ({ response }) => void response.write('some of it')],
    [
      'within the upload',
      head('POST', '/leaves-2', 'Content-Length: 1000\r\n') + 'some of it',
      ({ request }) => request.resume()
    ],
    [
      'within a chunked upload',
      head('POST', '/leaves-3', CHUNKED) + chunk('some of it'),
      ({ request }) => request.resume()
    ]
  ]
  for (const [i, [when, bytes, begin]] of cases.entries()) {
    const arrives = visit(`/leaves-${i}`)
    const connection = await connect(port)
    connection.send(bytes)
    const found = await arrives
    begin(found)
    if (when === 'within the answer') await connection.holds('some of it')
    connection.close()
    t.ok(await found.cancelled, when)
    const line = await gateway.line((l) => l['path'] === `/leaves-${i}`)
    t.match(line, { decision: 'abort', status: 499, problem: 'client-closed' })
  }
})

t.test('a service that leaves within an upload is a 502 that the client can read', async (t) => {
  const arrives = visit('/dies')
  const connection = await connect(port)
  connection.send(head('POST', '/dies', 'Content-Length: 10000000\r\n') + 'x'.repeat(10_000))
  const { request } = await arrives
  request.socket.resetAndDestroy()
  const answer = await connection.response()
  t.equal(answer.status, 502)
  t.notOk(answer.truncated)
  connection.close()
})

t.test('an answer that comes before the upload is complete arrives whole', async (t) => {
  for (const framing of ['Content-Length: 10000000\r\n', CHUNKED]) {
    for (const sized of [true, false]) {
      const arrives = visit('/early')
      const connection = await connect(port)
      connection.send(head('POST', '/early', framing) + chunk('x'.repeat(5_000)))
      const { response } = await arrives
      response.writeHead(422, sized ? { 'content-length': 8 } : {}).end('too much')
      const answer = await connection.response()
      t.same([answer.status, answer.body, answer.truncated], [422, 'too much', false], `${framing.trim()}, ${sized}`)
      // A client that reads nothing before it has sent all must not be cut off before it could.
      for (let i = 0; i < 10; i++) {
        connection.send(chunk('y'.repeat(50_000)))
        await sleep(5)
      }
      t.notOk(connection.reset, 'what is still sent is taken, for a while')
      connection.close()
    }
  }
})

t.test('a body that is too large is a 413 that any client can read', async (t) => {
  const body = 'z'.repeat(3_000_000)
  for (const [name, headers] of [
    ['declared', {}],
    ['chunked', { 'transfer-encoding': 'chunked' }]
  ] as const) {
    const before = service.seen.length
    const answer = await ask(port, '/limited/x', { method: 'POST', headers, body })
    t.equal(answer.status, 413, name)
    t.match(JSON.parse(answer.body), { status: 413, title: 'Content Too Large' }, name)
    if (name === 'declared') t.equal(service.seen.length, before, 'nothing of it reached the service')
    t.match(await gateway.line((l) => l['id'] === JSON.parse(answer.body).instance), {
      status: 413,
      problem: 'too-large',
      policy: 'validate'
    })
  }
})

t.test('a chunked body that is too large is cut off at the service as well', async (t) => {
  const arrives = visit('/limited/y')
  const connection = await connect(port)
  connection.send(head('POST', '/limited/y', CHUNKED) + chunk('a'.repeat(60_000)))
  const { request, cancelled } = await arrives
  request.resume()
  connection.send(chunk('b'.repeat(10_000)))
  const answer = await connection.response()
  t.equal(answer.status, 413)
  t.ok(await cancelled, 'the service sees no whole body')
  connection.close()
})

t.test('bodies of exactly the limit pass, one byte more does not', async (t) => {
  const limit = 64 * 1024
  for (const [size, status] of [
    [limit - 1, 200],
    [limit, 200],
    [limit + 1, 413]
  ] as const) {
    const body = 'q'.repeat(size)
    t.equal((await ask(port, '/limited/n', { method: 'POST', body })).status, status, `${size} declared`)
    const headers = { 'transfer-encoding': 'chunked' }
    t.equal((await ask(port, '/limited/n', { method: 'POST', body, headers })).status, status, `${size} chunked`)
  }
})

t.test('a refusal of a small body leaves the connection usable', async (t) => {
  const connection = await connect(port)
  const body = 'w'.repeat(100_000)
  const answer = await connection.send(head('POST', '/limited/k', `Content-Length: ${body.length}\r\n`)).response()
  t.equal(answer.status, 413, 'before the body was sent')
  const next = await connection.send(body + head('GET', '/whole')).response()
  t.equal(next.status, 200)
  connection.close()
})

t.test('an answer of our own to a large upload arrives before its end, and nothing behind it runs', async (t) => {
  const before = service.seen.length
  const connection = await connect(port)
  connection.send(head('POST', '/own', 'Content-Length: 3000000\r\n') + 'v'.repeat(1_000_000))
  const answer = await connection.response()
  t.same([answer.status, answer.body], [200, 'of our own'])
  connection.send('v'.repeat(2_000_000) + head('GET', '/whole'))
  t.ok(await connection.ended())
  t.equal(connection.rest, '')
  t.equal(service.seen.length, before)
})

t.test('HEAD with a body is answered without one', async (t) => {
  const answer = await exchange(port, head('HEAD', '/whole', 'Content-Length: 5\r\n') + 'hello', 'HEAD')
  t.equal(answer.status, 200)
})

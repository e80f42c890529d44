import { createServer, request } from 'node:http'
import { once } from 'node:events'
import { connect, type AddressInfo } from 'node:net'
import t, { type Test } from 'tap'
import { AdminProblem, json, type Resource } from '../../../src/control/admin/resource.ts'
import { Router } from '../../../src/control/admin/router.ts'
import { ADMIN_HTTP, adminListener } from '../../../src/control/admin/server.ts'

const LIMIT = 100

const THINGS: Resource[] = [
  {
    path: '/things',
    operations: {
      GET: { run: ({ query }) => json(200, { by: query.get('by') }) },
      POST: { body: LIMIT, run: ({ body }) => json(201, { body: body ?? null }) }
    }
  },
  {
    path: '/things/{id}',
    operations: {
      GET: { run: ({ params }) => json(200, params) },
      DELETE: {
        run: ({ params: { id } }) => {
          throw new AdminProblem(409, `thing ${id} is in use`)
        }
      }
    }
  }
]

async function serve(t: Test, options: { requestTimeout?: number } = {}): Promise<number> {
  const http = { ...ADMIN_HTTP, headersTimeout: 300, ...options, connectionsCheckingInterval: 50 }
  const server = createServer(http, adminListener(THINGS)).listen(0, '127.0.0.1')
  await once(server, 'listening')
  t.teardown(() => {
    server.closeAllConnections()
    server.close()
  })
  return (server.address() as AddressInfo).port
}

interface Reply {
  status: number
  body: unknown
  allow: string | undefined
}

function ask(
  port: number,
  method: string,
  path: string,
  body?: string | Buffer,
  headers: Record<string, string> = { 'content-type': 'application/json' }
): Promise<Reply> {
  return new Promise((resolve, reject) => {
    const call = request({ port, method, path, agent: false, headers }, (response) => {
      let text = ''
      response.on('data', (part) => (text += String(part)))
      response.on('end', () =>
        resolve({
          status: response.statusCode ?? 0,
          body: text === '' ? undefined : JSON.parse(text),
          allow: response.headers.allow
        })
      )
    })
    call.on('error', reject)
    call.end(body)
  })
}

t.test('path parameters, the query and a body reach the operation', async (t) => {
  const port = await serve(t)
  t.match(await ask(port, 'GET', '/things?by=name&by=x'), { status: 200, body: { by: 'name' } })
  t.match(await ask(port, 'GET', '/things/a%2Fb%20c'), { status: 200, body: { id: 'a/b c' } })
  t.match(await ask(port, 'POST', '/things', '{"a":[1]}'), { status: 201, body: { body: { a: [1] } } })
  t.match(await ask(port, 'POST', '/things'), { status: 201, body: { body: null } })
  t.match(await ask(port, 'DELETE', '/things/7'), { status: 409, body: { detail: 'thing 7 is in use' } })
})

t.test('what no operation answers', async (t) => {
  const port = await serve(t)
  for (const [method, path, status, allow] of [
    ['GET', '/thing', 404, undefined],
    ['GET', '/things/', 404, undefined],
    ['GET', '/things/1/2', 404, undefined],
    ['GET', `/things${'/x'.repeat(3000)}`, 404, undefined],
    ['GET', '/things/%ff', 400, undefined],
    ['GET', '/things/%', 400, undefined],
    ['PUT', '/things', 405, 'GET, POST'],
    ['POST', '/things/1', 405, 'GET, DELETE'],
    ['OPTIONS', '/things', 405, 'GET, POST']
  ] as const) {
    const answer = await ask(port, method, path)
    t.match(answer, { status, body: { type: 'about:blank', status } }, `${method} ${path.slice(0, 40)}`)
    t.equal(answer.allow, allow)
  }
})

t.test('a body is bounded, typed and JSON', async (t) => {
  const port = await serve(t)
  const exactly = (bytes: number): string => `"${'x'.repeat(bytes - 2)}"`
  t.match(await ask(port, 'POST', '/things', exactly(LIMIT - 1)), { status: 201 })
  t.match(await ask(port, 'POST', '/things', exactly(LIMIT)), { status: 201 })
  t.match(await ask(port, 'POST', '/things', exactly(LIMIT + 1)), { status: 413, body: { detail: /100 bytes/ } })
  const chunked = { 'content-type': 'application/json', 'transfer-encoding': 'chunked' }
  t.match(await ask(port, 'POST', '/things', exactly(LIMIT), chunked), { status: 201 })
  t.match(await ask(port, 'POST', '/things', exactly(LIMIT + 1), chunked), { status: 413 })
  t.match(await ask(port, 'POST', '/things', exactly(500_000), chunked), { status: 413 })
  for (const bad of ['', '{', '{"a":1}x', 'undefined', '\ufeff{}', Buffer.from('"\xff"', 'latin1')])
    t.match(await ask(port, 'POST', '/things', bad, chunked), { status: 400 }, JSON.stringify(bad))
  for (const type of ['text/plain', 'application/x-www-form-urlencoded', 'application/jsonp', ''])
    t.match(await ask(port, 'POST', '/things', '{}', { 'content-type': type }), { status: 415 }, type)
  t.match(await ask(port, 'POST', '/things', '{}', { 'content-type': 'Application/JSON; charset=utf-8' }), {
    status: 201
  })
  t.match(
    await ask(port, 'DELETE', '/things/1', '{}', { 'content-length': '2' }),
    { status: 413 },
    'no body is taken here'
  )
})

t.test('a client that sends its call too slowly is cut off, and others are served meanwhile', async (t) => {
  const port = await serve(t, { requestTimeout: 300 })
  const slow = connect(port, '127.0.0.1')
  slow.write('POST /things HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\ncontent-length: 50\r\n\r\n{')
  slow.resume()
  const closed = once(slow, 'close')
  t.match(await ask(port, 'GET', '/things'), { status: 200 })
  await closed
  t.match(await ask(port, 'GET', '/things'), { status: 200 })
})

t.test('two resources for one path are a fault of ours', async (t) => {
  const of = (path: string): Resource => ({ path, operations: {} })
  t.throws(() => new Router([of('/a/{x}'), of('/a/b')]), { message: /two admin resources/ })
  t.doesNotThrow(() => new Router([of('/a/{x}'), of('/a/b/c'), of('/a')]))
})

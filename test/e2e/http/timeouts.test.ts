/** Who is too slow is told so, and nobody waits for ever: 408 while the client sends, 504 after, a cut within an answer. */
import { setTimeout as sleep } from 'node:timers/promises'
import t from 'tap'
import { connect, exchange } from '../connection.ts'
import { startGateway } from '../gateway.ts'
import { startUpstream } from '../upstream.ts'

const service = await startUpstream(t, (request, response): unknown => {
  const { pathname } = new URL(request.url ?? '', 'http://service')
  request.resume()
  switch (pathname.split('/').at(-1)) {
    case 'never':
      return undefined
    case 'stops':
      response.setHeader('content-length', 100)
      return response.write('some of it')
    case 'head-only':
      response.setHeader('content-length', 100)
      return response.flushHeaders()
    case 'drips': {
      let sent = 0
      const timer = setInterval(() => {
        if (++sent < 8) return response.write('drip ')
        clearInterval(timer)
        return response.end('done')
      }, 250)
      return response.on('close', () => clearInterval(timer))
    }
    default:
      return request.on('end', () => response.end('whole'))
  }
})

const gateway = await startGateway(
  t,
  `
version: 1
listen: [ { name: plain, address: "127.0.0.1:0" } ]
profiles: [ { name: open, policies: { auth: public } } ]
services:
  - name: main
    upstream: { targets: [ { url: ${service.url} } ], timeouts: { connect: 10s, response: 2s, idle: 1m } }
    use: [open]
    routes:
      - { name: quick, match: { paths: ["/quick/*"] }, policies: { timeouts: { request: 1500ms, idle: 1500ms } } }
      - { name: usual, match: { paths: ["/usual/*"] } }
`
)
const { port } = gateway
const head = (method: string, path: string, more = ''): string =>
  `${method} ${path} HTTP/1.1\r\nHost: a.test\r\n${more}\r\n`

// They only wait, so they wait together.
t.jobs = 8
const together = { buffered: true }

t.test('a client that stops within its upload is 408, and its connection ends', together, async (t) => {
  const stall = async (framing: string): Promise<void> => {
    const began = Date.now()
    const connection = await connect(port)
    const answer = await connection.send(head('POST', '/quick/x', framing) + '5\r\nhello\r\n').response()
    t.equal(answer.status, 408, framing)
    t.ok(Date.now() - began >= 1490, 'not before its time')
    t.same(answer.values('connection'), ['close'])
    t.ok(await connection.ended())
    const line = await gateway.line((l) => l['id'] === JSON.parse(answer.body).instance)
    t.match(line, { problem: 'request-timeout', policy: 'timeouts', status: 408 })
  }
  await Promise.all([stall('Content-Length: 100\r\n'), stall('Transfer-Encoding: chunked\r\n')])
})

t.test(
  'a service that does not answer in the route\u2019s time is 504, and the connection goes on',
  together,
  async (t) => {
    const connection = await connect(port)
    const answer = await connection.send(head('GET', '/quick/never')).response()
    t.equal(answer.status, 504)
    t.equal((await connection.send(head('GET', '/usual/x')).response()).status, 200)
    connection.close()
  }
)

t.test('a service that does not answer in the upstream\u2019s time is 504', together, async (t) => {
  const answer = await exchange(port, head('GET', '/usual/never'))
  t.equal(answer.status, 504)
  const line = await gateway.line((l) => l['id'] === JSON.parse(answer.body).instance)
  t.match(line, { problem: 'upstream-timeout', policy: 'upstream', status: 504 })
})

t.test('silence within an answer cuts it visibly', together, async (t) => {
  const began = Date.now()
  const answer = await exchange(port, head('GET', '/quick/stops'))
  t.same([answer.status, answer.body, answer.truncated], [200, 'some of it', true])
  t.ok(Date.now() - began >= 1490, 'not before its time')
  const line = await gateway.line((l) => l['path'] === '/quick/stops')
  t.match(line, { decision: 'error', problem: 'upstream-timeout', status: 200 })
})

t.test('silence behind the head alone is still a 504', together, async (t) => {
  const answer = await exchange(port, head('GET', '/quick/head-only'))
  t.equal(answer.status, 504)
  t.notOk(answer.truncated)
})

t.test('an answer that drips is no silence', together, async (t) => {
  const answer = await exchange(port, head('GET', '/quick/drips'))
  t.same([answer.body, answer.truncated], ['drip drip drip drip drip drip drip done', false])
})

t.test('an upload of 8 KB/s is slow and no fault', together, async (t) => {
  const connection = await connect(port)
  connection.send(head('POST', '/usual/x', 'Content-Length: 28000\r\n'))
  for (let i = 0; i < 14; i++) {
    connection.send('u'.repeat(2_000))
    await sleep(250)
  }
  t.equal((await connection.response()).status, 200)
  connection.close()
})

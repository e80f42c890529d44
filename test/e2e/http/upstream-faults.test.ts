/** Whatever a service does wrong, its client gets a refusal that tells nothing of the inside, and the owner the reason. */
import t, { type Test } from 'tap'
import { scripted } from '../../upstream/scripted.ts'
import { connect, exchange, type RawResponse } from '../connection.ts'
import { freePort } from '../free-port.ts'
import { startGateway } from '../gateway.ts'

const OK = 'HTTP/1.1 200 OK\r\n'
/** Path, what the service sends before it falls silent, status, problem. */
const FAULTS: [string, string, number, string][] = [
  ['/garbage', 'SSH-2.0-OpenSSH_9.2p1 Debian-2\r\n\r\n', 502, 'upstream-invalid'],
  ['/http2', 'HTTP/2.0 200 OK\r\n\r\n', 502, 'upstream-invalid'],
  ['/bad-status', 'HTTP/1.1 2000 Fine\r\n\r\n', 502, 'upstream-invalid'],
  ['/bad-length', `${OK}Content-Length: ten\r\n\r\n`, 502, 'upstream-invalid'],
  ['/two-lengths', `${OK}Content-Length: 3\r\nContent-Length: 4\r\n\r\nabc`, 502, 'upstream-invalid'],
  [
    '/length-and-chunked',
    `${OK}Content-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n`,
    502,
    'upstream-invalid'
  ],
  ['/folded', `${OK}X-A: 1\r\n 2\r\nContent-Length: 0\r\n\r\n`, 502, 'upstream-invalid'],
  ['/nul', `${OK}X-A: a\0b\r\nContent-Length: 0\r\n\r\n`, 502, 'upstream-invalid'],
  ['/head-too-large', `${OK}X-A: ${'a'.repeat(70_000)}\r\nContent-Length: 0\r\n\r\n`, 502, 'upstream-invalid'],
  [
    '/unasked-upgrade',
    'HTTP/1.1 101 Switching Protocols\r\nUpgrade: h2c\r\nConnection: upgrade\r\n\r\n',
    502,
    'upstream-invalid'
  ],
  ['/silent', '', 504, 'upstream-timeout'],
  ['/half-a-head', `${OK}X-A: 1`, 504, 'upstream-timeout']
]
let clientHasRead = (): void => {}
const readByClient = new Promise<void>((resolve) => (clientHasRead = resolve))
const service = await scripted(t, async (peer) => {
  for (;;) {
    const path = (await peer.head()).split(' ')[1] ?? ''
    const fault = FAULTS.find(([name]) => name === path)
    if (fault !== undefined) peer.send(fault[1])
    else if (path === '/reset') return peer.reset()
    else if (path === '/ends') return peer.finish()
    else if (path === '/ends-within-head') {
      peer.send(`${OK}X-A`)
      return peer.finish()
    } else if (path === '/resets-within-body') {
      peer.send(`${OK}Content-Length: 100\r\n\r\nsome of it`)
      // A reset takes what was not read yet with it.
      await readByClient
      return peer.reset()
    } else if (path === '/bad-chunk') peer.send(`${OK}Transfer-Encoding: chunked\r\n\r\n5\r\nhello\r\nzz\r\n`)
    else if (path === '/more-than-asked')
      peer.send(`${OK}Content-Length: 2\r\n\r\nokHTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nevil`)
    else if (path === '/interim')
      peer.send(`HTTP/1.1 103 Early Hints\r\nLink: </x>\r\n\r\n${OK}Content-Length: 2\r\n\r\nok`)
    else if (path === '/talks')
      peer.send(`${OK}Server: nginx/1.22.1\r\nX-Powered-By: PHP/8.1\r\nVia: 1.1 inside\r\nContent-Length: 2\r\n\r\nok`)
    else peer.send(`${OK}Content-Length: 2\r\n\r\nok`)
  }
})

const refusing = await freePort()

const gateway = await startGateway(
  t,
  `
version: 1
listen: [ { name: plain, address: "127.0.0.1:0" } ]
profiles: [ { name: open, policies: { auth: public } } ]
defaults: { upstream: { timeouts: { connect: 10s, response: 2s, idle: 2s } } }
services:
  - name: main
    upstream: { targets: [ { url: "${service.origin}" } ] }
    use: [open]
    routes: [ { name: any, match: { hosts: [a.test], paths: ["/*"] } } ]
  - name: gone
    upstream: { targets: [ { url: "http://127.0.0.1:${refusing}" } ] }
    use: [open]
    routes: [ { name: any, match: { hosts: [gone.test], paths: ["/*"] } } ]
  - name: narrow
    upstream: { targets: [ { url: "${service.origin}" } ], connections: { max: 1 } }
    use: [open]
    routes: [ { name: any, match: { hosts: [narrow.test], paths: ["/*"] } } ]
  - name: closed
    url: ${service.origin}
    policies: { auth: { key: { header: x-api-key } } }
    routes: [ { name: any, match: { hosts: [closed.test], paths: ["/*"] } } ]
consumers: [ { name: acme, keys: [ { id: k1, hash: "sha256:${'0'.repeat(64)}" } ] } ]
`,
  { workers: 1 }
)
const get = (path: string, host = 'a.test'): string => `GET ${path} HTTP/1.1\r\nHost: ${host}\r\n\r\n`

/** Nothing of the inside: product, library, version, address, path of a file, stack. */
const INSIDE =
  /gatehouse|uwebsockets|uws|undici|node|nginx|openssh|127\.0\.0\.1|localhost|:\d{4,5}\b|\d+\.\d+\.\d+|\.[jt]s\b|\bat [A-Z]|ECONN/i

function tellsNothing(t: Test, answer: RawResponse): void {
  const { head, body } = answer
  t.notMatch(head.replace(/^HTTP\/1\.1/, '').replace(/^date:.*$/im, ''), INSIDE, 'nothing in the head')
  t.notMatch(body, INSIDE, 'nothing in the body')
  t.same(answer.values('server'), [])
  t.same(Object.keys(JSON.parse(body)).toSorted(), ['instance', 'status', 'title', 'type'])
}

t.jobs = 8
const together = { buffered: true }

for (const [path, , status, problem] of FAULTS) {
  t.test(`${path.slice(1)} is ${status}`, together, async (t) => {
    const connection = await connect(gateway.port)
    const answer = await connection.send(get(path)).response()
    t.equal(answer.status, status)
    tellsNothing(t, answer)
    const line = await gateway.line((l) => l['id'] === JSON.parse(answer.body).instance)
    t.match(line, { problem, policy: 'upstream', status, target: new URL(service.origin).host })
    t.match(line['reason'], new URL(service.origin).host, 'the owner learns which target it was')
    t.equal((await connection.send(get('/')).response()).status, 200, 'and the client\u2019s connection goes on')
    connection.close()
  })
}

for (const path of ['/reset', '/ends', '/ends-within-head']) {
  t.test(`${path.slice(1)} is 502`, together, async (t) => {
    const answer = await exchange(gateway.port, get(path))
    t.equal(answer.status, 502)
    tellsNothing(t, answer)
    t.match(await gateway.line((l) => l['id'] === JSON.parse(answer.body).instance), {
      problem: 'upstream-broke',
      status: 502
    })
  })
}

t.test('a refused connection is 502', together, async (t) => {
  const answer = await exchange(gateway.port, get('/', 'gone.test'))
  t.equal(answer.status, 502)
  tellsNothing(t, answer)
  const line = await gateway.line((l) => l['id'] === JSON.parse(answer.body).instance)
  t.match(line, { problem: 'upstream-unreachable', target: `127.0.0.1:${refusing}`, reason: /ECONNREFUSED|refused/ })
})

for (const path of ['/resets-within-body', '/bad-chunk']) {
  t.test(`${path.slice(1)} cuts the answer visibly`, together, async (t) => {
    const connection = await connect(gateway.port)
    await connection.send(get(path)).holds(path === '/bad-chunk' ? 'hello' : 'some of it')
    clientHasRead()
    const answer = await connection.response()
    connection.close()
    t.same([answer.status, answer.truncated], [200, true])
    t.match(await gateway.line((l) => l['path'] === path), { decision: 'error', status: 200, policy: 'upstream' })
  })
}

t.test('no connection free is 503 with Retry-After', together, async (t) => {
  const waiting = exchange(gateway.port, get('/silent', 'narrow.test'))
  const more = await Promise.all([0, 1].map(() => exchange(gateway.port, get('/silent', 'narrow.test'))))
  const statuses = [await waiting, ...more].map(({ status }) => status)
  t.ok(statuses.includes(504), String(statuses))
  const shed = more.find(({ status }) => status === 503)
  if (shed !== undefined) t.same(shed.values('retry-after'), ['1'])
})

t.test('bytes behind an answer reach nobody', together, async (t) => {
  for (let i = 0; i < 5; i++) {
    const answer = await exchange(gateway.port, get('/more-than-asked'))
    if (answer.status === 200) t.equal(answer.body, 'ok')
    const next = await exchange(gateway.port, get('/'))
    t.same([next.status, next.body], [200, 'ok'])
  }
})

t.test('interim answers are not shown', together, async (t) => {
  const answer = await exchange(gateway.port, get('/interim'))
  t.same([answer.status, answer.body, answer.values('link')], [200, 'ok', []])
})

t.test('what a service says of its software stays inside', together, async (t) => {
  const answer = await exchange(gateway.port, get('/talks'))
  for (const name of ['server', 'x-powered-by', 'via']) t.same(answer.values(name), [], name)
})

t.test('401, 404 and 405 tell nothing either', together, async (t) => {
  const unknown = await exchange(gateway.port, get('/', 'closed.test'))
  t.equal(unknown.status, 401)
  tellsNothing(t, unknown)
  const wrong = await exchange(
    gateway.port,
    get('/', 'closed.test').replace('\r\n\r\n', '\r\nX-API-Key: wrong\r\n\r\n')
  )
  t.equal(wrong.status, 401)
  const same = (answer: RawResponse): string => answer.body.replace(/"instance":"[^"]*"/, '')
  t.equal(same(wrong), same(unknown), '\u201cno key\u201d and \u201cwrong key\u201d look alike')
  const missing = await exchange(gateway.port, get('/', 'nobody.test'))
  t.equal(missing.status, 404)
  tellsNothing(t, missing)
})

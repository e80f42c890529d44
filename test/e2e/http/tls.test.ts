/** TLS as clients see it: which certificate answers, for which hosts a connection is good, which versions. */
import https from 'node:https'
import type { TLSSocket } from 'node:tls'
import t from 'tap'
import { testCertificate } from '../certificates.ts'
import { ask } from '../client.ts'
import { connectTls, type RawResponse } from '../connection.ts'
import { startGateway } from '../gateway.ts'
import { startUpstream } from '../upstream.ts'

const service = await startUpstream(t)
const first = await testCertificate('first', ['one.test', 'alias.test'])
const second = await testCertificate('second', ['two.test', '*.two.test'])
const ca = [first.ca, second.ca]

const gateway = await startGateway(
  t,
  `
version: 1
listen:
  - { name: public, address: "127.0.0.1:0", tls: true, ready: /-/ready }
  - { name: plain, address: "127.0.0.1:0", redirect: https, ready: /-/ready }
tls:
  certificates:
    - ${first.yaml}
    - ${second.yaml}
services:
  - name: main
    url: ${service.url}
    policies: { auth: public }
    routes: [ { name: any, match: { paths: ["/*"] } } ]
`,
  { files: { ...first.files, ...second.files } }
)
const [port = 0, plain = 0] = gateway.ports

/** One request for `host` over a connection opened with `servername` (none: ''). */
async function get(
  servername: string,
  host: string,
  options: object = {}
): Promise<{ answer: RawResponse; names: string; version: string | null }> {
  const connection = await connectTls(port, { ca, servername, checkServerIdentity: () => undefined, ...options })
  const { socket } = connection
  const answer = await connection.send(`GET / HTTP/1.1\r\nHost: ${host}\r\n\r\n`).response()
  const found = { answer, names: socket.getPeerCertificate().subjectaltname ?? '', version: socket.getProtocol() }
  connection.close()
  return found
}

t.test('the server name chooses the certificate', async (t) => {
  for (const [name, expected] of [
    ['one.test', 'one.test'],
    ['alias.test', 'one.test'],
    ['two.test', 'two.test'],
    ['a.two.test', '*.two.test']
  ] as const) {
    const { answer, names } = await get(name, name)
    t.equal(answer.status, 200, name)
    t.match(names, `DNS:${expected}`, name)
  }
})

t.test('without a server name the first certificate answers, and its hosts are served', async (t) => {
  for (const host of ['one.test', 'alias.test', '127.0.0.1']) {
    const { answer, names } = await get('', host)
    t.equal(answer.status, 200, host)
    t.match(names, 'DNS:one.test')
  }
  t.equal((await get('', 'two.test')).answer.status, 421)
})

t.test('an unknown server name gets the first certificate and nothing else', async (t) => {
  const { answer, names } = await get('unknown.test', 'unknown.test')
  t.match(names, 'DNS:one.test')
  t.equal(answer.status, 421)
})

t.test('a host of another certificate is 421, whatever its case or final dot', async (t) => {
  const before = service.seen.length
  for (const [name, host] of [
    ['one.test', 'two.test'],
    ['two.test', 'one.test'],
    ['one.test', 'TWO.test.'],
    ['one.test', 'a.two.test'],
    ['a.two.test', 'one.test'],
    ['two.test', 'a.b.two.test']
  ] as const) {
    const { answer } = await get(name, host)
    t.equal(answer.status, 421, `${host} over ${name}`)
    t.match(JSON.parse(answer.body), { status: 421, title: 'Misdirected Request' })
  }
  t.equal(service.seen.length, before, 'none reached the service')
})

t.test('hosts of the same certificate share a connection', async (t) => {
  for (const [name, host] of [
    ['one.test', 'alias.test:8443'],
    ['two.test', 'b.two.test'],
    ['a.two.test', 'two.test']
  ] as const) {
    t.equal((await get(name, host)).answer.status, 200, `${host} over ${name}`)
  }
})

t.test('TLS 1.2 and 1.3 are spoken, 1.1 is not', async (t) => {
  for (const version of ['TLSv1.2', 'TLSv1.3'] as const) {
    const found = await get('one.test', 'one.test', { minVersion: version, maxVersion: version })
    t.equal(found.version, version)
    t.equal(found.answer.status, 200)
  }
  const old = { minVersion: 'TLSv1', maxVersion: 'TLSv1.1', ciphers: 'DEFAULT@SECLEVEL=0' }
  await t.rejects(get('one.test', 'one.test', old))
})

t.test('a connection serves request after request', async (t) => {
  const agent = new https.Agent({ keepAlive: true, maxSockets: 1, ca, servername: 'one.test' })
  const sockets = new Set<TLSSocket>()
  agent.on('keylog', (_line: Buffer, socket: TLSSocket) => sockets.add(socket))
  for (let i = 0; i < 10; i++) {
    const answer = await ask(port, `/${i}`, { agent, ca: first.ca, headers: { host: 'one.test' } })
    t.equal(answer.status, 200)
    t.match(JSON.parse(answer.body).headers, { 'x-forwarded-proto': 'https' })
  }
  t.equal(sockets.size, 1)
  agent.destroy()
})

t.test('large bodies pass both ways over TLS', async (t) => {
  const body = 'l'.repeat(3_000_000)
  const agent = new https.Agent({ ca, servername: 'one.test' })
  const answer = await ask(port, '/', { method: 'POST', ca: first.ca, headers: { host: 'one.test' }, body, agent })
  t.equal(answer.status, 200)
  t.equal(JSON.parse(answer.body).body, body)
  agent.destroy()
})

t.test('a client that speaks plain HTTP to the TLS port gets nothing', async (t) => {
  await t.rejects(ask(port, '/', { timeout: 1_000 }))
})

t.test('the redirect listener sends everything to the TLS port', async (t) => {
  for (const [method, path, host, location] of [
    ['GET', '/a/b?x=1&y=%20', 'one.test', `https://one.test:${port}/a/b?x=1&y=%20`],
    ['POST', '/a', 'one.test:8080', `https://one.test:${port}/a`],
    ['GET', '//a/../b', 'One.Test', `https://one.test:${port}/b`],
    ['GET', '/', '[::1]:80', `https://[::1]:${port}/`]
  ] as const) {
    const answer = await ask(plain, path, { method, headers: { host } })
    t.equal(answer.status, 308, path)
    t.equal(answer.headers.location, location)
  }
  t.equal((await ask(plain, '/-/ready')).status, 200, 'but for its ready path')
})

t.test('the ready path answers on every host, without a route', async (t) => {
  const answer = await ask(port, '/-/ready', { ca: first.ca })
  t.same([answer.status, answer.body], [200, '{"ready":true}'])
})

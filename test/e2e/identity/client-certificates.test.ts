/** Mutual TLS: who is let in, whom a certificate stands for, and what changes with its authorities. */
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import type { ConnectionOptions } from 'node:tls'
import t from 'tap'
import { parseClientCertificate } from '../../../src/client/certificate.ts'
import { makeCertificate, type CertificateWishes, type MadeCertificate } from '../../control/compile/certificate.ts'
import { testCertificate } from '../certificates.ts'
import { connectTls, type Connection, type RawResponse } from '../connection.ts'
import { startGateway } from '../gateway.ts'
import { startUpstream } from '../upstream.ts'
import { eventually } from '../visitors.ts'

const server = await testCertificate('server', ['one.test', 'two.test'])
const [authority, stranger, next] = await Promise.all(
  ['ca', 'stranger', 'next ca'].map((name) => makeCertificate(name))
)
if (!authority || !stranger || !next) throw new Error('three were made')
const names = (...values: string[]): NonNullable<CertificateWishes['names']> =>
  values.map((value) => ({ type: value.includes('://') ? 'url' : value.includes('@') ? 'email' : 'dns', value }))
const client = (subject: string, wishes: CertificateWishes): Promise<MadeCertificate> =>
  makeCertificate(subject, { by: authority, ...wishes })

const byName = await client('by name', { names: names('Client.Acme.example') })
const byUri = await client('by uri', { names: names('spiffe://acme/worker') })
const byPrint = await client('by fingerprint', { names: names('pinned.example') })
const unknown = await client('unknown', { names: names('nobody.example') })
const two = await client('two', { names: names('client.acme.example', 'ops@other.example') })
const expired = await client('expired', { names: names('client.acme.example'), from: -10, to: -1 })
const early = await client('early', { names: names('client.acme.example'), from: 1, to: 10 })
const untrusted = await makeCertificate('untrusted', { names: names('client.acme.example'), by: stranger })
const renewed = await makeCertificate('renewed', { names: names('client.acme.example'), by: next })

const upstream = await startUpstream(t)
const gateway = await startGateway(
  t,
  `version: 1
listen:
  - { name: m2m, address: "127.0.0.1:0", tls: { clientCertificates: { ca: ca.pem, required: true } }, ready: /-/ready }
  - { name: public, address: "127.0.0.1:0", tls: { clientCertificates: { ca: ca.pem } } }
  - { name: plain, address: "127.0.0.1:0", tls: true }
tls:
  certificates: [ ${server.yaml} ]
state: { dir: var }
consumers:
  - name: acme
    groups: [partners]
    certificates: [ { san: "DNS:client.acme.example" }, { san: "URI:spiffe://acme/worker" } ]
  - name: other
    certificates: [ { fingerprint: "${parseClientCertificate(byPrint.cert).fingerprint}" }, { san: "email:ops@other.example" } ]
  - name: guest
services:
  - name: s
    url: ${upstream.url}
    routes:
      - { name: certificate, match: { paths: [/certificate] }, policies: { auth: { certificate: true } } }
      - { name: guests, match: { paths: [/guests] }, policies: { auth: { certificate: true, anonymous: guest } } }
      - { name: open, match: { paths: [/open] }, policies: { auth: public } }
      - { name: rule, match: { paths: [/rule] }, policies: { auth: public, authorize: { when: 'client.certificate.sans.exists(n, n.startsWith("URI:spiffe://acme/"))' } } }
`,
  { files: { ...server.files, 'ca.pem': authority.cert }, workers: 1 }
)
const [m2m = 0, open = 0, plain = 0] = gateway.ports

const pair = ({ cert, key }: MadeCertificate): ConnectionOptions => ({ cert, key })
const dial = (port: number, options: ConnectionOptions = {}): Promise<Connection> =>
  connectTls(port, { ca: server.ca, servername: 'one.test', ...options })

async function get(port: number, path: string, options: ConnectionOptions = {}): Promise<RawResponse> {
  const connection = await dial(port, options)
  try {
    return await connection.send(`GET ${path} HTTP/1.1\r\nHost: one.test\r\n\r\n`).response()
  } finally {
    connection.close()
  }
}

async function told(port: number, path: string, by: MadeCertificate): Promise<unknown> {
  const { status, body } = await get(port, path, pair(by))
  if (status !== 200) return status
  const { headers } = JSON.parse(body) as { headers: Record<string, string> }
  return [headers['x-consumer'], headers['x-auth-method'], headers['x-credential']].join(' ')
}

/** Whether the handshake, or with TLS 1.3 what follows it, ends the connection without an answer. */
async function cutOff(port: number, by: MadeCertificate, version: 'TLSv1.2' | 'TLSv1.3'): Promise<boolean> {
  try {
    const connection = await dial(port, { ...pair(by), minVersion: version, maxVersion: version })
    const answer = await connection
      .send('GET /open HTTP/1.1\r\nHost: one.test\r\n\r\n')
      .response()
      .catch(() => null)
    connection.close()
    return answer === null
  } catch {
    return true
  }
}

t.test('a certificate stands for the consumer that lists it: by name, URI or fingerprint', async (t) => {
  for (const port of [m2m, open]) {
    t.equal(await told(port, '/certificate', byName), 'acme certificate DNS:client.acme.example')
    t.equal(await told(port, '/certificate', byUri), 'acme certificate URI:spiffe://acme/worker')
    t.match(await told(port, '/certificate', byPrint), /^other certificate sha256:[0-9a-f]{64}$/)
    t.equal(await told(port, '/certificate', unknown), 401, 'vouched for, and nobody’s')
    t.equal(await told(port, '/certificate', two), 401, 'it names two consumers')
    t.equal(await told(port, '/guests', unknown), 401, 'there, and bad: no guest')
    t.match(await told(port, '/open', unknown), /public/, 'where it isn’t asked for, it isn’t looked at')
  }
})

t.test('what no authority vouches for, or time does not allow, ends at the handshake', async (t) => {
  const seen = upstream.seen.length
  for (const version of ['TLSv1.2', 'TLSv1.3'] as const) {
    for (const [name, by] of Object.entries({ untrusted, expired, early, renewed })) {
      for (const port of [m2m, open]) t.ok(await cutOff(port, by, version), `${name} ${version}`)
    }
    t.notOk(await cutOff(m2m, byName, version), version)
  }
  t.equal(upstream.seen.length, seen + 2)
})

t.test('required: no certificate, no answer but 401, and the connection ends', async (t) => {
  const seen = upstream.seen.length
  for (const path of ['/open', '/certificate', '/-/ready', '/none']) {
    const connection = await dial(m2m)
    const two = `GET ${path} HTTP/1.1\r\nHost: one.test\r\n\r\n`
    const answer = await connection.send(two + two).response()
    t.equal(answer.status, 401, path)
    t.strictSame(answer.values('www-authenticate'), ['ClientCertificate'])
    t.ok(await connection.ended())
    t.equal(connection.rest, '', 'what was sent behind it is not answered')
    connection.close()
  }
  t.equal(upstream.seen.length, seen)
  const line = await gateway.line(({ policy }) => policy === 'listen')
  t.match(line, { reason: 'the client shows no certificate', listener: 'm2m', status: 401 })
  t.equal((await get(m2m, '/-/ready', pair(unknown))).status, 200)
})

t.test('optional: none is taken as nobody', async (t) => {
  t.equal((await get(open, '/certificate')).status, 401)
  t.equal((await get(open, '/open')).status, 200)
  t.match((await get(open, '/guests')).body, /"x-consumer":"guest"/)
  t.equal((await get(plain, '/certificate', pair(byName))).status, 401, 'a listener that asks for none sees none')
})

t.test('rules read the certificate, on any route', async (t) => {
  t.equal((await get(open, '/rule', pair(byUri))).status, 200)
  t.equal((await get(open, '/rule', pair(byName))).status, 403)
  t.equal((await get(open, '/rule')).status, 403)
})

t.test('a resumed session keeps its certificate', async (t) => {
  for (const version of ['TLSv1.2', 'TLSv1.3'] as const) {
    const options = { ...pair(byName), minVersion: version, maxVersion: version }
    const first = await connectTls(m2m, { ca: server.ca, servername: 'one.test', ...options })
    // With TLS 1.3 the last one to come, after the handshake.
    let session: Buffer | undefined = first.socket.getSession()
    first.socket.on('session', (latest: Buffer) => (session = latest))
    t.equal((await first.send('GET /certificate HTTP/1.1\r\nHost: one.test\r\n\r\n').response()).status, 200)
    if (session === undefined) throw new Error('no session')
    const again = await connectTls(m2m, { ca: server.ca, servername: 'one.test', session, ...options })
    const answer = await again.send('GET /certificate HTTP/1.1\r\nHost: one.test\r\n\r\n').response()
    t.equal(answer.status, 200, `${version} ${again.socket.isSessionReused() ? 'resumed' : 'anew'}`)
    first.close()
    again.close()
  }
})

t.test('a connection of one host is not good for another: 421', async (t) => {
  const connection = await dial(m2m, pair(byName))
  const answer = await connection.send('GET /open HTTP/1.1\r\nHost: three.test\r\n\r\n').response()
  t.equal(answer.status, 421)
  connection.close()
})

t.test('changed authorities hold for new connections, with no restart; bad ones change nothing', async (t) => {
  const from = gateway.stderr.length
  writeFileSync(join(gateway.dir, 'ca.pem'), byName.cert)
  await gateway.said(/is not an authority's/, from)
  t.equal(await told(m2m, '/certificate', byName), 'acme certificate DNS:client.acme.example')
  const old = await dial(m2m, pair(byName))
  writeFileSync(join(gateway.dir, 'ca.pem'), next.cert)
  await eventually(async () => !(await cutOff(m2m, renewed, 'TLSv1.3')), 'the new authority is taken')
  t.equal(await told(m2m, '/certificate', renewed), 'acme certificate DNS:client.acme.example')
  t.ok(await cutOff(m2m, byName, 'TLSv1.3'), 'the old one is not')
  const last = await old.send('GET /certificate HTTP/1.1\r\nHost: one.test\r\n\r\n').response()
  t.strictSame([last.status, last.values('connection')], [200, ['close']])
  old.close()
})

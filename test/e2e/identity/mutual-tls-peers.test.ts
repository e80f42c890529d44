/**
 * Mutual TLS with peers of other makes: certificates that node-forge issued, in RSA, shown by a TLS client written in
 * JavaScript (lemon-tls) and by OpenSSL's (node:tls), to the gateway's BoringSSL.
 */
import { once } from 'node:events'
import { connect as connectTcp } from 'node:net'
import { connect as connectOpenSsl } from 'node:tls'
import { connect as connectLemon } from 'lemon-tls'
import forge from 'node-forge'
import t from 'tap'
import { testCertificate } from '../certificates.ts'
import { metric } from '../control.ts'
import { forgeCertificate, fingerprintOf, type ForgedCertificate, type ForgeWishes } from '../forge.ts'
import { startGateway } from '../gateway.ts'
import { startUpstream } from '../upstream.ts'
import { eventually } from '../visitors.ts'

const server = await testCertificate('server', ['one.test'])
const root = forgeCertificate('root', { authority: true })
const intermediate = forgeCertificate('intermediate', { by: root, authority: true, pathLength: 0 })
const beyond = forgeCertificate('beyond', { by: intermediate, authority: true })
const stranger = forgeCertificate('stranger', { authority: true })
const namesake = forgeCertificate('root', { authority: true })

const acme = [{ type: 'dns', value: 'client.acme.example' }] as const
const client = (wishes: ForgeWishes = {}): ForgedCertificate =>
  forgeCertificate('client', { by: root, names: acme, ...wishes })
const sending = (one: ForgedCertificate, ...more: ForgedCertificate[]): Pair => ({
  cert: one.cert + more.map(({ cert }) => cert).join(''),
  key: one.key
})
interface Pair {
  cert: string
  key: string
}

const pinned = client({ names: [] })
const upstream = await startUpstream(t)
const gateway = await startGateway(
  t,
  `version: 1
listen:
  - { name: m2m, address: "127.0.0.1:0", tls: { clientCertificates: { ca: ca.pem, required: true } } }
  - { name: public, address: "127.0.0.1:0", tls: { clientCertificates: { ca: ca.pem } } }
tls: { certificates: [ ${server.yaml} ] }
state: { dir: var }
consumers:
  - name: acme
    certificates:
      - { san: "DNS:client.acme.example" }
      - { san: "URI:spiffe://acme/worker" }
      - { san: "email:ops@acme.example" }
      - { san: "IP:192.0.2.7" }
      - { san: "IP:2001:db8::7" }
      - { fingerprint: "${fingerprintOf(pinned)}" }
services:
  - name: s
    url: ${upstream.url}
    routes:
      - { name: certificate, match: { paths: [/certificate] }, policies: { auth: { certificate: true } } }
      - { name: open, match: { paths: [/open] }, policies: { auth: public } }
`,
  { files: { ...server.files, 'ca.pem': root.cert }, workers: 1 }
)
const [m2m = 0, open = 0] = gateway.ports

interface Outcome {
  /** null: no answer came. */
  status: number | null
  /** TLS alert that ended it, RFC 8446 section 6.2; null: none; undefined: this client doesn't tell. */
  alert: number | null | undefined
  body: string
  protocol: string | null
}

/** One request over a connection of its own, with the client of `version`. */
type Client = (port: number, path: string, pair: Pair | null) => Promise<Outcome>
const request = (path: string): string => `GET ${path} HTTP/1.1\r\nHost: one.test\r\nConnection: close\r\n\r\n`

const CLIENTS: Record<string, Client> = {
  'lemon-tls, TLS 1.3': async (port, path, pair) => {
    const socket = connectLemon(port, '127.0.0.1', { servername: 'one.test', ca: server.ca, ...pair })
    let text = ''
    socket.on('secureConnect', () => socket.write(request(path)))
    socket.on('data', (data: Buffer) => (text += data.toString('latin1')))
    socket.on('error', () => {})
    await once(socket, 'close')
    return outcome(text, undefined, socket.getProtocol())
  },
  'node:tls, TLS 1.3': openSsl('TLSv1.3'),
  'node:tls, TLS 1.2': openSsl('TLSv1.2')
}

function openSsl(version: 'TLSv1.2' | 'TLSv1.3'): Client {
  return async (port, path, pair) => {
    const common = {
      host: '127.0.0.1',
      servername: 'one.test',
      ca: server.ca,
      minVersion: version,
      maxVersion: version
    }
    const socket = connectOpenSsl({ port, ...common, ...pair }, () => socket.write(request(path)))
    let [text, alert, protocol]: [string, number | null, string | null] = ['', null, null]
    socket.on('secureConnect', () => (protocol = socket.getProtocol()))
    socket.on('data', (data: Buffer) => (text += data.toString('latin1')))
    socket.on('error', ({ message }) => {
      const [, number] = /SSL alert number (\d+)/.exec(message) ?? []
      alert = number === undefined ? null : Number(number)
    })
    await new Promise((resolve) => socket.on('close', resolve))
    return outcome(text, alert, protocol)
  }
}

function outcome(text: string, alert: Outcome['alert'], protocol: string | null): Outcome {
  const status = /^HTTP\/1\.1 (\d{3}) /.exec(text)?.[1]
  return {
    status: status === undefined ? null : Number(status),
    alert,
    body: text.slice(text.indexOf('\r\n\r\n') + 4),
    protocol
  }
}

const GOOD: [string, Pair, string | RegExp][] = [
  ['a DNS name', client(), 'DNS:client.acme.example'],
  [
    'a DNS name in capitals',
    client({ names: [{ type: 'dns', value: 'Client.ACME.example' }] }),
    'DNS:client.acme.example'
  ],
  ['a URI', client({ names: [{ type: 'uri', value: 'spiffe://acme/worker' }] }), 'URI:spiffe://acme/worker'],
  ['an e-mail address', client({ names: [{ type: 'email', value: 'ops@acme.example' }] }), 'email:ops@acme.example'],
  ['an IPv4 address', client({ names: [{ type: 'ip', value: '192.0.2.7' }] }), 'IP:192.0.2.7'],
  ['an IPv6 address', client({ names: [{ type: 'ip', value: '2001:db8:0::7' }] }), 'IP:2001:db8::7'],
  ['a fingerprint', pinned, fingerprintOf(pinned)],
  ['a use of clientAuth', client({ purposes: ['clientAuth'] }), 'DNS:client.acme.example'],
  ['SHA-512', client({ digest: 'sha512' }), 'DNS:client.acme.example'],
  ['an intermediate beside it', sending(client({ by: intermediate }), intermediate), 'DNS:client.acme.example']
]

/** Ended during the handshake, each by its alert; null: by one that differs between the versions of TLS. */
const CUT: [string, Pair, number | null][] = [
  ['a stranger’s authority', client({ by: stranger }), 48],
  ['a stranger’s authority, sent along', sending(client({ by: stranger }), stranger), 48],
  ['another authority of the same name', client({ by: namesake }), 51],
  ['signed by itself', forgeCertificate('client', { names: acme }), 48],
  ['expired', client({ from: -10, to: -1 }), 45],
  ['not valid yet', client({ from: 1, to: 10 }), 45],
  ['its intermediate missing', client({ by: intermediate }), 48],
  ['an intermediate too many', sending(client({ by: beyond }), beyond, intermediate), 48],
  ['issued by a client', sending(client({ by: pinned }), pinned), 48],
  ['for servers only', client({ purposes: ['serverAuth'] }), 43],
  [
    'a critical extension that nobody knows',
    client({ extensions: [{ id: '1.3.6.1.4.1.99999.1', critical: true, value: '\u0005\u0000' }] }),
    46
  ],
  ['signed with MD5', client({ digest: 'md5' }), 51],
  ['the authority’s own', root, null],
  ['an authority’s below it', client({ authority: true }), null]
]

/** Vouched for, and no credential: 401, and what the owner reads. */
const REFUSED: [string, Pair | null, RegExp][] = [
  ['none', null, /shows no certificate/],
  ['a name of nobody’s', client({ names: [{ type: 'dns', value: 'nobody.example' }] }), /is nobody's/],
  ['a subject and no names', forgeCertificate('client.acme.example', { by: root }), /is nobody's/],
  ['a wildcard', client({ names: [{ type: 'dns', value: '*.acme.example' }] }), /is nobody's/],
  [
    'a name with a NUL',
    client({ names: [{ type: 'dns', value: 'client.acme.example\0.evil.example' }] }),
    /is nobody's/
  ],
  [
    'a name that holds another',
    client({ names: [{ type: 'dns', value: 'evil.example, DNS:client.acme.example' }] }),
    /is nobody's/
  ],
  ['the name as another kind', client({ names: [{ type: 'uri', value: 'client.acme.example' }] }), /is nobody's/],
  ['an RSA key of 1024 bits', client({ bits: 1024 }), /has an RSA key of 1024 bits/],
  ['a signature with SHA-1', client({ digest: 'sha1' }), /is signed with SHA-1/]
]

for (const [name, get] of Object.entries(CLIENTS)) {
  t.test(`${name}: a good certificate stands for its consumer`, async (t) => {
    for (const [what, pair, credential] of GOOD) {
      for (const port of [m2m, open]) {
        const { status, body, protocol } = await get(port, '/certificate', pair)
        t.equal(status, 200, what)
        const { headers } = JSON.parse(body) as { headers: Record<string, string> }
        t.match(headers, { 'x-consumer': 'acme', 'x-auth-method': 'certificate', 'x-credential': credential }, what)
        t.equal(`TLS ${protocol?.slice(4)}`, name.slice(-7))
      }
    }
  })

  t.test(`${name}: a wrong one ends the handshake, with its alert`, async (t) => {
    const seen = upstream.seen.length
    for (const [what, pair, alert] of CUT) {
      for (const [port, path] of [
        [m2m, '/certificate'],
        [open, '/open']
      ] as const) {
        const got = await get(port, path, pair)
        t.equal(got.status, null, what)
        if (alert !== null && got.alert !== undefined) t.equal(got.alert, alert, what)
      }
    }
    t.equal(upstream.seen.length, seen)
  })

  t.test(`${name}: one that says nothing here is 401, and the owner reads why`, async (t) => {
    const seen = upstream.seen.length
    for (const [what, pair, reason] of REFUSED) {
      const { status, body } = await get(m2m, '/certificate', pair)
      t.equal(status, 401, what)
      const { instance } = JSON.parse(body) as { instance: string }
      const line = await gateway.line(({ id }) => id === instance)
      t.match(line, { decision: 'deny', status: 401, listener: 'm2m', reason }, what)
    }
    t.equal(upstream.seen.length, seen)
  })
}

t.test('somebody else’s certificate without its key ends the handshake', async (t) => {
  const get = CLIENTS['lemon-tls, TLS 1.3']
  const thief = { cert: client().cert, key: stranger.key }
  t.match(await get?.(m2m, '/certificate', thief), { status: null })
})

t.test('a weak certificate is no better where none is asked for', async (t) => {
  for (const get of Object.values(CLIENTS)) t.equal((await get(open, '/open', client({ digest: 'sha1' }))).status, 401)
})

t.test('renegotiation is refused, and ends the connection', async (t) => {
  const options = {
    port: m2m,
    host: '127.0.0.1',
    servername: 'one.test',
    ca: server.ca,
    maxVersion: 'TLSv1.2' as const
  }
  const socket = connectOpenSsl({ ...options, ...client() })
  await once(socket, 'secureConnect')
  const seen = upstream.seen.length
  const ended = new Promise((resolve) => socket.on('error', ({ message }) => resolve(message)))
  socket.renegotiate({}, (error) => t.ok(error instanceof Error, 'no second handshake'))
  socket.write(request('/certificate'))
  t.match(await ended, /no renegotiation.*alert number 100/)
  t.equal(upstream.seen.length, seen)
})

t.test('a client of TLS 1.1 (node-forge’s own) is told which versions there are', async (t) => {
  const tcp = connectTcp(m2m, '127.0.0.1')
  const received: Buffer[] = []
  const tls = forge.tls.createConnection({
    server: false,
    verify: () => true,
    connected: () => t.fail('no handshake of such a version'),
    tlsDataReady: (connection) => void tcp.write(Buffer.from(connection.tlsData.getBytes(), 'binary')),
    dataReady: () => t.fail('no data'),
    closed: () => {},
    error: () => {}
  })
  tcp.on('data', (data) => received.push(data))
  await once(tcp, 'connect')
  tls.handshake()
  await new Promise((resolve) => tcp.on('close', resolve))
  // A record of type 21, an alert: fatal, protocol_version.
  const bytes = Buffer.concat(received)
  t.strictSame([bytes[0], bytes[5], bytes[6]], [21, 2, 70])
})

t.test('after all of it the gateway serves on, and holds no connection', async (t) => {
  for (const get of Object.values(CLIENTS)) t.equal((await get(m2m, '/certificate', client())).status, 200)
  t.equal(gateway.child.exitCode, null)
  t.equal(await metric(gateway, 'gatehouse_stage_exceptions_total'), 0)
  t.equal(await metric(gateway, 'gatehouse_worker_restarts_total'), 0)
  const both = async (): Promise<boolean> =>
    (await metric(gateway, 'gatehouse_connections_opened_total')) ===
    (await metric(gateway, 'gatehouse_connections_closed_total'))
  await eventually(both, 'all are closed')
})

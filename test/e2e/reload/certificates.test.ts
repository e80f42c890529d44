import { X509Certificate } from 'node:crypto'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import tls from 'node:tls'
import t from 'tap'
import { makeCertificate, type CertificateWishes, type MadeCertificate } from '../../control/compile/certificate.ts'
import { gatehouse } from '../command.ts'
import { startGateway } from '../gateway.ts'
import { eventually, Line, Visitors } from '../visitors.ts'
import { configuration } from './configuration.ts'

let count = 0
const forLocalhost = (wishes: CertificateWishes = {}): Promise<MadeCertificate> =>
  makeCertificate(`site ${++count}`, { names: [{ type: 'dns', value: 'localhost' }], ...wishes })

/** Fingerprint of the certificate that a new connection is shown. */
function shown(port: number): Promise<string> {
  return new Promise((resolve, reject) => {
    const socket = tls.connect({ port, host: '127.0.0.1', servername: 'localhost', rejectUnauthorized: false }, () => {
      const { fingerprint256 } = socket.getPeerCertificate()
      socket.destroy()
      resolve(fingerprint256)
    })
    socket.on('error', reject)
  })
}

const print = (pem: string): string => new X509Certificate(pem).fingerprint256

void t.test('certificates are rotated by changing their files', async (t) => {
  const made = await Promise.all([1, 2, 3, 4].map(() => forLocalhost()))
  const [first, second, third, fourth] = made
  if (!first || !second || !third || !fourth) throw new Error('four were made')
  const ca = made.map(({ cert }) => cert)
  const gateway = await startGateway(
    t,
    configuration({
      listen: '{ name: secure, address: "127.0.0.1:0", tls: true }',
      more: 'tls: { certificates: [ { hosts: [localhost], cert: site.crt, key: site.key } ] }\n'
    }),
    { files: { 'site.crt': first.cert, 'site.key': first.key } }
  )
  const { port } = gateway
  const put = (cert: string, key: string): void => {
    writeFileSync(join(gateway.dir, 'site.crt'), cert)
    writeFileSync(join(gateway.dir, 'site.key'), key)
  }
  t.equal(await shown(port), print(first.cert))

  await t.test('under load, with no request lost', async (t) => {
    const idle = await Line.open(port, ca)
    t.equal((await idle.ask('/')).close, false)
    const visitors = new Visitors(port, { keepAlive: 10, fresh: 2, ca, pause: 5 })
    await eventually(() => visitors.losses.answered > 50, 'all are there')
    for (const [i, next] of [second, third].entries()) {
      put(next.cert, next.key)
      await eventually(async () => (await shown(port)) === print(next.cert), 'new handshakes get the new one')
      await eventually(() => visitors.losses.closes >= 10 * (i + 1), 'the old connections are told to close')
    }
    const last = await idle.ask('/')
    t.equal(last.status, 200, 'an old connection goes on')
    t.ok(last.close, 'and is told to close')
    const losses = await visitors.stop()
    t.same(losses.lost, [])
    t.same([...losses.statuses.keys()], [200])
    t.notMatch(gateway.stderr, /stopping|starting it again|serves"/, 'nothing was restarted for it')
  })

  await t.test('a bad pair is refused by its line, and nothing changes', async (t) => {
    const bad: [string, string, RegExp][] = [
      [fourth.cert, first.key, /gatehouse\.yaml:4:\d+ .*doesn't fit the certificate/],
      [fourth.cert, 'this is not the text of a private key, only of a test', /gatehouse\.yaml:4:\d+ .*no private key/],
      ['-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n', fourth.key, /gatehouse\.yaml:4:\d+ .*damaged/],
      ['', fourth.key, /gatehouse\.yaml:4:\d+ .*no certificate/]
    ]
    for (const [cert, key, complaint] of bad) {
      put(cert, key)
      const { code, stdout, stderr } = await gatehouse('reload', gateway.config)
      t.equal(code, 1)
      t.match(stdout + stderr, complaint)
      t.notMatch(stdout + stderr, key.slice(30, 60), 'nothing of the key is shown')
    }
    t.equal(await shown(port), print(third.cert))
  })

  await t.test('an expired one is taken with a warning: a gateway must come up at night', async (t) => {
    const past = await forLocalhost({ from: -30, to: -10 })
    put(past.cert, past.key)
    const { code, stdout, stderr } = await gatehouse('reload', gateway.config)
    t.equal(code, 0)
    t.match(stdout + stderr, /gatehouse\.yaml:4:\d+ .*expired/)
    t.equal(await shown(port), print(past.cert))
  })
})

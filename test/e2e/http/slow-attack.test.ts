/** Connections that are slow on purpose cost the others nothing: the short form; test/prove has it with thousands. */
import { readFileSync } from 'node:fs'
import t from 'tap'
import { testCertificate } from '../certificates.ts'
import { metric } from '../control.ts'
import { startGateway } from '../gateway.ts'
import { absent, attack, MODES } from '../slow-attack.ts'
import { startUpstream } from '../upstream.ts'
import { Visitors } from '../visitors.ts'

const CONNECTIONS = 100
const SECONDS = 4
/** What eight hundred slow connections may take, bytes: more than their buffers, less than their answers. */
const MOST_MEMORY = 200 << 20
const ANSWER = Buffer.alloc(1 << 20, 'x')

t.test('slowhttptest, four modes, plain and TLS', { skip: absent }, async (t) => {
  const { files, yaml } = await testCertificate('a', ['localhost'])
  const service = await startUpstream(t, (request, response) => {
    request.resume().on('end', () => response.end(request.url === '/' ? 'small' : ANSWER))
  })
  const gateway = await startGateway(
    t,
    `version: 1
listen: [ { name: plain, address: "127.0.0.1:0" }, { name: secure, address: "127.0.0.1:0", tls: true } ]
tls: { certificates: [ ${yaml} ] }
state: { dir: var }
services:
  - name: s
    url: ${service.url}
    policies: { auth: public }
    routes:
      - { name: attacked, match: { paths: ["/large"] }, policies: { timeouts: { request: 1s } } }
      - { name: small, match: { paths: ["/"] } }
`,
    { workers: 2, files }
  )
  const [plain = 0, secure = 0] = gateway.ports
  const resident = async (): Promise<number> => {
    const status = readFileSync(`/proc/${await gateway.gatewayPid()}/status`, 'utf8')
    return Number(/VmRSS:\s+(\d+)/.exec(status)?.[1] ?? 0) * 1024
  }
  const before = await resident()
  const visitors = new Visitors(plain, { keepAlive: 2, fresh: 1, pause: 10 })
  const results = await Promise.all(
    MODES.flatMap((mode) => [
      attack(mode, `http://127.0.0.1:${plain}/large`, CONNECTIONS, SECONDS),
      attack(mode, `https://localhost:${secure}/large`, CONNECTIONS, SECONDS)
    ])
  )
  const held = (await resident()) - before
  const losses = await visitors.stop()
  t.ok(
    results.every((text) => text.includes('Test ended')),
    'each ran to its end'
  )
  const opened = await metric(gateway, 'gatehouse_connections_opened_total')
  t.ok(opened > CONNECTIONS * MODES.length, `${opened} connections came`)
  t.strictSame(losses.lost, [], 'nobody else lost anything')
  t.strictSame([...losses.statuses.keys()], [200])
  t.ok(losses.answered > 10)
  t.ok(held < MOST_MEMORY, `${held} bytes`)
  // Slow bodies: 408 as soon as their route's time is over.
  await gateway.line(({ status }) => status === 408)
  t.pass('408')
})

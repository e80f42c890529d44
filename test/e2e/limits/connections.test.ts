/** What one client may have of connections: exact over the workers, before the TLS handshake, and given back. */
import net from 'node:net'
import { setTimeout as sleep } from 'node:timers/promises'
import tls from 'node:tls'
import t from 'tap'
import { testCertificate } from '../certificates.ts'
import { ask } from '../client.ts'
import { Connection } from '../connection.ts'
import { sample, settled } from '../control.ts'
import { reload } from '../control-socket.ts'
import { startGateway, type Gateway } from '../gateway.ts'

const MAX = 6
const { ca, files, yaml } = await testCertificate('a', ['localhost'])

const configuration = (client: string): string => `version: 1
listen:
  - { name: plain, address: "127.0.0.1:0" }
  - { name: secure, address: "127.0.0.1:0", tls: true }
  - { name: own, address: "127.0.0.1:0", client: { connections: { max: 2 } } }
  - { name: balanced, address: "127.0.0.1:0", client: { addressFrom: proxy-protocol, trustedProxies: ["127.0.0.9/32"] } }
  - { name: rated, address: "127.0.0.1:0", tls: true, client: { connections: { rate: 5/h } } }
tls: { certificates: [ ${yaml} ] }
client: ${client}
state: { dir: var }
services:
  - name: s
    url: http://127.0.0.1:1
    policies: { auth: public }
    routes: [ { name: r, match: { paths: ["/*"] }, respond: { status: 200, body: "x" } } ]
`
const start = (workers: number): Promise<Gateway> =>
  startGateway(t, configuration(`{ connections: { max: ${MAX} } }`), { workers, files })
// They start together: each takes its second.
const gateways = await Promise.all([1, 2, 4].map(async (workers) => ({ workers, gateway: await start(workers) })))
const [, , { gateway } = { gateway: await start(4) }] = gateways
const [plain = 0, secure = 0, own = 0, balanced = 0, rated = 0] = gateway.ports

const GET = 'GET / HTTP/1.1\r\nHost: localhost\r\n\r\n'

/** A connection from `from` that was answered over, or null when it was closed without an answer. */
async function dial(port: number, from = '127.0.0.1', secure = false): Promise<Connection | null> {
  const plain = net.connect({ port, host: '127.0.0.1', localAddress: from, noDelay: true })
  const connection = new Connection(secure ? tls.connect({ socket: plain, ca, servername: 'localhost' }) : plain)
  plain.on('error', () => {})
  connection.send(GET)
  try {
    if ((await connection.response()).status === 200) return connection
  } catch {
    // What else could it be: `closed` says.
  }
  if (connection.rest !== '' || !connection.closed) throw new Error(`neither let in nor closed: ${connection.rest}`)
  return null
}

async function fill(port: number, from?: string, secure?: boolean): Promise<Connection[]> {
  const open: Connection[] = []
  for (let i = 0; i < MAX; i++) {
    const one = await dial(port, from, secure)
    if (one !== null) open.push(one)
  }
  return open
}

/** Until the gateway has seen an end: it comes as an event of its own. */
async function eventually(port: number, from?: string, secure?: boolean): Promise<Connection> {
  for (;;) {
    const one = await dial(port, from, secure)
    if (one !== null) return one
    await sleep(10)
  }
}

for (const { workers, gateway } of gateways) {
  t.test(`N-1, N, N+1 open at once over ${workers} workers`, async (t) => {
    const [plain = 0, secure = 0] = gateway.ports
    for (const [port, from, handshake] of [
      [plain, '127.0.0.2', false],
      [secure, '127.0.0.3', true]
    ] as const) {
      const open = await fill(port, from, handshake)
      t.equal(open.length, MAX)
      for (let i = 0; i < 2 * workers; i++) t.equal(await dial(port, from, handshake), null)
      for (const one of open) t.equal((await one.send(GET).response()).status, 200, 'those that are open go on')
      open.pop()?.close()
      open.push(await eventually(port, from, handshake))
      t.equal(await dial(port, from, handshake), null)
      t.ok(await dial(port, '127.0.0.4', handshake), 'another client is let in')
      for (const one of open) one.close()
    }
    const over = 'gatehouse_connections_over_max_total'
    const body = await settled(gateway, over, 4 * workers + 2)
    // What came while a close was on its way was refused besides.
    t.ok(sample(body, over) >= 4 * workers + 2)
    t.equal(sample(body, 'gatehouse_stage_exceptions_total'), 0)
    t.equal(sample(body, 'gatehouse_callback_exceptions_total'), 0)
    await gateway.said(/connections of 127\.0\.0\.2 are closed: over client\.connections\.max/)
    t.equal(gateway.stderr.split('connections of 127.0.0.2 are closed').length, 2, 'one line for all')
    t.match(gateway.stderr, /"where":"[^"]*gatehouse\.yaml:9:\d+"/)
  })
}

t.test('racing over four workers, exactly the cap gets in', async (t) => {
  for (const from of ['127.0.1.1', '127.0.1.2', '127.0.1.3']) {
    const got = await Promise.all(Array.from({ length: 60 }, () => dial(plain, from)))
    t.equal(got.filter((one) => one !== null).length, MAX)
    for (const one of got) one?.close()
  }
})

t.test('listeners share one cap, and one with its own counts for itself', async (t) => {
  const from = '127.0.0.5'
  const open = [await dial(plain, from), await dial(secure, from, true), await dial(balanced, from)]
  while (open.length < MAX) open.push(await dial(plain, from))
  t.ok(open.every((one) => one !== null))
  t.equal(await dial(plain, from), null)
  t.equal(await dial(secure, from, true), null)
  open.push(await dial(own, from), await dial(own, from))
  t.ok(open.every((one) => one !== null))
  t.equal(await dial(own, from), null)
  for (const one of open) one?.close()
})

t.test('a trusted proxy brings the connections of many and does not count', async (t) => {
  const proxies = await Promise.all(Array.from({ length: 2 * MAX }, () => dial(balanced, '127.0.0.9')))
  t.ok(proxies.every((one) => one !== null))
  for (const one of proxies) one?.close()
})

t.test('how fast: a burst of the count, and no handshake past it', async (t) => {
  const from = '127.0.0.6'
  for (let i = 0; i < 4; i++) (await dial(rated, from, true))?.close()
  const last = await dial(rated, from, true)
  t.ok(last)
  const hello = new Connection(net.connect({ port: rated, host: '127.0.0.1', localAddress: from }))
  t.ok(await hello.ended(), 'closed before a byte of the handshake was sent')
  t.equal(hello.rest, '')
  t.equal(await dial(rated, from, true), null)
  await gateway.said(/connections of 127\.0\.0\.6 are closed: over client\.connections\.rate/)
  t.equal((await last?.send(GET).response())?.status, 200)
  last?.close()
  t.equal((await ask(rated, '/', { ca, headers: { host: 'localhost' } })).status, 200, 'others are let in')
})

t.test('a reload changes the cap; what is open stays open and counted', async (t) => {
  const from = '127.0.0.7'
  const open = await fill(plain, from)
  t.equal(await dial(plain, from), null)
  gateway.writeConfig(configuration(`{ connections: { max: ${MAX + 1} } }`))
  await reload(gateway.dir)
  open.push(await eventually(plain, from))
  t.equal(await dial(plain, from), null)
  gateway.writeConfig(configuration('{ chunked: accept }'))
  await reload(gateway.dir)
  for (let i = 0; i < MAX; i++) open.push(await eventually(plain, from))
  for (const one of open) one.close()
})

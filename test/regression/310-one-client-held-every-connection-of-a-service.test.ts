/**
 * Whoever sent bodies slowly held a connection to the service with each, up to all of them, and everybody else was
 * answered 503 until they were cut. Now a client has a share, and others find a connection at once.
 */
import net from 'node:net'
import { setTimeout as sleep } from 'node:timers/promises'
import t from 'tap'
import { ask } from '../e2e/client.ts'
import { startGateway } from '../e2e/gateway.ts'
import { sha256 } from '../e2e/tokens.ts'
import { startUpstream } from '../e2e/upstream.ts'
import { eventually } from '../e2e/visitors.ts'

const MAX = 8
const SHARE = 6
const key = (name: string): Record<string, string> => ({ 'x-api-key': `${name}-key` })
const consumer = (name: string): string =>
  `  - { name: ${name}, keys: [ { id: ${name}-1, hash: "sha256:${sha256(`${name}-key`)}" } ] }`

const service = await startUpstream(t)
const gateway = await startGateway(
  t,
  `version: 1
listen: [ { address: "127.0.0.1:0" } ]
consumers:
${consumer('acme')}
${consumer('globex')}
services:
  - name: s
    upstream: { targets: [ { url: "${service.url}" } ], connections: { max: ${MAX} }, timeouts: { connect: 500ms } }
    routes:
      - { name: open, match: { paths: [/open] }, policies: { auth: public } }
      - { name: keys, match: { paths: [/keys] }, policies: { auth: { key: true } } }
`,
  { workers: 1 }
)

/** Begins uploads that go no further, until as many have reached the service as may. */
async function slow(path: string, headers: Record<string, string>): Promise<() => void> {
  const before = service.seen.length
  const fields = Object.entries(headers).map(([name, value]) => `${name}: ${value}\r\n`)
  const sockets = Array.from({ length: 3 * MAX }, () => {
    const socket = net.connect(gateway.port, '127.0.0.1')
    socket.on('error', () => {})
    socket.write(`POST ${path} HTTP/1.1\r\nhost: a\r\n${fields.join('')}content-length: 100\r\n\r\nx`)
    return socket
  })
  await eventually(() => service.seen.length - before >= SHARE, 'its share of the uploads reach the service')
  return () => sockets.forEach((socket) => socket.destroy())
}

t.test('a client without a name, by its address', async (t) => {
  const end = await slow('/open', {})
  for (let i = 0; i < 5; i++) t.equal((await ask(gateway.port, '/open', { from: '127.0.0.2' })).status, 200)
  const { status, headers } = await ask(gateway.port, '/open')
  t.equal(status, 503, 'its own wait for its own')
  const line = await gateway.line(({ id }) => id === headers['x-request-id'])
  t.match(line, { policy: 'upstream', problem: 'shedding', reason: /its client has its share of 8 connections, 6/ })
  t.equal(service.seen.filter(({ method }) => method === 'POST').length, SHARE)
  end()
})

t.test('a caller by its name, wherever it calls from', async (t) => {
  // Those of the test before are given back.
  await eventually(async () => (await ask(gateway.port, '/open')).status === 200 || (await sleep(20)), 'there is room')
  const end = await slow('/keys', key('acme'))
  t.equal((await ask(gateway.port, '/keys', { headers: key('globex') })).status, 200, 'of the same address')
  t.equal((await ask(gateway.port, '/open')).status, 200, 'nobody of the same address')
  t.equal((await ask(gateway.port, '/keys', { headers: key('acme'), from: '127.0.0.2' })).status, 503)
  end()
})

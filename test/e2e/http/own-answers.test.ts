/** Answers that come in the same moment: each client gets its own, also while others leave before theirs. */
import { once } from 'node:events'
import type { ServerResponse } from 'node:http'
import { Agent } from 'node:http'
import net from 'node:net'
import t from 'tap'
import { ask } from '../client.ts'
import { startGateway } from '../gateway.ts'
import { startUpstream } from '../upstream.ts'

const AT_ONCE = 32
const ROUNDS = 20

const waiting: { url: string; response: ServerResponse }[] = []
let wanted = AT_ONCE
/** Says what it was asked for, when all have asked, in one go and in another order. */
const upstream = await startUpstream(t, ({ url = '' }, response) => {
  waiting.push({ url, response })
  if (waiting.length < wanted) return
  for (const one of waiting.splice(0).toReversed()) one.response.end(bodyOf(one.url))
})
const gateway = await startGateway(
  t,
  `version: 1
listen: [ { name: plain, address: "127.0.0.1:0" } ]
services:
  - name: s
    upstream: { targets: [ { url: "${upstream.url}" } ], connections: { max: 64 } }
    policies: { auth: public }
    routes: [ { name: any, match: { paths: ["/*"] } } ]
`,
  { workers: 1 }
)

/** Of one length for all, below and above what is copied to be sent together (4096 bytes) in turn. */
function bodyOf(path: string): string {
  const [, round = '', n = ''] = path.split('/')
  return `${round}-${n}`.padEnd(Number(round) % 2 === 0 ? 64 : 6000, `${n}.`)
}

t.test(`${AT_ONCE} answers at once, ${ROUNDS} times`, async (t) => {
  const agent = new Agent({ keepAlive: true })
  t.teardown(() => agent.destroy())
  for (let round = 0; round < ROUNDS; round++) {
    const paths = Array.from({ length: AT_ONCE }, (_, n) => `/${round}/${n}`)
    const replies = await Promise.all(paths.map((path) => ask(gateway.port, path, { agent })))
    t.strictSame(
      replies.map(({ status, body }) => ({ status, body })),
      paths.map((path) => ({ status: 200, body: bodyOf(path) }))
    )
  }
})

t.test('half of the clients leave when the answers are on their way', async (t) => {
  const agent = new Agent({ keepAlive: true })
  t.teardown(() => agent.destroy())
  for (let round = 0; round < ROUNDS; round++) {
    const leaving = Array.from({ length: AT_ONCE / 2 }, () => net.connect(gateway.port, '127.0.0.1'))
    await Promise.all(leaving.map((socket) => once(socket, 'connect')))
    wanted = AT_ONCE / 2
    // These answers are the signal to leave: no other client can know the moment any better.
    for (const [n, socket] of leaving.entries()) {
      socket.on('error', () => {})
      socket.once('data', () => leaving.forEach((one) => one.resetAndDestroy()))
      socket.write(`GET /${round}/gone${n} HTTP/1.1\r\nhost: a\r\n\r\n`)
    }
    await Promise.all(leaving.map((socket) => once(socket, 'close')))
    const paths = Array.from({ length: AT_ONCE / 2 }, (_, n) => `/${round}/${n}`)
    const replies = await Promise.all(paths.map((path) => ask(gateway.port, path, { agent })))
    t.strictSame(
      replies.map(({ status, body }) => ({ status, body })),
      paths.map((path) => ({ status: 200, body: bodyOf(path) }))
    )
  }
  wanted = AT_ONCE
})

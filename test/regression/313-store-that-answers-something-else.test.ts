/**
 * Something else than a Redis at the store's address, or one that had lost its mind, cost requests under strict limits a
 * 500 where `onFailure` says what holds, in shadow mode too; and limits that are local first went on as if the others were
 * heard.
 */
import net from 'node:net'
import type { AddressInfo } from 'node:net'
import t from 'tap'
import { noRedis, soon, startRedis } from '../e2e/cluster/redis-server.ts'
import { ask } from '../e2e/client.ts'
import { status } from '../e2e/control-socket.ts'
import { startGateway, type Owner } from '../e2e/gateway.ts'

if (noRedis) {
  t.plan(0, noRedis)
  process.exit(0)
}

/** Stands before a store; with `nonsense` it answers whatever it is sent with that. */
class Relay {
  nonsense = ''
  readonly #server: net.Server
  readonly #sockets = new Set<net.Socket>()

  constructor(to: number) {
    this.#server = net.createServer((client) => {
      const store = net.connect(to, '127.0.0.1')
      for (const socket of [client, store]) {
        this.#sockets.add(socket)
        socket.on('error', () => {})
        socket.on('close', () => this.#sockets.delete(socket))
      }
      client.on('data', (data) => (this.nonsense === '' ? store.write(data) : client.write(this.nonsense)))
      client.on('close', () => store.destroy())
      store.on('data', (data) => this.nonsense === '' && client.write(data))
      store.on('close', () => client.destroy())
    })
  }

  listen(t: Owner): Promise<number> {
    t.teardown(() => {
      this.cut()
      this.#server.close()
    })
    return new Promise((resolve) =>
      this.#server.listen(0, '127.0.0.1', () => resolve((this.#server.address() as AddressInfo).port))
    )
  }

  cut(): void {
    for (const socket of this.#sockets) socket.destroy()
  }
}

const redis = await startRedis(t)
const relay = new Relay(redis.port)
const port = await relay.listen(t)
const route = (name: string, more: string): string =>
  `{ name: ${name}, match: { paths: ["/${name}"] }, policies: { limits: [ { name: ${name}, rate: 3/h, by: "header:x-who", scope: cluster, ${more} } ] }, respond: { status: 204 } }`
const gateway = await startGateway(
  t,
  `version: 1
listen: [ { address: "127.0.0.1:0" } ]
state: { dir: var }
cluster: { redis: "redis://127.0.0.1:${port}", timeout: 1s }
services:
  - name: s
    url: http://127.0.0.1:9
    policies: { auth: public }
    routes:
      - ${route('local', 'strict: true')}
      - ${route('open', 'strict: true, onFailure: open')}
      - ${route('closed', 'strict: true, onFailure: closed')}
      - ${route('shadow', 'strict: true, onFailure: closed, mode: shadow')}
      - ${route('first-closed', 'onFailure: closed')}
`,
  { workers: 1 }
)

let whom = 0
async function statuses(path: string): Promise<string> {
  const headers = { 'x-who': String(whom++) }
  const seen: number[] = []
  for (let i = 0; i < 4; i++) seen.push((await ask(gateway.port, path, { headers })).status)
  return seen.join(' ')
}
const LIMITED = '204 204 204 429'
const connected = async (): Promise<boolean> => (await status(gateway.dir)).cluster?.connected ?? false

for (const nonsense of [
  '+OK\r\n',
  '*0\r\n',
  '*2\r\n$-1\r\n$-1\r\n',
  '*2\r\n:7\r\n$1\r\n1\r\n',
  '*2\r\n:1\r\n$1\r\nx\r\n',
  '#t\r\n'
])
  t.test(`answers ${JSON.stringify(nonsense)}: each limit does what its onFailure says`, async (t) => {
    await soon(connected)
    await soon(async () => (await statuses('/closed')) === LIMITED)
    relay.nonsense = nonsense
    t.equal(await statuses('/local'), LIMITED)
    t.equal(await statuses('/open'), '204 204 204 204')
    t.equal(await statuses('/closed'), '503 503 503 503')
    t.equal(await statuses('/shadow'), '204 204 204 204')
    await soon(async () => !(await connected()))
    await soon(async () => (await statuses('/first-closed')) === '503 503 503 503')
    relay.nonsense = ''
    relay.cut()
  })

t.test('nothing was taken for an exception', async (t) => {
  t.notMatch(gateway.stderr, /exception/)
  t.match(gateway.stderr, /the store of the cluster is away: the store answered something else/)
})

import { spawnSync } from 'node:child_process'
import { once } from 'node:events'
import net, { type AddressInfo, type Socket } from 'node:net'
import t from 'tap'
import { boundReceiveBuffers } from '../../src/acceptor/receive-buffer.ts'

const READ = `
const { UDP } = process.binding('udp_wrap')
const socket = new UDP()
socket.open(3)
process.stdout.write(String(socket.bufferSize(0, true, {})))
process.exit()
`

/** The kernel's receive buffer of a socket, bytes. */
function receiveBuffer(socket: net.Server | Socket): number {
  const { fd } = (socket as unknown as { _handle: { fd: number } })._handle
  const { stdout } = spawnSync(process.execPath, ['-e', READ], { stdio: ['ignore', 'pipe', 'inherit', fd] })
  return Number(stdout.toString())
}

async function listen(): Promise<{ server: net.Server; port: number }> {
  const server = net.createServer()
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  t.teardown(() => server.close())
  return { server, port: (server.address() as AddressInfo).port }
}

t.test('what is accepted at a bounded port has a small buffer of a fixed size', async (t) => {
  const bounded = await listen()
  const other = await listen()
  const unbounded = receiveBuffer(other.server)
  t.equal(await boundReceiveBuffers([bounded.port]), null)
  // The kernel doubles what is asked for.
  t.equal(receiveBuffer(bounded.server), 512 * 1024)
  t.equal(receiveBuffer(other.server), unbounded, 'others are left alone')
  const accepted = once(bounded.server, 'connection') as Promise<[Socket]>
  const client = net.connect(bounded.port, '127.0.0.1')
  const [connection] = await accepted
  t.equal(receiveBuffer(connection), 512 * 1024)
  client.destroy()
  connection.destroy()
})

t.test('several at once', async (t) => {
  const [one, two] = [await listen(), await listen()]
  t.equal(await boundReceiveBuffers([one.port, two.port]), null)
  t.same([receiveBuffer(one.server), receiveBuffer(two.server)], [512 * 1024, 512 * 1024])
})

t.test('the listeners are as usable as before', async (t) => {
  const server = net.createServer((socket) => socket.pipe(socket))
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  t.teardown(() => server.close())
  const { port } = server.address() as AddressInfo
  t.equal(await boundReceiveBuffers([port]), null)
  const client = net.connect(port, '127.0.0.1')
  client.write('hello')
  const [echo] = (await once(client, 'data')) as [Buffer]
  t.equal(echo.toString(), 'hello')
  client.destroy()
})

t.test('no port, no fault', async (t) => {
  t.equal(await boundReceiveBuffers([]), null)
})

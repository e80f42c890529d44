// What uWebSockets.js and Node.js's sockets take by themselves: an acceptor, one worker, no policy, no parsing, no log.
// Answers 401 to everything, or forwards one fixed request over kept connections and sends back what follows the head.
import net from 'node:net'
import { isMainThread, parentPort, Worker } from 'node:worker_threads'
import uws from 'uWebSockets.js'

const { PORT, UPSTREAM } = process.env
uws._cfg('silent')
// Kept from the collector: native code holds no reference to it.
const app = (globalThis.app = uws.App())

if (isMainThread) {
  app.any('/*', (res) => res.writeStatus('503 Service Unavailable').end())
  const worker = new Worker(new URL(import.meta.url))
  worker.once('message', (descriptor) => {
    app.addChildAppDescriptor(descriptor)
    app.listen('127.0.0.1', Number(PORT), 1, () => {})
  })
} else {
  app.any('/*', UPSTREAM ? forward : refuse)
  parentPort.on('message', () => {})
  parentPort.postMessage(app.getDescriptor())
}

function refuse(res) {
  res.writeStatus('401 Unauthorized').writeHeader('content-type', 'text/plain').end('no')
}

const READ = Buffer.allocUnsafeSlow(64 * 1024)
const REQUEST = Buffer.from('GET /hello HTTP/1.1\r\nHost: upstream\r\nX-Forwarded-For: 127.0.0.1\r\n\r\n')
const idle = []

function forward(res) {
  const connection = idle.pop() ?? open()
  connection.res = res
  // Its answer is read and dropped.
  res.onAborted(() => (connection.res = null))
  connection.socket.write(REQUEST)
}

function open() {
  const connection = { res: null, socket: null }
  const callback = (length, bytes) => {
    const { res } = connection
    connection.res = null
    idle.push(connection)
    res?.cork(() => {
      res.writeHeader('content-type', 'application/json')
      res.end(bytes.subarray(bytes.indexOf('\r\n\r\n') + 4, length))
    })
    return true
  }
  connection.socket = net.connect({
    port: Number(UPSTREAM),
    host: '127.0.0.1',
    noDelay: true,
    onread: { buffer: READ, callback }
  })
  return connection
}

/**
 * Opens connections, sends a request on each, says `open` when all have answered, and holds them. A program of its
 * own, so that its memory and its files are not the bench's: idle-client.ts PORT COUNT plain|tls
 */
import { connect, type Socket } from 'node:net'
import { connect as connectTls } from 'node:tls'

const [, , port = '', count = '', kind = ''] = process.argv
/** Opened at once: below any listener's backlog. */
const AT_ONCE = 200
const REQUEST = `GET /hello HTTP/1.1\r\nhost: localhost\r\n\r\n`

/** Below any gateway's own idle limit: opening thousands takes longer than some wait. */
const REFRESH_MS = 4000

/** With the time of its last request, ms. */
const sockets = new Map<Socket, number>()

function open(): Promise<void> {
  return new Promise((resolve) => {
    const to = { host: '127.0.0.1', port: Number(port) }
    const socket = kind === 'tls' ? connectTls({ ...to, rejectUnauthorized: false }) : connect(to)
    sockets.set(socket, Date.now())
    socket.on(kind === 'tls' ? 'secureConnect' : 'connect', () => socket.write(REQUEST))
    socket.on('data', () => resolve())
    socket.on('error', (error) => fail(error.message))
    socket.on('close', () => fail('the gateway closed a connection'))
  })
}

function fail(why: string): never {
  process.stdout.write(`${why} after ${sockets.size}\n`)
  process.exit(1)
}

setInterval(() => {
  const now = Date.now()
  for (const [socket, asked] of sockets) {
    if (now - asked < REFRESH_MS || socket.connecting) continue
    socket.write(REQUEST)
    sockets.set(socket, now)
  }
}, 250)

for (let left = Number(count); left > 0; left -= AT_ONCE) {
  await Promise.all(Array.from({ length: Math.min(AT_ONCE, left) }, open))
}
process.stdout.write('open\n')

/**
 * A client that asked and asked over one connection and read nothing had each of its answers kept in the gateway's memory:
 * 6 MB a second from twenty connections, without end, and no time of any kind cut them.
 */
import { once } from 'node:events'
import net from 'node:net'
import t from 'tap'
import { startGateway } from '../e2e/gateway.ts'
import { control, sample } from '../e2e/control.ts'
import { eventually } from '../e2e/visitors.ts'
import { UnreadAnswers } from '../../src/worker/unread.ts'

/** More than the kernel takes of a connection whose other side doesn't read (tcp_wmem: 4 MiB), by far. */
const ASKED = 2000
const ANSWER = 8 << 10
const BATCH = 20
/** Answers of 4 KB without a body: beyond the 128 that are free each ends its connection once in 128 times. */
const MOST = 20_000

const gateway = await startGateway(
  t,
  `
version: 1
listen: [ { name: plain, address: "127.0.0.1:0" } ]
state: { dir: var }
services:
  - name: own
    url: http://127.0.0.1:9
    policies: { auth: public }
    routes:
      - { name: text, match: { paths: ["/"] }, respond: { status: 200, body: "${'x'.repeat(ANSWER)}" } }
      - { name: small, match: { paths: ["/small"] }, respond: { status: 200, body: "small", headers: { x-long: "${'h'.repeat(ANSWER)}" } } }
      - { name: nothing, match: { paths: ["/nothing"] }, respond: { status: 204, headers: { x-long: "${'h'.repeat(4000)}" } } }
`,
  { workers: 1 }
)

/** Requests that were answered, and connections that were closed, so far. */
async function seen(): Promise<{ answered: number; closed: number }> {
  const { body } = await control(gateway, '/metrics')
  const answered = sample(body, 'gatehouse_requests_total')
  return { answered, closed: sample(body, 'gatehouse_connections_closed_total') }
}

/** Asks again as soon as what it asked is answered, and doesn't read. @returns how often it was answered before it was cut */
async function askUnread(request: string): Promise<number> {
  const before = await seen()
  const socket = net.connect(gateway.port, '127.0.0.1').on('error', () => {})
  socket.pause()
  await once(socket, 'connect')
  let now = before
  for (let sent = 0; sent < ASKED && now.closed === before.closed;) {
    socket.write(request.repeat(BATCH))
    sent += BATCH
    await eventually(async () => {
      now = await seen()
      return now.closed > before.closed || now.answered >= before.answered + sent
    }, 'an answer')
  }
  socket.destroy()
  return now.answered - before.answered
}

t.test('answers that are not read end their connection', async (t) => {
  const count = await askUnread('GET / HTTP/1.1\r\nHost: a.test\r\n\r\n')
  t.ok(count < ASKED / 2, `${count} answers of ${ANSWER} bytes`)
})

t.test('so do small ones', async (t) => {
  const count = await askUnread('GET /small HTTP/1.1\r\nHost: a.test\r\n\r\n')
  t.ok(count < ASKED / 2, `${count} answers of five bytes, with heads of ${ANSWER}`)
})

t.test('who reads them gets all', async (t) => {
  const socket = net.connect(gateway.port, '127.0.0.1')
  let bytes = 0
  socket.on('data', (data) => (bytes += data.length))
  for (let sent = 0; sent < ASKED; sent += BATCH) {
    socket.write('GET / HTTP/1.1\r\nHost: a.test\r\n\r\n'.repeat(BATCH))
    await eventually(() => bytes > (sent + BATCH) * ANSWER, `${sent + BATCH} answers`)
  }
  t.notOk(socket.destroyed)
  socket.destroy()
})

t.test('so do those who read answers without a body, over a new connection now and then', async (t) => {
  let text = ''
  let ends = 0
  let got = 0
  for (let asked = 0; asked < MOST && ends === 0;) {
    const socket = net.connect(gateway.port, '127.0.0.1')
    socket.on('data', (data) => (text += data.toString('latin1')))
    // One at a time: what stands behind an answer that ends its connection is not answered.
    while (asked < MOST) {
      socket.write('GET /nothing HTTP/1.1\r\nHost: a.test\r\n\r\n')
      asked++
      while (!text.includes('\r\n\r\n')) await once(socket, 'data')
      got++
      const closes = /\r\nconnection: close/i.test(text)
      text = ''
      if (!closes) continue
      ends++
      await once(socket, 'close')
      break
    }
    t.equal(got, asked)
    socket.destroy()
  }
  t.equal(ends, 1)
})

t.test('how many are free, and how they come back', async (t) => {
  const certain = new UnreadAnswers([1, 2, 3, 4], () => 0)
  const free = 512 * 1024
  t.notOk(certain.ends('a', free, 0))
  t.ok(certain.ends('a', 1, 0))
  t.notOk(certain.ends('b', 1, 0), 'each client for itself')
  t.notOk(certain.ends('a', free / 2, 1_800_001), 'half an hour: half of it')
  t.ok(certain.ends('a', 1000, 1_800_001))
  const even = new UnreadAnswers([1, 2, 3, 4], () => 0.5)
  even.ends('a', free, 0)
  t.notOk(even.ends('a', 1000, 0), 'by chance')
  t.ok(even.ends('a', free, 0))
})

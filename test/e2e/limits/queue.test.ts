/** Requests that wait for others to end, over sockets and workers. */
import { once } from 'node:events'
import type { ServerResponse } from 'node:http'
import { connect, type Socket } from 'node:net'
import t from 'tap'
import { startGateway } from '../gateway.ts'
import { startUpstream } from '../upstream.ts'
import { eventually } from '../visitors.ts'

const MOST = 2
const QUEUE = 3
const held: ServerResponse[] = []
let uploaded = 0
const upstream = await startUpstream(t, (request, response) => {
  request.on('data', (data: Buffer) => (uploaded += data.length))
  held.push(response)
})
const gateway = await startGateway(
  t,
  `version: 1
listen: [ { address: "127.0.0.1:0" } ]
state: { dir: var }
services:
  - name: s
    url: ${upstream.url}
    policies: { auth: public, limits: [ { name: parallel, concurrent: ${MOST}, queue: ${QUEUE}, by: "header:x-test" } ] }
    routes:
      - { name: r, match: { paths: ["/"] } }
      - { name: impatient, match: { paths: ["/impatient"] }, policies: { timeouts: { request: 400ms } } }
`,
  { workers: 4 }
)

interface Client {
  socket: Socket
  answer: string
}

async function send(who: string, path = '/', body = ''): Promise<Client> {
  const socket = connect(gateway.port, '127.0.0.1')
  const client: Client = { socket, answer: '' }
  socket.on('error', () => {})
  socket.on('data', (data) => (client.answer += data.toString('latin1')))
  await once(socket, 'connect')
  const length = body === '' ? '' : `content-length: ${body.length}\r\n`
  socket.write(`${body === '' ? 'GET' : 'POST'} ${path} HTTP/1.1\r\nhost: a\r\nx-test: ${who}\r\n${length}\r\n${body}`)
  return client
}

const answered = (clients: readonly Client[], status: number): number =>
  clients.filter(({ answer }) => answer.startsWith(`HTTP/1.1 ${status}`)).length

/** Requests whose clients went before they had an answer, by their access lines. */
const left = (): number => gateway.lines().filter(({ status }) => status === 499).length

t.test('N at once, as many as may wait, one more is refused; all that waited are served', async (t) => {
  const clients = await Promise.all(Array.from({ length: MOST + QUEUE + 1 }, () => send('a')))
  await eventually(() => answered(clients, 429) === 1, 'one is refused')
  await eventually(() => held.length === MOST, 'two are under way')
  for (let served = 1; served <= MOST + QUEUE; served++) {
    held.shift()?.end('ok')
    await eventually(() => answered(clients, 200) === served, `${served} are served`)
    await eventually(() => held.length === Math.min(MOST, MOST + QUEUE - served), 'the next one is under way')
  }
  const waited = clients.filter(({ answer }) => answer.includes('200 OK'))
  for (const { answer } of waited) {
    t.match(answer, /ratelimit-policy: "parallel";q=2;qu="concurrent-requests"/i)
    t.match(answer, /ratelimit: "parallel";r=\d/i)
  }
  for (const { socket } of clients) socket.destroy()
})

t.test('a client that goes gives up its turn', async (t) => {
  const first = await Promise.all(Array.from({ length: MOST }, () => send('b')))
  await eventually(() => held.length === MOST, 'under way')
  // Four workers take them in any order, so which of them finds the queue full is open.
  const more = await Promise.all(Array.from({ length: QUEUE + 1 }, () => send('b')))
  await eventually(() => answered(more, 429) === 1, 'the queue is full')
  for (const { socket } of more) socket.destroy()
  // Their places are free when their lines are written. The next one has one of them, or it would never be its turn.
  await eventually(() => left() === QUEUE, 'those that waited are gone')
  const next = await send('b')
  held.shift()?.end('ok')
  await eventually(() => held.length === MOST, 'it is its turn')
  for (const response of held.splice(0)) response.end('ok')
  await eventually(() => answered([next], 200) === 1, 'served')
  for (const { socket } of first) socket.destroy()
  t.equal(gateway.child.exitCode, null)
})

t.test('who waits longer than a request may is refused, and a body that came meanwhile is not lost', async (t) => {
  held.length = 0
  const first = await Promise.all(Array.from({ length: MOST }, () => send('c')))
  await eventually(() => held.length === MOST, 'under way')
  const impatient = await send('c', '/impatient')
  await eventually(() => answered([impatient], 429) === 1, 'refused in time')
  t.match(impatient.answer, /retry-after: 1\r\n/i)
  const upload = await send('c', '/', 'x'.repeat(100_000))
  held.shift()?.end('ok')
  await eventually(() => held.length === MOST, 'it is its turn')
  await eventually(() => uploaded === 100_000, 'all of its body is there')
  for (const response of held.splice(0)) response.end('ok')
  await eventually(() => answered([upload], 200) === 1, 'served')
  t.equal(uploaded, 100_000, 'and no more than that')
  for (const { socket } of [...first, impatient, upload]) socket.destroy()
})

/** Requests at once: exact over the workers, and given back however a request ends. */
import { once } from 'node:events'
import type { ServerResponse } from 'node:http'
import { connect, type Socket } from 'node:net'
import t, { type Test } from 'tap'
import { ask } from '../client.ts'
import { startGateway } from '../gateway.ts'
import { startUpstream } from '../upstream.ts'
import { eventually } from '../visitors.ts'

const MOST = 5
/** What the service does with a request is in its path. */
const held: ServerResponse[] = []
const upstream = await startUpstream(t, (request, response) => {
  request.resume()
  if (request.url?.includes('hold')) held.push(response)
  else if (request.url?.includes('reset')) request.socket.destroy()
  else if (request.url?.includes('half')) {
    response.writeHead(200, { 'content-length': '100' }).write('half')
    setTimeout(() => request.socket.destroy(), 10)
  } else if (request.url?.includes('begin')) {
    response.writeHead(200, { 'content-length': '100' }).write('begun')
    held.push(response)
  } else response.end('ok')
})
const gateway = await startGateway(
  t,
  `version: 1
listen: [ { address: "127.0.0.1:0" } ]
state: { dir: var }
services:
  - name: s
    url: ${upstream.url}
    policies: { auth: public, limits: [ { name: parallel, concurrent: ${MOST}, by: "header:x-test" } ] }
    routes:
      - { name: r, match: { paths: ["/s/*"] } }
      - { name: slow, match: { paths: ["/slow/*"] }, policies: { timeouts: { request: 300ms } } }
      - { name: answered, match: { paths: ["/answered"] }, respond: { status: 200, body: "x" } }
      - { name: refused, match: { paths: ["/refused"] }, policies: { authorize: { when: "false" } } }
  - name: gone
    url: http://127.0.0.1:1
    policies: { auth: public, limits: [ { name: parallel, concurrent: ${MOST}, by: "header:x-test" } ] }
    routes: [ { name: r, match: { paths: ["/gone"] } } ]
`,
  { workers: 4 }
)

const status = async (path: string, who: string, body?: string): Promise<number> =>
  (
    await ask(gateway.port, path, {
      headers: { 'x-test': who },
      ...(body === undefined ? {} : { method: 'POST', body })
    })
  ).status

/** A request under way on a connection of its own; `status` is 0 if it ends without an answer. */
async function start(path: string, who: string, more = ''): Promise<{ socket: Socket; status: Promise<number> }> {
  const socket = connect(gateway.port, '127.0.0.1')
  await once(socket, 'connect')
  socket.on('error', () => {})
  const answered = new Promise<number>((resolve) => {
    socket.once('data', (data) => resolve(Number(/^HTTP\/1\.1 (\d{3})/.exec(data.toString('latin1'))?.[1] ?? 0)))
    socket.once('close', () => resolve(0))
  })
  socket.write(`${more === '' ? 'GET' : 'POST'} ${path} HTTP/1.1\r\nhost: a\r\nx-test: ${who}\r\n${more}\r\n`)
  return { socket, status: answered }
}

function until(condition: () => boolean | Promise<boolean>): Promise<boolean> {
  return eventually(condition, String(condition))
}

function letGo(): void {
  for (const response of held.splice(0))
    response.end('x'.repeat(Math.max(0, Number(response.getHeader('content-length') ?? 1) - 5)))
}

/** Exactly MOST may be under way: no more, and none was lost. Each worker hears of an end when its turn comes. */
async function isWhole(t: Test, who: string): Promise<void> {
  await until(async () => {
    const before = held.length
    let refused = 0
    const list = await Promise.all(Array.from({ length: MOST }, () => start('/s/hold', who)))
    for (const one of list) void one.status.then((status) => (refused += status === 429 ? 1 : 0))
    await until(() => held.length - before + refused === MOST)
    if (refused === 0) t.equal(await status('/s/ok', who), 429, `${MOST} are admitted, and not one more`)
    letGo()
    for (const one of list) {
      await one.status
      one.socket.destroy()
    }
    return refused === 0
  })
  t.ok(await until(async () => (await status('/s/ok', who)) === 200), 'given back')
}

t.test('N pass, N+1 does not, over 4 workers', async (t) => {
  const list = await Promise.all(Array.from({ length: 40 }, () => start('/s/hold', 'many')))
  t.ok(await until(() => held.length >= MOST))
  const refused: number[] = []
  for (const one of list) void one.status.then((status) => refused.push(status))
  t.ok(await until(() => refused.length === 40 - MOST), `${refused.length} are answered at once`)
  t.ok(refused.every((status) => status === 429))
  t.equal(held.length, MOST)
  letGo()
  t.equal((await Promise.all(list.map((one) => one.status))).filter((one) => one === 200).length, MOST)
  for (const { socket } of list) socket.destroy()
  await isWhole(t, 'many')
})

t.test('what a refusal says', async (t) => {
  const list = await Promise.all(Array.from({ length: MOST }, () => start('/s/hold', 'says')))
  await until(() => held.length === MOST)
  const reply = await ask(gateway.port, '/s/ok', { headers: { 'x-test': 'says' } })
  t.equal(reply.status, 429)
  t.equal(reply.headers['retry-after'], '1')
  t.equal(reply.headers['ratelimit-policy'], `"parallel";q=${MOST};qu="concurrent-requests"`)
  t.equal(reply.headers['ratelimit'], '"parallel";r=0')
  t.match(await gateway.line(({ id }) => id === reply.headers['x-request-id']), {
    policy: 'limits',
    rule: 'parallel',
    reason: /over 5 at once/
  })
  t.equal(await status('/s/ok', 'another'), 200)
  letGo()
  await Promise.all(list.map((one) => one.status))
  for (const { socket } of list) socket.destroy()
})

t.test('given back when the client leaves while the upstream thinks', async (t) => {
  const list = await Promise.all(Array.from({ length: MOST }, () => start('/s/hold', 'leaves')))
  t.ok(await until(() => held.length === MOST))
  for (const { socket } of list) socket.destroy()
  t.ok(await until(async () => (await status('/s/ok', 'leaves')) === 200))
  held.length = 0
  await isWhole(t, 'leaves')
})

t.test('given back when the client leaves in the middle of the answer, or of its own body', async (t) => {
  const answers = await Promise.all(Array.from({ length: MOST }, () => start('/s/begin', 'middle')))
  for (const one of answers) t.equal(await one.status, 200)
  t.equal(await status('/s/ok', 'middle'), 429)
  for (const { socket } of answers) socket.resetAndDestroy()
  t.ok(await until(async () => (await status('/s/ok', 'middle')) === 200))
  held.length = 0
  await isWhole(t, 'middle')
  const before = held.length
  const uploads = await Promise.all(
    Array.from({ length: MOST }, () => start('/s/hold', 'upload', 'content-length: 1000\r\n'))
  )
  // Asked before all of them are in, the question itself would take the place of one.
  t.ok(await until(() => held.length === before + MOST))
  t.equal(await status('/s/ok', 'upload'), 429)
  for (const { socket } of uploads) socket.destroy()
  t.ok(await until(async () => (await status('/s/ok', 'upload')) === 200))
  held.length = 0
  await isWhole(t, 'upload')
})

t.test('given back when the upstream fails: unreachable, reset, half an answer, too slow', async (t) => {
  for (const [path, expected] of [
    ['/gone', 502],
    ['/s/reset', 502],
    ['/slow/hold', 504]
  ] as const) {
    const answers = await Promise.all(Array.from({ length: MOST }, () => status(path, `fails ${path}`)))
    t.strictSame(
      answers,
      Array.from({ length: MOST }, () => expected),
      path
    )
    if (path === '/slow/hold') await until(() => held.length === MOST)
    held.length = 0
    if (path !== '/gone') await isWhole(t, `fails ${path}`)
    else t.equal(await status(path, `fails ${path}`), 502, 'and not 429')
  }
  const halves = await Promise.all(Array.from({ length: MOST }, () => start('/s/half', 'half')))
  for (const { socket } of halves) if (!socket.closed) await once(socket, 'close')
  await isWhole(t, 'half')
})

t.test('given back after every other end: an answer of our own, a refusal, HEAD, a body', async (t) => {
  for (let round = 0; round < 3 * MOST; round++) {
    t.equal(await status('/answered', 'ends'), 200)
    t.equal(await status('/refused', 'ends'), 403)
    t.equal(await status('/s/ok', 'ends', 'body'), 200)
    t.equal((await ask(gateway.port, '/s/ok', { method: 'HEAD', headers: { 'x-test': 'ends' } })).status, 200)
  }
  await isWhole(t, 'ends')
  t.equal(gateway.child.exitCode, null)
})

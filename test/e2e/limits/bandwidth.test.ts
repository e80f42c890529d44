/** Bandwidth: bodies are held back both ways, whole, and shared by all exchanges of a key. */
import t from 'tap'
import { ask, type Reply } from '../client.ts'
import { startGateway } from '../gateway.ts'
import { startUpstream } from '../upstream.ts'

const KB = 1024
const upstream = await startUpstream(t, (request, response) => {
  let received = 0
  request.on('data', (data: Buffer) => (received += data.length))
  request.on('end', () => {
    const bytes = Number(new URL(request.url ?? '/', 'http://x').searchParams.get('bytes') ?? 0)
    response.end(bytes > 0 ? Buffer.alloc(bytes, 'x') : String(received))
  })
})
const gateway = await startGateway(
  t,
  `version: 1
listen: [ { address: "127.0.0.1:0" } ]
state: { dir: var }
services:
  - name: s
    url: ${upstream.url}
    policies: { auth: public }
    routes:
      - { name: slow, match: { paths: ["/slow"] }, policies: { limits: [ { name: width, bandwidth: 256kb/s, by: "header:x-test" } ] } }
      - { name: shadowed, match: { paths: ["/shadowed"] }, policies: { limits: [ { name: width, bandwidth: 64kb/s, by: "header:x-test", mode: shadow } ] } }
`,
  { workers: 2 }
)

interface Timed extends Reply {
  ms: number
}

async function timed(path: string, who: string, body?: string): Promise<Timed> {
  const began = performance.now()
  const more = body === undefined ? {} : { method: 'POST', body }
  const reply = await ask(gateway.port, path, { headers: { 'x-test': who }, ...more })
  return { ...reply, ms: performance.now() - began }
}

/** A bucket of one second is there at once, and the last chunk is not waited for. */
const CHUNK = 64 * KB

t.test('an answer is no faster than the limit, and whole', async (t) => {
  const { status, body, headers, ms } = await timed(`/slow?bytes=${768 * KB}`, 'down')
  t.equal(status, 200)
  t.equal(body.length, 768 * KB)
  t.ok(ms >= ((768 - 256) * KB - CHUNK) / ((256 * KB) / 1000), `${ms} ms`)
  t.equal(headers['ratelimit-policy'], `"width";q=${256 * KB};w=1;qu="content-bytes"`)
})

t.test('a small one is whole', async (t) => {
  const { body } = await timed('/slow?bytes=1000', 'small')
  t.equal(body.length, 1000)
})

t.test('a request’s body is held back, too, and is whole', async (t) => {
  const { status, body, ms } = await timed('/slow', 'up', 'x'.repeat(768 * KB))
  t.equal(status, 200)
  t.equal(body, String(768 * KB))
  // What the kernel has taken comes in one go, and the last piece of it is not waited for.
  t.ok(ms >= 500, `${ms} ms`)
})

t.test('exchanges of one key share it; those of another have their own', async (t) => {
  const both = await Promise.all([
    timed(`/slow?bytes=${384 * KB}`, 'shared'),
    timed(`/slow?bytes=${384 * KB}`, 'shared')
  ])
  t.ok(Math.max(...both.map(({ ms }) => ms)) >= ((768 - 256) * KB - 2 * CHUNK) / ((256 * KB) / 1000))
  for (const { body } of both) t.equal(body.length, 384 * KB)
})

t.test('shadow: nobody is held back, and it is logged', async (t) => {
  const reply = await timed(`/shadowed?bytes=${2048 * KB}`, 'shadow')
  t.equal(reply.body.length, 2048 * KB)
  t.equal(reply.headers['ratelimit-policy'], undefined)
  t.match(await gateway.line(({ id }) => id === reply.headers['x-request-id']), { shadow: 'width' })
  t.ok(reply.ms < 20_000, 'where 31 s would be the limit')
})

t.test('a client that leaves while it is held back', async (t) => {
  await timed(`/slow?bytes=${256 * KB}`, 'leaves')
  const controller = new AbortController()
  const leaving = fetch(`http://127.0.0.1:${gateway.port}/slow?bytes=${2048 * KB}`, {
    headers: { 'x-test': 'leaves' },
    signal: controller.signal
  }).then((response) => response.arrayBuffer())
  setTimeout(() => controller.abort(), 300)
  await t.rejects(leaving)
  t.equal((await timed('/slow?bytes=10', 'other')).status, 200)
  t.equal(gateway.child.exitCode, null)
})

/** A body that a stage asks to see whole, over a real app and real sockets. */
import { setTimeout as sleep } from 'node:timers/promises'
import t from 'tap'
import { BodyMemory } from '../../src/worker/body-memory.ts'
import { RequestBody } from '../../src/worker/request-body.ts'
import { AcceptorApp, WorkerApp, type NativeResponse } from '../../src/worker/uws.ts'
import { connect, type Connection } from '../e2e/connection.ts'

const LIMIT = 1 << 20

interface Arrival {
  body: RequestBody
  res: NativeResponse
  memory: BodyMemory
  /** Set once `collect` said something. */
  whole: Uint8Array | null | undefined
  over: boolean
  aborted: boolean
}

/** What the next request is met with: `collect` at once or when the test says. */
let next: { memory: BodyMemory; collect: boolean } = { memory: new BodyMemory(LIMIT), collect: true }
let arrived: (arrival: Arrival) => void = () => {}

const app = new WorkerApp(null, null, {
  request(res) {
    const { memory, collect: now } = next
    const state: Arrival = {
      memory,
      res,
      whole: undefined,
      over: false,
      aborted: false,
      body: new RequestBody(
        res,
        LIMIT,
        0,
        (error) => t.error(error),
        () => (state.over = true)
      )
    }
    res.onAborted(() => {
      state.aborted = true
      state.body.abandon()
    })
    if (now) collect(state)
    arrived(state)
  },
  opened: () => true,
  closed() {},
  escaped: (error) => t.error(error)
})
const door = new AcceptorApp(false)
const port = door.listen('127.0.0.1', 0) ?? 0
door.hook(app.descriptor)
t.teardown(async () => {
  door.unhook(app.descriptor)
  door.close()
  app.close()
  // App.close() keeps names for a second; nothing here has any.
  await sleep(20)
})

function collect(state: Arrival): void {
  state.body.collect(state.memory, (whole) => (state.whole = whole))
}

async function until(condition: () => boolean): Promise<void> {
  while (!condition()) await sleep(5)
}

async function send(bytes: string, how: Partial<typeof next> = {}): Promise<{ line: Connection; state: Arrival }> {
  next = { memory: new BodyMemory(LIMIT), collect: true, ...how }
  const met = new Promise<Arrival>((resolve) => (arrived = resolve))
  const line = await connect(port)
  line.send(bytes)
  return { line, state: await met }
}

const sized = (length: number, body: string): string =>
  `POST / HTTP/1.1\r\nHost: a\r\nContent-Length: ${length}\r\n\r\n${body}`
const chunked = (...chunks: string[]): string =>
  `POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n${chunks.map((c) => `${c.length.toString(16)}\r\n${c}\r\n`).join('')}`

const text = (state: Arrival): string => Buffer.from(state.whole ?? []).toString()

t.test('with a length, in one packet and in many', async (t) => {
  const one = await send(sized(5, 'hello'))
  await until(() => one.state.whole !== undefined)
  t.equal(text(one.state), 'hello')
  t.equal(one.state.memory.held, 5)
  one.state.body.discard()
  t.equal(one.state.memory.held, 0, 'given back')

  const many = await send(sized(60_000, 'a'.repeat(20_000)))
  for (const letter of ['b', 'c']) {
    await sleep(10)
    t.equal(many.state.whole, undefined, 'not before all of it is there')
    many.line.send(letter.repeat(20_000))
  }
  await until(() => many.state.whole !== undefined)
  t.equal(text(many.state), 'a'.repeat(20_000) + 'b'.repeat(20_000) + 'c'.repeat(20_000))
  one.line.close()
  many.line.close()
})

t.test('in chunks, the smallest too, which are gathered', async (t) => {
  const bytes = Array.from({ length: 30_000 }, (_, i) => String.fromCharCode(97 + (i % 26)))
  const { line, state } = await send(chunked(...bytes))
  await sleep(10)
  t.equal(state.whole, undefined)
  line.send('0\r\n\r\n')
  await until(() => state.whole !== undefined)
  t.equal(text(state), bytes.join(''))
  t.ok(state.memory.held <= 50_000, `${state.memory.held} bytes are charged for 30,000 chunks of one`)

  const empty = await send(`${chunked()}0\r\n\r\n`)
  await until(() => empty.state.whole !== undefined)
  t.equal(text(empty.state), '')
  line.close()
  empty.line.close()
})

t.test('asked for late, also after all of it came', async (t) => {
  const { line, state } = await send(sized(8, 'half'), { collect: false })
  await until(() => state.body.bytes === 4)
  collect(state)
  line.send('half')
  await until(() => state.whole !== undefined)
  t.equal(text(state), 'halfhalf')
  const complete = await send(sized(4, 'full'), { collect: false })
  await until(() => complete.state.body.complete)
  collect(complete.state)
  t.equal(text(complete.state), 'full')
  line.close()
  complete.line.close()
})

t.test('over the memory of the worker: null, and it can still be streamed', async (t) => {
  for (const [room, fits] of [
    [999, false],
    [1000, true],
    [1001, true]
  ] as const) {
    const { line, state } = await send(sized(1000, 'x'.repeat(1000)), { memory: new BodyMemory(room) })
    await until(() => state.whole !== undefined)
    t.equal(state.whole !== null, fits, `1000 bytes with room for ${room}`)
    const sent: string[] = []
    let ended = false
    state.body.connect({
      write: (chunk) => sent.push(Buffer.from(chunk).toString()) > 0,
      end: () => (ended = true)
    })
    await until(() => ended)
    t.equal(sent.join(''), 'x'.repeat(1000))
    t.equal(state.memory.held, 0)
    line.close()
  }
})

t.test('what was held goes on in pieces, at the pace of who takes it', async (t) => {
  const { line, state } = await send(sized(200_000, 'y'.repeat(200_000)))
  await until(() => state.whole !== undefined)
  let taken = 0
  let ended = false
  state.body.connect({
    write(chunk) {
      taken += chunk.length
      return false
    },
    end: () => (ended = true)
  })
  t.equal(taken, 65_536, 'one piece, then it waits')
  t.equal(state.memory.held > 0, true)
  while (!ended) state.body.drained()
  t.equal(taken, 200_000)
  t.equal(state.memory.held, 0)
  line.close()
})

t.test('a client that leaves half way, and a body over its limit: nothing is said, all is given back', async (t) => {
  const { line, state } = await send(sized(100_000, 'z'.repeat(50_000)))
  await until(() => state.memory.held > 0)
  line.close()
  await until(() => state.aborted)
  t.equal(state.whole, undefined)
  t.equal(state.memory.held, 0)

  for (const [size, over] of [
    [LIMIT - 1, false],
    [LIMIT, false],
    [LIMIT + 1, true]
  ] as const) {
    const large = await send(`${chunked('w'.repeat(size))}0\r\n\r\n`, { memory: new BodyMemory(LIMIT * 2) })
    await until(() => large.state.whole !== undefined || large.state.over)
    t.equal(large.state.over, over, `${size} of ${LIMIT}`)
    if (over) t.equal(large.state.memory.held, 0)
    else t.equal(large.state.whole?.length, size)
    large.line.close()
  }
})

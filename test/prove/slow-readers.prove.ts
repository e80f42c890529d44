/**
 * Clients that ask for large answers and read a few bytes a second, or nothing, or go on asking: each is cut in its time, what is
 * held for one is bounded, other clients and the service are unharmed. slow-attack.prove.ts has slowhttptest's way of it.
 */
import { once } from 'node:events'
import net from 'node:net'
import tls from 'node:tls'
import { control, metric, sample } from '../e2e/control.ts'
import type { Gateway, Owner } from '../e2e/gateway.ts'
import { NOTHING_TO_FILL, privateMemory } from '../e2e/memory.ts'
import { startAttacked } from '../e2e/slow-attack.ts'
import { pause, Visitors } from '../e2e/visitors.ts'
import { proof, type Finding } from './proof.ts'

/** A third of them in each way. */
const READERS = 450
const ANSWER = 4 << 20
/** More than the kernel holds on both sides, 4 MiB and 33. */
const LONG = 24 * ANSWER
/** What all of them may take of the gateway's memory, bytes each: a chunk of the answer, and as much again and more for TLS. */
const MOST_MEMORY = READERS * 250 * 1024
/** Connections that the others keep to the service: fewer than this. */
const KEPT = 50
/**
 * From having asked to being cut, s: 12 at most by uWebSockets.js, and before that a second for a connection to the service,
 * again and again for who is told 503 and goes on asking.
 */
const CUT_WITHIN = 25
const REQUEST = 'GET /large HTTP/1.1\r\nHost: localhost\r\n\r\n'

const WAYS = ['not at all', 'sixteen bytes a second', 'not at all, and asking again each second'] as const
type Way = (typeof WAYS)[number]

async function run(owner: Owner, secure: boolean): Promise<Finding> {
  // Sheds as it is delivered, not as tests beside other work have it.
  const {
    gateway,
    plain,
    secure: port,
    service
  } = await startAttacked(owner, ANSWER, '5s', {
    ...NOTHING_TO_FILL,
    GATEHOUSE_OVERLOAD_LAG: '100ms'
  })
  const pid = await gateway.gatewayPid()
  const visitors = new Visitors(plain, { keepAlive: 4, fresh: 2, pause: 5, from: '127.0.0.2' })
  await pause(1_000)
  const before = privateMemory(pid)
  let most = before
  const watch = setInterval(() => (most = Math.max(most, privateMemory(pid))), 100)
  owner.teardown(() => clearInterval(watch))
  const visitorsOpen = await open(gateway)
  const began = performance.now()
  const readers = Array.from(
    { length: READERS },
    (_, i) => new Reader(secure ? port : plain, secure, WAYS[i % 3] ?? 'not at all')
  )
  for (const reader of readers) owner.teardown(() => reader.end())
  await Promise.all(readers.map((reader) => reader.asked))
  const askedFor = (performance.now() - began) / 1000
  let left = await open(gateway)
  let seconds = 0
  while (left > visitorsOpen + 2 && seconds < CUT_WITHIN + askedFor) {
    await pause(500)
    left = await open(gateway)
    seconds = (performance.now() - began) / 1000
  }
  const { answered, lost, statuses } = await visitors.stop()
  // What nobody waits for any more is closed there, too; a few idle ones are kept.
  let atService = await connections(service)
  for (let tries = 0; atService >= KEPT && tries < 20; tries++) {
    await pause(500)
    atService = await connections(service)
  }
  const unharmed = lost.length === 0 && [...statuses.keys()].join() === '200'
  const held = most - before
  const opened = await metric(gateway, 'gatehouse_connections_opened_total')
  return {
    holds: unharmed && opened > READERS && seconds < CUT_WITHIN + askedFor && held < MOST_MEMORY && atService < KEPT,
    figure: `${Math.max(0, left - visitorsOpen)} left after ${seconds.toFixed(1)} s; ${(held / 2 ** 20).toFixed(1)} MB held, ${(held / READERS / 1024).toFixed(0)} KB each; others ${answered} answers (${[...statuses].map(([status, n]) => `${n} × ${status}`).join(', ')}), ${lost.length} lost; ${atService} connections to the service left`
  }
}

/** Connections of clients. */
async function open(gateway: Gateway): Promise<number> {
  const { body } = await control(gateway, '/metrics')
  return sample(body, 'gatehouse_connections_opened_total') - sample(body, 'gatehouse_connections_closed_total')
}

function connections(server: net.Server): Promise<number> {
  return new Promise((resolve, reject) => server.getConnections((error, n) => (error ? reject(error) : resolve(n))))
}

/** Asks once, and then reads as slowly as it was told. The kernel takes for it what it takes for everybody. */
class Reader {
  readonly asked: Promise<unknown>
  readonly #socket: net.Socket
  readonly #timer: NodeJS.Timeout

  constructor(port: number, secure: boolean, way: Way) {
    // A read takes sixteen bytes and no more.
    const onread = {
      buffer: Buffer.alloc(16),
      callback: (): boolean => {
        raw.pause()
        return false
      }
    }
    const raw = net.connect(secure ? { port, host: '127.0.0.1' } : { port, host: '127.0.0.1', onread })
    const socket = secure ? tls.connect({ socket: raw, rejectUnauthorized: false, servername: 'localhost' }) : raw
    this.#socket = socket
    socket.on('error', () => {})
    raw.on('error', () => {})
    this.asked = once(socket, secure ? 'secureConnect' : 'connect').then(
      () => {
        socket.write(REQUEST)
        // TLS reads whole records: of those one at a time.
        socket.pause()
      },
      () => {}
    )
    this.#timer = setInterval(() => {
      if (way === 'sixteen bytes a second') {
        if (secure) socket.read(16)
        else raw.resume()
      } else if (way !== 'not at all') socket.write(REQUEST)
    }, 1_000)
  }

  end(): void {
    clearInterval(this.#timer)
    this.#socket.destroy()
  }
}

for (const secure of [false, true]) {
  await proof(
    `${READERS} clients that read ${WAYS.join('; ')}${secure ? ', over TLS' : ''}: all are cut in their time, and harm nobody`,
    (owner) => run(owner, secure)
  )
}

await proof('clients that read, rest for 15 s and read on get all of their answer, over TLS too', async (owner) => {
  const { gateway, plain, secure } = await startAttacked(owner, LONG, '5s')
  const lengths = await Promise.all([resting(net.connect(plain, '127.0.0.1')), resting(await overTls(secure))])
  const cut = gateway.lines().filter(({ decision }) => decision !== 'forward')
  return {
    holds: lengths.every((length) => length >= LONG) && cut.length === 0,
    figure: `${lengths.join(' and ')} bytes of ${LONG}`
  }
})

async function overTls(port: number): Promise<net.Socket> {
  const socket = tls.connect({ port, host: '127.0.0.1', rejectUnauthorized: false, servername: 'localhost' })
  await once(socket, 'secureConnect')
  return socket
}

/** Takes some now and then, waits, takes the rest. @returns bytes that came, head and all */
async function resting(socket: net.Socket): Promise<number> {
  let bytes = 0
  let rests = 4
  socket.on('error', () => {})
  socket.write(REQUEST.replace('\r\n\r\n', '\r\nConnection: close\r\n\r\n'))
  socket.on('data', (data) => {
    bytes += data.length
    if (rests === 0 || bytes < (5 - rests) * 4 * ANSWER) return
    rests--
    socket.pause()
    setTimeout(() => socket.resume(), rests > 0 ? 1_500 : 15_000)
  })
  await once(socket, 'close')
  return bytes
}

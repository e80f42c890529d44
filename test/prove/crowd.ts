/** A thread of its own with clients that ask again as soon as they have an answer, or some time after it, and count what they are told. */
import net from 'node:net'
import { setTimeout as sleep } from 'node:timers/promises'
import { parentPort, workerData } from 'node:worker_threads'

/** One kind of client. */
export interface Kind {
  readonly name: string
  readonly connections: number
  /** Whole requests, used in turn. */
  readonly requests: readonly Buffer[]
  /** Between an answer and the next request, ms. */
  readonly pause: number
  /** Loopback addresses that they come from, in turn. */
  readonly from: readonly string[]
}

/** An answer. */
export interface Told {
  readonly kind: string
  /** 0: the connection was lost. */
  readonly status: number
  /** performance.timeOrigin + performance.now() of the answer, ms. */
  readonly at: number
  readonly ms: number
  /** Its Retry-After, s; NaN without. */
  readonly retryAfter: number
}

const { port, kinds } = workerData as { port: number; kinds: readonly Kind[] }
const told: Told[] = []
const stopped = new Set<string>()
const turns = new Map<string, number>()

function next({ name, requests }: Kind): Buffer {
  const turn = turns.get(name) ?? 0
  turns.set(name, turn + 1)
  return requests[turn % requests.length] ?? Buffer.alloc(0)
}

async function visit(kind: Kind, from: string): Promise<void> {
  while (!stopped.has(kind.name)) {
    const socket = net.connect({ port, host: '127.0.0.1', localAddress: from, noDelay: true })
    let text = ''
    let answered: (() => void) | null = null
    socket.on('error', () => {})
    socket.on('close', () => answered?.())
    socket.on('data', (data) => {
      text += data.toString('latin1')
      if (whole(text)) answered?.()
    })
    while (!stopped.has(kind.name) && !socket.destroyed) {
      const began = performance.now()
      text = ''
      socket.write(next(kind))
      await new Promise<void>((resolve) => (answered = resolve))
      answered = null
      const now = performance.now()
      told.push({
        kind: kind.name,
        status: whole(text) ? Number(text.slice(9, 12)) : 0,
        at: performance.timeOrigin + now,
        ms: now - began,
        retryAfter: Number(/\r\nretry-after: (\d+)\r\n/i.exec(text)?.[1] ?? NaN)
      })
      if (/\r\nconnection: close/i.test(text)) break
      if (kind.pause > 0) await sleep(kind.pause)
    }
    socket.destroy()
  }
}

function whole(text: string): boolean {
  const end = text.indexOf('\r\n\r\n')
  return end > 0 && text.length >= end + 4 + Number(/\r\ncontent-length: (\d+)/i.exec(text)?.[1] ?? 0)
}

for (const kind of kinds)
  for (let i = 0; i < kind.connections; i++) void visit(kind, kind.from[i % kind.from.length] ?? '127.0.0.1')

// A name: that kind stops. null: all stop, and what they were told is told.
parentPort?.on('message', (name: string | null) => {
  if (name !== null) return void stopped.add(name)
  for (const kind of kinds) stopped.add(kind.name)
  parentPort?.postMessage(told)
  parentPort?.close()
})

/** Many requests at the same moment, over connections that are open before the first of them is sent. */
import { once } from 'node:events'
import { connect, type Socket } from 'node:net'

export interface Burst {
  /** How often each status was answered; 0: no answer. */
  statuses: Map<number, number>
  ms: number
}

/** `requests` over `connections` at once, each connection sending its next as soon as it has its answer. */
export async function burst(
  port: number,
  requests: number,
  connections: number,
  request: (number: number) => string
): Promise<Burst> {
  const sockets = await Promise.all(Array.from({ length: connections }, () => open(port)))
  const statuses = new Map<number, number>()
  let next = 0
  const startedAt = performance.now()
  await Promise.all(
    sockets.map(async (socket) => {
      const reader = new Answers(socket)
      while (next < requests) {
        socket.write(request(next++))
        const status = await reader.status()
        statuses.set(status, (statuses.get(status) ?? 0) + 1)
        if (status === 0) break
      }
      socket.destroy()
    })
  )
  return { statuses, ms: performance.now() - startedAt }
}

async function open(port: number): Promise<Socket> {
  const socket = connect(port, '127.0.0.1')
  socket.setNoDelay(true)
  await once(socket, 'connect')
  return socket
}

/** Answers with a Content-Length, one after the other. */
class Answers {
  #text = ''
  #closed = false
  #wake: () => void = () => {}

  constructor(socket: Socket) {
    socket.on('data', (data) => {
      this.#text += data.toString('latin1')
      this.#wake()
    })
    socket.on('error', () => {})
    socket.on('close', () => {
      this.#closed = true
      this.#wake()
    })
  }

  /** Of the next whole answer; 0 when the connection ended without. */
  async status(): Promise<number> {
    for (;;) {
      const head = this.#text.indexOf('\r\n\r\n')
      if (head >= 0) {
        const length = Number(/\r\ncontent-length: (\d+)/i.exec(this.#text.slice(0, head))?.[1] ?? 0)
        if (this.#text.length >= head + 4 + length) {
          const status = Number(/^HTTP\/1\.1 (\d{3})/.exec(this.#text)?.[1] ?? 0)
          this.#text = this.#text.slice(head + 4 + length)
          return status
        }
      }
      if (this.#closed) return 0
      await new Promise<void>((resolve) => (this.#wake = resolve))
    }
  }
}

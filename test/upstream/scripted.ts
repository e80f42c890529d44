import { once } from 'node:events'
import { type AddressInfo, createServer, type Socket } from 'node:net'
import { createServer as createTlsServer } from 'node:tls'
import { setTimeout as sleep } from 'node:timers/promises'
import type { Test } from 'tap'

/**
 * A raw TCP (or TLS) server that does exactly what a script says with each connection: the hostile, slow or merely
 * odd upstream that no HTTP library would play.
 */
export interface ScriptedUpstream {
  readonly host: '127.0.0.1'
  readonly port: number
  /** `http://127.0.0.1:port` or https. */
  readonly origin: string
  /** Connections accepted so far. */
  readonly connections: number
  /** Connections that the client has not closed. */
  readonly open: number
}

/** What happens on one connection; `nth` counts from 0. The connection stays open when it returns. */
export type Script = (peer: Peer, nth: number) => Promise<void> | void

/** Listens until the end of test `t`. A script's own failure fails the test. */
export async function scripted(
  t: Test,
  script: Script,
  tls?: { key: string; cert: string }
): Promise<ScriptedUpstream> {
  const sockets = new Set<Socket>()
  const open = new Set<Socket>()
  let connections = 0
  const accept = (socket: Socket): void => {
    const peer = new Peer(socket)
    sockets.add(socket)
    open.add(socket)
    // The client's FIN counts: with half-open connections allowed, only the script's own end closes the socket.
    socket.on('end', () => open.delete(socket))
    socket.on('close', () => {
      sockets.delete(socket)
      open.delete(socket)
    })
    Promise.resolve(script(peer, connections++)).catch((error: unknown) => {
      if (!(error instanceof PeerGone)) t.fail(`the upstream's script failed: ${String(error)}`)
    })
  }
  const options = { allowHalfOpen: true, noDelay: true }
  const server = tls ? createTlsServer({ ...options, ...tls }, accept) : createServer(options, accept)
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  t.teardown(() => {
    server.close()
    for (const socket of sockets) socket.destroy()
  })
  const { port } = server.address() as AddressInfo
  return {
    host: '127.0.0.1',
    port,
    origin: `${tls ? 'https' : 'http'}://127.0.0.1:${port}`,
    get connections() {
      return connections
    },
    get open() {
      return open.size
    }
  }
}

/** The client closed while the script still waited for something of it. */
class PeerGone extends Error {}

/** One connection, as the script sees it. */
export class Peer {
  readonly socket: Socket
  #received = ''
  #ended = false
  #wake: (() => void) | null = null

  constructor(socket: Socket) {
    this.socket = socket
    socket.setEncoding('latin1')
    socket.on('data', (text: string) => {
      this.#received += text
      this.#wake?.()
    })
    const end = (): void => {
      this.#ended = true
      this.#wake?.()
    }
    socket.on('end', end).on('close', end).on('error', end)
  }

  /** The next request's head, with its final blank line. */
  async head(): Promise<string> {
    await this.until(() => this.#received.includes('\r\n\r\n'))
    return this.#take(this.#received.indexOf('\r\n\r\n') + 4)
  }

  /** The next `length` bytes, Latin-1. */
  async bytes(length: number): Promise<string> {
    await this.until(() => this.#received.length >= length)
    return this.#take(length)
  }

  /** All up to and with `text`. */
  async through(text: string): Promise<string> {
    await this.until(() => this.#received.includes(text))
    return this.#take(this.#received.indexOf(text) + text.length)
  }

  /** All that came and wasn't taken. */
  get received(): string {
    return this.#received
  }

  /** Resolves when the client has closed its side, or the connection is gone. */
  async closed(): Promise<void> {
    while (!this.#ended) await this.#more()
  }

  /** Text is Latin-1. */
  send(bytes: string | Uint8Array): void {
    this.socket.write(typeof bytes === 'string' ? Buffer.from(bytes, 'latin1') : bytes)
  }

  /** Sends `text` in pieces of `size` bytes, each read by the client on its own (as nearly as a kernel promises). */
  async drip(text: string, size = 1): Promise<void> {
    for (let i = 0; i < text.length && !this.socket.destroyed; i += size) {
      this.send(text.slice(i, i + size))
      await new Promise((resolve) => setImmediate(resolve))
    }
  }

  wait(ms: number): Promise<void> {
    return sleep(ms)
  }

  /** FIN: no more will be sent; what comes is still read. */
  finish(): void {
    this.socket.end()
  }

  /** Stops reading, so that the client's writes pile up. */
  stall(): void {
    this.socket.pause()
  }

  /** RST. */
  reset(): void {
    this.socket.resetAndDestroy()
  }

  async until(condition: () => boolean): Promise<void> {
    while (!condition()) {
      if (this.#ended) throw new PeerGone()
      await this.#more()
    }
  }

  #more(): Promise<void> {
    return new Promise((resolve) => {
      this.#wake = resolve
    })
  }

  #take(length: number): string {
    const taken = this.#received.slice(0, length)
    this.#received = this.#received.slice(length)
    return taken
  }
}

/** Answers every request of a connection, without a body, with the same bytes. */
export function always(answer: string): Script {
  return async (peer) => {
    for (;;) {
      await peer.head()
      peer.send(answer)
    }
  }
}

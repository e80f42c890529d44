/**
 * Clients that count what a user would notice: a bare HTTP/1.1 client on net.Socket, because node:http hides a
 * connection that the server dropped between two requests, and that is what these tests look for.
 */
import net from 'node:net'
import tls from 'node:tls'
import { PATIENCE } from './patience.ts'

export interface VisitorOptions {
  /** Keep-alive connections, each asking again as soon as it has its answer. */
  keepAlive?: number
  /** Clients that open a connection for each request. */
  fresh?: number
  path?: string
  headers?: Record<string, string>
  /** Trusted certificates: asks over TLS, with `localhost` as the server name. */
  ca?: string | string[]
  /** Waits between two requests of one client, ms. */
  pause?: number
  /** Loopback address that they come from; 127.0.0.1 unless said otherwise. */
  from?: string
}

export interface Losses {
  /** Whole answers. */
  answered: number
  /** Answers by status. */
  statuses: Map<number, number>
  /** Answers by body. */
  bodies: Map<string, number>
  /** What went wrong, in words, one per lost request or dropped connection. */
  lost: string[]
  /** Of each answer, ms. */
  times: number[]
  /** When each of them began, ms of performance.now(). */
  began: number[]
  /** Answers that said `Connection: close` to clients that had not asked for it. */
  closes: number
}

export class Visitors {
  readonly losses: Losses = {
    answered: 0,
    statuses: new Map(),
    bodies: new Map(),
    lost: [],
    times: [],
    began: [],
    closes: 0
  }
  readonly #port: number
  readonly #options: VisitorOptions
  readonly #running: Promise<void>[] = []
  #stopped = false

  constructor(port: number, options: VisitorOptions) {
    this.#port = port
    this.#options = options
    for (let i = 0; i < (options.keepAlive ?? 0); i++) this.#running.push(this.#visit(true))
    for (let i = 0; i < (options.fresh ?? 0); i++) this.#running.push(this.#visit(false))
  }

  /** Lets each client finish the request it is at. */
  async stop(): Promise<Losses> {
    this.#stopped = true
    await Promise.all(this.#running)
    return this.losses
  }

  async #visit(keepAlive: boolean): Promise<void> {
    let line: Line | null = null
    while (!this.#stopped) {
      const began = performance.now()
      try {
        line ??= await Line.open(this.#port, this.#options.ca, this.#options.from)
        const answer = await line.ask(this.#options.path ?? '/', keepAlive, this.#options.headers ?? {})
        this.#count(answer, began)
        if (answer.close && keepAlive) this.losses.closes++
        if (answer.close || !keepAlive) {
          line.end()
          line = null
        }
      } catch (error) {
        this.losses.lost.push(error instanceof Error ? error.message : String(error))
        line?.end()
        line = null
        // What refuses connections would otherwise be counted ten thousand times.
        await pause(20)
      }
      if (this.#options.pause) await pause(this.#options.pause)
    }
    line?.end()
  }

  #count(answer: LineAnswer, began: number): void {
    const { losses } = this
    losses.answered++
    losses.times.push(performance.now() - began)
    losses.began.push(began)
    losses.statuses.set(answer.status, (losses.statuses.get(answer.status) ?? 0) + 1)
    losses.bodies.set(answer.body, (losses.bodies.get(answer.body) ?? 0) + 1)
  }
}

export interface LineAnswer {
  status: number
  /** Said `Connection: close`. */
  close: boolean
  head: string
  body: string
}

/** One connection, one request at a time. Answers are to have a Content-Length. */
export class Line {
  readonly socket: net.Socket
  #text = ''
  #waiting: { resolve: (answer: LineAnswer) => void; reject: (error: Error) => void } | null = null
  #gone: Error | null = null
  #asked = 0

  static open(port: number, ca?: string | string[], localAddress?: string): Promise<Line> {
    const where = { port, host: '127.0.0.1', localAddress }
    return new Promise((resolve, reject) => {
      const socket =
        ca === undefined
          ? net.connect({ ...where, noDelay: true }, () => resolve(line))
          : tls.connect({ ...where, ca, servername: 'localhost' }, () => resolve(line))
      const line = new Line(socket)
      socket.once('error', (error) => reject(new Error(`connecting: ${error.message}`)))
    })
  }

  constructor(socket: net.Socket) {
    this.socket = socket
    socket.on('data', (data) => {
      this.#text += data.toString('latin1')
      this.#read()
    })
    const gone = (why: string): void => {
      this.#gone ??= new Error(`${why} after ${this.#asked} requests`)
      this.#waiting?.reject(new Error(`${why} instead of answer ${this.#asked}`))
      this.#waiting = null
    }
    socket.on('error', (error: NodeJS.ErrnoException) => gone(error.code ?? error.message))
    socket.on('close', () => gone('closed'))
    socket.on('end', () => gone('ended'))
  }

  /** Rejects when no whole answer comes. */
  ask(path: string, keepAlive = true, headers: Record<string, string> = {}, method = 'GET'): Promise<LineAnswer> {
    if (this.#gone) return Promise.reject(new Error(`dropped without a word: ${this.#gone.message}`))
    this.#asked++
    let head = `${method} ${path} HTTP/1.1\r\nhost: localhost\r\n`
    if (!keepAlive) head += 'connection: close\r\n'
    for (const [name, value] of Object.entries(headers)) head += `${name}: ${value}\r\n`
    return new Promise((resolve, reject) => {
      this.#waiting = { resolve, reject }
      this.socket.write(`${head}\r\n`)
    })
  }

  #read(): void {
    const end = this.#text.indexOf('\r\n\r\n')
    if (end < 0) return
    const head = this.#text.slice(0, end)
    const length = Number(/\r\ncontent-length: (\d+)/i.exec(head)?.[1] ?? 0)
    if (this.#text.length < end + 4 + length) return
    const body = this.#text.slice(end + 4, end + 4 + length)
    this.#text = this.#text.slice(end + 4 + length)
    const waiting = this.#waiting
    this.#waiting = null
    waiting?.resolve({
      status: Number(head.slice(9, 12)),
      close: /\r\nconnection: close/i.test(head),
      head,
      body
    })
  }

  end(): void {
    this.socket.destroy()
  }
}

export function pause(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms))
}

/** Resolves with what `look` finds, once it finds something. */
export async function eventually<T>(
  look: () => T | Promise<T>,
  what: string,
  limit = PATIENCE
): Promise<NonNullable<T>> {
  const until = performance.now() + limit
  for (;;) {
    const found = await look()
    if (found) return found
    if (performance.now() > until) throw new Error(`not within ${limit} ms: ${what}`)
    await pause(10)
  }
}

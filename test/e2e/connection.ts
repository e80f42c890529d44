/** One connection of a client that counts every byte: for what an HTTP library would mend, hide or refuse to send. */
import net from 'node:net'
import tls from 'node:tls'
import { PATIENCE } from './patience.ts'

/** A response as it came, its framing judged by RFC 9112 alone and not by the code under test. */
export interface RawResponse {
  status: number
  /** Head without the final blank line, Latin-1. */
  head: string
  /** Values of the field `name` (lower-case), in the order they came. */
  values(name: string): string[]
  /** Body after removal of chunked framing, Latin-1. */
  body: string
  framing: 'none' | 'length' | 'chunked' | 'close'
  /** The connection ended before the body did. */
  truncated: boolean
}

export class Connection {
  readonly socket: net.Socket
  #received = Buffer.alloc(0)
  #closed = false
  #reset = false
  #wake: (() => void)[] = []

  constructor(socket: net.Socket) {
    this.socket = socket
    socket.on('data', (data: Buffer) => {
      this.#received = Buffer.concat([this.#received, data])
      this.#notify()
    })
    socket.on('error', () => {
      this.#reset = true
    })
    // Node reports `close` only once both sides have ended; the other's FIN is what is asked for here.
    const closed = (): void => {
      this.#closed = true
      this.#notify()
    }
    socket.on('end', closed).on('close', closed)
  }

  get closed(): boolean {
    return this.#closed
  }

  get reset(): boolean {
    return this.#reset
  }

  /** Everything that came and was not taken as a response, Latin-1. */
  get rest(): string {
    return this.#received.toString('latin1')
  }

  /** Text is Latin-1. */
  send(bytes: string | Buffer): this {
    this.socket.write(typeof bytes === 'string' ? Buffer.from(bytes, 'latin1') : bytes)
    return this
  }

  /** The next final response. `method` of its request decides whether a body follows. Rejects when none comes in time. */
  async response(method = 'GET', limit = PATIENCE): Promise<RawResponse> {
    const until = Date.now() + limit
    for (;;) {
      const response = parse(this.#received, this.#closed, method)
      if (response !== null) {
        this.#received = this.#received.subarray(response.length)
        if (response.value.status >= 200) return response.value
        continue
      }
      if (this.#closed) throw new Error(`closed without a whole head: ${JSON.stringify(this.rest)}`)
      await this.#more(until)
    }
  }

  /** Resolves when the other side has closed; false when it hasn't within `limit` ms. */
  async ended(limit = PATIENCE): Promise<boolean> {
    const until = Date.now() + limit
    while (!this.#closed) {
      try {
        await this.#more(until)
      } catch {
        return false
      }
    }
    return true
  }

  /** Resolves when `text` stands in what came and was not taken. */
  async holds(text: string, limit = PATIENCE): Promise<void> {
    const until = Date.now() + limit
    while (!this.rest.includes(text)) {
      if (this.#closed) throw new Error(`closed before ${JSON.stringify(text)} came: ${JSON.stringify(this.rest)}`)
      await this.#more(until)
    }
  }

  close(): void {
    this.socket.destroy()
  }

  #more(until: number): Promise<void> {
    return new Promise((resolve, reject) => {
      const timer = setTimeout(
        () => reject(new Error(`nothing more came: ${JSON.stringify(this.rest.slice(0, 500))}`)),
        Math.max(0, until - Date.now())
      )
      this.#wake.push(() => {
        clearTimeout(timer)
        resolve()
      })
    })
  }

  #notify(): void {
    for (const wake of this.#wake.splice(0)) wake()
  }
}

/** Connects over plain TCP. */
export function connect(port: number, host = '127.0.0.1', localAddress?: string): Promise<Connection> {
  return new Promise((resolve, reject) => {
    const from = localAddress === undefined ? {} : { localAddress }
    const socket = net.connect({ port, host, noDelay: true, ...from }, () => resolve(new Connection(socket)))
    socket.once('error', reject)
  })
}

/** Connects over TLS to loopback. */
export function connectTls(
  port: number,
  options: tls.ConnectionOptions
): Promise<Connection & { socket: tls.TLSSocket }> {
  return new Promise((resolve, reject) => {
    const socket = tls.connect({ port, host: '127.0.0.1', ...options }, () =>
      resolve(new Connection(socket) as Connection & { socket: tls.TLSSocket })
    )
    socket.once('error', reject)
  })
}

/** Sends one request on a connection of its own; the connection is closed after its answer. */
export async function exchange(
  port: number,
  request: string | Buffer,
  method = 'GET',
  limit = PATIENCE
): Promise<RawResponse> {
  const connection = await connect(port)
  try {
    return await connection.send(request).response(method, limit)
  } finally {
    connection.close()
  }
}

/** The first response in `bytes` and its length, or null while it isn't whole. */
function parse(bytes: Buffer, ended: boolean, method: string): { value: RawResponse; length: number } | null {
  const headEnd = bytes.indexOf('\r\n\r\n')
  if (headEnd < 0) return null
  const head = bytes.toString('latin1', 0, headEnd)
  const [statusLine = '', ...lines] = head.split('\r\n')
  const status = Number(/^HTTP\/1\.1 (\d{3}) /.exec(statusLine)?.[1] ?? NaN)
  if (Number.isNaN(status)) throw new Error(`no status line: ${JSON.stringify(statusLine)}`)
  const values = (name: string): string[] =>
    lines
      .filter((line) => line.slice(0, line.indexOf(':')).toLowerCase() === name)
      .map((line) => line.slice(line.indexOf(':') + 1).trim())
  const start = headEnd + 4
  const made = (framing: RawResponse['framing'], body: string, length: number, truncated = false) => ({
    value: { status, head, values, body, framing, truncated },
    length
  })
  if (method === 'HEAD' || status < 200 || status === 204 || status === 304) return made('none', '', start)
  const codings = values('transfer-encoding')
  const lengths = values('content-length')
  if (codings.length + lengths.length > 1) throw new Error(`ambiguous framing: ${head}`)
  if (codings.length > 0) return parseChunked(bytes, start, ended, made)
  if (lengths.length === 0) return ended ? made('close', bytes.toString('latin1', start), bytes.length) : null
  const end = start + Number(lengths[0])
  if (bytes.length >= end) return made('length', bytes.toString('latin1', start, end), end)
  return ended ? made('length', bytes.toString('latin1', start), bytes.length, true) : null
}

type Make = (
  framing: 'chunked',
  body: string,
  length: number,
  truncated?: boolean
) => { value: RawResponse; length: number }

function parseChunked(bytes: Buffer, start: number, ended: boolean, made: Make): ReturnType<Make> | null {
  let body = ''
  let at = start
  for (;;) {
    const lineEnd = bytes.indexOf('\r\n', at)
    const size = lineEnd < 0 ? -1 : Number.parseInt(bytes.toString('latin1', at, lineEnd), 16)
    // The last chunk has no data; trailer fields may follow it.
    const next = size === 0 ? bytes.indexOf('\r\n\r\n', lineEnd) + 4 : lineEnd + 2 + size + 2
    if (lineEnd < 0 || next < lineEnd || bytes.length < next)
      return ended ? made('chunked', body, bytes.length, true) : null
    if (size === 0) return made('chunked', body, next)
    if (bytes.toString('latin1', next - 2, next) !== '\r\n') throw new Error('a chunk does not end where it says')
    body += bytes.toString('latin1', lineEnd + 2, next - 2)
    at = next
  }
}

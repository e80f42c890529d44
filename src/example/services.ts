/** Three small services as a company might have them: plain HTTP on loopback, no security of their own. */
import { createServer, type IncomingMessage, type RequestListener, type Server, type ServerResponse } from 'node:http'

export interface Running {
  port: number
  close(): Promise<void>
}

/** `port` 0: any free one. Rejects when it is taken. */
export async function serve(handler: RequestListener, port: number): Promise<Running> {
  const server = createServer(handler)
  // Longer than the gateway keeps its idle connections, so that it is never surprised by a closing one.
  server.keepAliveTimeout = 75_000
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject)
    server.listen(port, '127.0.0.1', () => {
      server.off('error', reject)
      resolve()
    })
  })
  return { port: portOf(server, port), close: () => close(server) }
}

function portOf(server: Server, asked: number): number {
  const address = server.address()
  return address !== null && typeof address === 'object' ? address.port : asked
}

function close(server: Server): Promise<void> {
  return new Promise((resolve) => {
    server.close(() => resolve())
    server.closeAllConnections()
  })
}

interface Order {
  id: string
  item: string
  amount: number
}

/** Orders of tenants: GET /orders/{tenant}, GET /orders/{tenant}/{id}, POST /orders/{tenant}. Kept while it runs. */
export function ordersService(): RequestListener {
  const orders = new Map<string, Order[]>([
    [
      'acme',
      [
        { id: '1001', item: 'anvil', amount: 3 },
        { id: '1002', item: 'rope', amount: 20 }
      ]
    ],
    ['globex', [{ id: '2001', item: 'laser', amount: 1 }]]
  ])
  return (request, response) => {
    const [, , tenant = '', id] = pathOf(request).split('/').map(decodeURIComponent)
    const known = orders.get(tenant) ?? []
    // What the gateway says of the caller: it can be believed, because the gateway removes what clients send of it.
    const caller = { consumer: request.headers['x-consumer'], subject: request.headers['x-subject'] }
    if (request.method === 'POST') {
      return readBody(request, (body) => {
        const order = { id: String(3000 + known.length), ...orderOf(body) }
        orders.set(tenant, [...known, order].slice(-100))
        json(response, 201, { tenant, order, caller })
      })
    }
    if (id === undefined) return json(response, 200, { tenant, orders: known, caller })
    const order = known.find((one) => one.id === id)
    if (order) json(response, 200, { tenant, order, caller })
    else json(response, 404, { error: 'no such order' })
  }
}

function orderOf(body: string): Omit<Order, 'id'> {
  try {
    const { item, amount } = JSON.parse(body) as Partial<Order>
    return { item: typeof item === 'string' ? item : '?', amount: typeof amount === 'number' ? amount : 1 }
  } catch {
    return { item: '?', amount: 1 }
  }
}

const CHUNK = Buffer.alloc(65_536, 'All the bytes of an example file look alike. ')
const LARGEST_FILE = 10 << 30

/** Files of any size, made as they are read: GET /NAME?bytes=N; PUT /NAME counts what it is sent; GET /ticks is an event stream. */
export function filesService(): RequestListener {
  return (request, response) => {
    if (pathOf(request) === '/ticks') return sendTicks(response)
    if (request.method === 'PUT' || request.method === 'POST') {
      let bytes = 0
      request.on('data', (chunk: Buffer) => (bytes += chunk.length))
      request.on('end', () => json(response, 201, { stored: pathOf(request), bytes }))
      return
    }
    const asked = Number(new URL(request.url ?? '/', 'http://localhost').searchParams.get('bytes') ?? 1000)
    const size = Number.isInteger(asked) && asked >= 0 ? Math.min(asked, LARGEST_FILE) : 1000
    response.writeHead(200, { 'content-type': 'application/octet-stream', 'content-length': size })
    sendBytes(response, request.method === 'HEAD' ? 0 : size)
  }
}

function sendBytes(response: ServerResponse, left: number): void {
  let rest = left
  const more = (): void => {
    while (rest > 0) {
      const chunk = rest < CHUNK.length ? CHUNK.subarray(0, rest) : CHUNK
      rest -= chunk.length
      if (!response.write(chunk)) return void response.once('drain', more)
    }
    response.end()
  }
  more()
}

function sendTicks(response: ServerResponse): void {
  response.writeHead(200, { 'content-type': 'text/event-stream', 'cache-control': 'no-store' })
  let n = 0
  const tick = (): void => void response.write(`id: ${++n}\ndata: ${new Date().toISOString()}\n\n`)
  tick()
  const timer = setInterval(tick, 1000)
  response.on('close', () => clearInterval(timer))
}

/** Says what it was asked: method, path and the headers as they came from the gateway. */
export function echoService(): RequestListener {
  return (request, response) => {
    readBody(request, (body) => {
      json(response, 200, {
        method: request.method,
        path: request.url,
        headers: request.headers,
        ...(body === '' ? {} : { body })
      })
    })
  }
}

const LARGEST_BODY = 1 << 20

function readBody(request: IncomingMessage, then: (body: string) => void): void {
  const parts: Buffer[] = []
  let size = 0
  request.on('data', (part: Buffer) => {
    size += part.length
    if (size <= LARGEST_BODY) parts.push(part)
  })
  request.on('end', () => then(Buffer.concat(parts).toString('utf8')))
}

function pathOf(request: IncomingMessage): string {
  return (request.url ?? '/').split('?', 1)[0] ?? '/'
}

function json(response: ServerResponse, status: number, value: unknown): void {
  const body = `${JSON.stringify(value)}\n`
  response.writeHead(status, { 'content-type': 'application/json', 'content-length': Buffer.byteLength(body) })
  response.end(body)
}

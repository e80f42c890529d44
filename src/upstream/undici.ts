import { isIP, type Socket } from 'node:net'
import { Client, type Dispatcher } from 'undici'
import type { UpstreamPlan } from '../plan/upstream.ts'
import { KEEP_ALIVE, KEEP_ALIVE_MARGIN, KEEP_ALIVE_MAX, MAX_HEAD } from './bounds.ts'
import { type Document, readDocument } from './document.ts'
import type { Carrier, Pool } from './pool.ts'
import { Targets } from './targets.ts'
import { NEVER } from './ticker.ts'
import { allHeaders, type Transport, type UpstreamCall, type UpstreamRequest, type UpstreamSink } from './transport.ts'
import { type ExchangeCarrier, UndiciExchange } from './undici-exchange.ts'
import { describe } from './socket-error.ts'

/**
 * Forwards through undici, one Client per connection: a Pool of undici's neither bounds its queue nor tells whether
 * the connection it chose was used before, which the keep-alive race needs to know.
 */
export class UndiciTransport implements Transport {
  readonly #targets: Targets<UndiciExchange>
  readonly #timeouts: UpstreamPlan['timeouts']

  constructor(plan: UpstreamPlan) {
    this.#timeouts = plan.timeouts
    this.#targets = new Targets<UndiciExchange>(plan, 1, (pool) => new ClientCarrier(pool))
  }

  send(request: UpstreamRequest, sink: UpstreamSink): UpstreamCall {
    const pool = this.#targets.next()
    const exchange = new UndiciExchange(request, sink, pool, this.#timeouts)
    if (this.#targets.closed) exchange.fail('connect', 'the upstream is being closed')
    else pool.submit(exchange)
    return exchange.returns()
  }

  close(): Promise<void> {
    return this.#targets.close()
  }
}

/** `servername` is missing from undici's types: the name the connection is for, instead of the request's Host. */
interface Dispatch extends Dispatcher.DispatchOptions {
  servername: string
}

class ClientCarrier implements Carrier<UndiciExchange>, ExchangeCarrier {
  broken = false
  readonly #pool: Pool<UndiciExchange>
  readonly #client: Client
  #exchange: UndiciExchange | null = null
  #socket: Socket | null = null
  #connected = false
  /** The socket that carried the exchange before. */
  #usedSocket: Socket | null = null

  constructor(pool: Pool<UndiciExchange>) {
    this.#pool = pool
    this.#client = new Client(pool.target.plan.origin, {
      connect: (_options, callback) => {
        const socket = this.#open(() => callback(null, socket))
        socket.once('error', (error) => {
          if (this.#socket === socket && !this.#connected) callback(error, null)
        })
      },
      pipelining: 1,
      allowH2: false,
      strictContentLength: true,
      maxHeaderSize: MAX_HEAD,
      // A route's size limits are the pipeline's business; here bodies only stream.
      maxResponseSize: -1,
      keepAliveTimeout: KEEP_ALIVE,
      keepAliveMaxTimeout: KEEP_ALIVE_MAX,
      keepAliveTimeoutThreshold: KEEP_ALIVE_MARGIN,
      // Our own deadlines hold instead: undici's fire up to a second late, and none of them knows which side of an
      // upload is the silent one.
      headersTimeout: 0,
      bodyTimeout: 0
    })
  }

  get holder(): string {
    return this.#exchange?.client ?? ''
  }

  get dueAt(): number {
    return this.#exchange?.dueAt ?? NEVER
  }

  get warm(): boolean {
    return this.#connected && this.#socket?.destroyed === false
  }

  get reused(): boolean {
    return this.#socket !== null && this.#socket === this.#usedSocket
  }

  carry(exchange: UndiciExchange): void {
    this.#exchange = exchange
    this.#dispatch(exchange)
  }

  room(): number {
    return 0
  }

  retry(exchange: UndiciExchange): void {
    // The client is still taking the dead connection down when it reports the loss.
    setImmediate(() => {
      if (exchange.over) this.done(false)
      else this.#dispatch(exchange)
    })
  }

  onDue(): void {
    this.#exchange?.onDue()
  }

  stopConnecting(reason: Error): void {
    if (!this.#connected) this.#socket?.destroy(reason)
  }

  done(clean: boolean): void {
    this.#exchange = null
    this.#usedSocket = this.#socket
    // After a failure undici is in the middle of taking the connection down, and asserts that nothing was queued
    // meanwhile. After an answer the next exchange finds this connection free at once.
    if (clean) this.#pool.release(this)
    else setImmediate(() => this.#pool.release(this))
  }

  close(): void {
    // Resolves always; the pool doesn't wait for sockets on which nothing is under way.
    void this.#client.destroy()
  }

  #dispatch(exchange: UndiciExchange): void {
    const { method, path, bodyLength } = exchange.request
    const headers = allHeaders(exchange.request)
    if (bodyLength > 0) headers.push('content-length', String(bodyLength))
    exchange.carriedBy(this)
    const options: Dispatch = {
      method,
      path,
      headers,
      body: exchange.body,
      servername: this.#pool.target.plan.host
    }
    this.#client.dispatch(options, exchange)
  }

  #open(onReady: () => void): Socket {
    const { target } = this.#pool
    const socket = target.open()
    this.#socket = socket
    this.#connected = false
    this.broken = false
    socket.on('error', () => {
      if (this.#socket === socket) this.broken = true
    })
    socket.once(target.ready, () => {
      if (this.#socket === socket) this.#connected = true
      onReady()
    })
    return socket
  }
}

/**
 * Fetches one small document (a key set, a discovery document) from `url`, http or https: certificates are verified;
 * redirects are not followed, since they would choose the address in the owner's place; whether plain http will do is
 * the caller's decision.
 *
 * `timeout` in ms for all of it; `maxBytes` of body; `headers`: further ones, names and values in turn. Rejects with an Error whose message tells the owner what was
 * wrong: not reachable, a status other than 200, too large, too slow, not UTF-8.
 */
export async function fetchDocument(
  url: string,
  limits: { timeout: number; maxBytes: number; headers?: readonly string[] }
): Promise<Document> {
  const parsed = URL.canParse(url) ? new URL(url) : null
  if (parsed === null || (parsed.protocol !== 'http:' && parsed.protocol !== 'https:')) {
    throw new Error(`${url}: expected an http or https URL`)
  }
  const { origin, pathname, search, hostname } = parsed
  const name = `${origin}${pathname}`
  if (parsed.username !== '' || parsed.password !== '') throw new Error(`${name}: a URL with a password is not fetched`)
  const client = new Client(origin, {
    connect: {
      timeout: limits.timeout,
      rejectUnauthorized: true,
      minVersion: 'TLSv1.2',
      servername: isIP(hostname) === 0 && !hostname.startsWith('[') ? hostname : ''
    },
    allowH2: false,
    pipelining: 1,
    maxHeaderSize: MAX_HEAD
  })
  try {
    const response = await client.request({
      method: 'GET',
      path: pathname + search,
      headers: ['accept', 'application/json', 'accept-encoding', 'identity', ...(limits.headers ?? [])],
      signal: AbortSignal.timeout(limits.timeout)
    })
    // Nobody reads the rest of an answer that is refused; its abrupt end must not surface as an unhandled error.
    response.body.on('error', () => {})
    return await readDocument(response, limits.maxBytes)
  } catch (cause) {
    const error = cause instanceof Error ? cause : new Error(String(cause))
    const why = error.name === 'TimeoutError' ? `no complete answer within ${limits.timeout} ms` : describe(error)
    throw new Error(`${name}: ${why}`, { cause })
  } finally {
    await client.destroy()
  }
}

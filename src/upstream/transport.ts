import type { RepeatedFields } from '../repeated-fields.ts'

/**
 * The one interface between an exchange and whatever carries it to a service. Callbacks, not promises: a promise
 * per chunk is what makes proxies slow, and back-pressure is one boolean each way.
 *
 * Rules that every transport keeps:
 * - `onHead` comes at most once and before any `onData`; interim 1xx answers never show.
 * - exactly one of `onEnd` and `onFault` comes, and nothing after it; after `abort()` neither comes.
 * - no callback is called before `send` has returned.
 */
export interface Transport {
  send(request: UpstreamRequest, sink: UpstreamSink): UpstreamCall
  /** Finishes what is under way, closes idle connections, then resolves. */
  close(): Promise<void>
}

/** Who counts what becomes of an upstream's connections. */
export interface UpstreamCounts {
  /** One was opened, its TLS handshake included. */
  connected(): void
  /** An exchange goes out over another one, because the one it was on ended without an answer to it. */
  repeated(): void
}

export const UNCOUNTED: UpstreamCounts = { connected: () => {}, repeated: () => {} }

export interface UpstreamRequest {
  /** Upper-case. */
  readonly method: string
  /** Origin-form with query, as sent. */
  readonly path: string
  /** Flat name, value pairs without hop-by-hop fields, content-length or transfer-encoding; `host` is among them. Values are Latin-1. */
  readonly headers: readonly string[]
  /** More such fields, behind them; never `host`. */
  readonly repeated: readonly RepeatedFields[]
  /** 0: no body. n: exactly n bytes follow. -1: unknown, sent chunked. */
  readonly bodyLength: number
  /** Whose it is; null: the gateway's own. */
  readonly client: UpstreamClient | null
}

/** All of a request's fields as they are sent. */
export function allHeaders({ headers, repeated }: UpstreamRequest): string[] {
  return [...headers, ...repeated.flatMap(({ list }) => list)]
}

/** Who a request is sent for. The key, the same for all requests of one client, is asked for only while connections are scarce. */
export interface UpstreamClient {
  readonly shareKey: string
}

export interface UpstreamSink {
  /** `headers` flat name, value pairs, names lower-case, values Latin-1, hop-by-hop fields and transfer-encoding removed; content-length kept. Equal heads may come as the same list. */
  onHead(status: number, headers: readonly string[]): void
  /** The chunk is valid during the call only. False: no more until `resume()`. */
  onData(chunk: Uint8Array): boolean
  onEnd(): void
  onFault(fault: UpstreamFault): void
  /** More of the request's body can be taken, after a `write` that returned false. */
  onDrain(): void
}

export interface UpstreamCall {
  /** The chunk is copied or sent before it returns. False: wait for `onDrain`. After the end or a fault: ignored, true. */
  write(chunk: Uint8Array): boolean
  /** The request's body is complete. */
  end(): void
  /** Continues after an `onData` that returned false. */
  resume(): void
  /** The client is gone or the exchange timed out: the connection is not used again unless it is clean. */
  abort(): void
  /** `host:port` of the target that was chosen, for the log. */
  readonly target: string
}

/** What went wrong behind us, for the owner's log and the choice between 502, 503 and 504. */
export interface UpstreamFault {
  readonly kind:
    | 'connect' // no connection: refused, unresolvable, TLS failure
    | 'connect-timeout'
    | 'response-timeout' // no head within timeouts.response
    | 'idle-timeout' // silence within a body
    | 'reset' // the connection ended before the answer did
    | 'invalid' // bytes that are no valid HTTP/1.1 answer
    | 'overload' // no connection came free
  /** For the log: begins with the target, and may name other addresses. Never sent to a caller. */
  readonly detail: string
  /** Whether any byte of the request may have reached the target: if not, trying again is safe for any method. */
  readonly sent: boolean
}

/** Clients for end-to-end tests: node:http for well-formed requests, a bare socket for everything else. */
import http from 'node:http'
import https from 'node:https'
import net from 'node:net'
import { PATIENCE } from './patience.ts'

export interface Reply {
  status: number
  headers: http.IncomingHttpHeaders
  body: string
}

export interface Ask {
  method?: string
  headers?: Record<string, string | string[]>
  body?: string | Buffer
  agent?: http.Agent
  /** Trusted certificate: asks over TLS, with `host` as the server name. */
  ca?: string
  timeout?: number
  /** Loopback address to come from: 127.0.0.0/8 has plenty. */
  from?: string
}

/** One request; rejects when no whole answer comes. */
export function ask(port: number, path: string, options: Ask = {}): Promise<Reply> {
  return new Promise((resolve, reject) => {
    const request = (options.ca === undefined ? http : https).request(
      {
        host: '127.0.0.1',
        port,
        path,
        method: options.method ?? 'GET',
        headers: options.headers ?? {},
        agent: options.agent ?? false,
        ...(options.from === undefined ? {} : { localAddress: options.from }),
        ...(options.ca === undefined ? {} : { ca: options.ca }),
        timeout: options.timeout ?? PATIENCE
      },
      (response) => {
        const parts: Buffer[] = []
        response.on('data', (part: Buffer) => parts.push(part))
        response.on('error', reject)
        response.on('end', () =>
          resolve({
            status: response.statusCode ?? 0,
            headers: response.headers,
            body: Buffer.concat(parts).toString()
          })
        )
      }
    )
    request.on('timeout', () => request.destroy(new Error('timed out')))
    request.on('error', reject)
    request.end(options.body)
  })
}

/** Sends bytes as they are, and gives back what came until the connection closed or `wait` ms passed: where it need not close, say how long. */
export function raw(
  port: number,
  bytes: string | Buffer,
  wait = PATIENCE
): Promise<{ text: string; closed: boolean; statuses: number[] }> {
  return new Promise((resolve) => {
    let text = ''
    const socket = net.connect(port, '127.0.0.1', () =>
      socket.write(typeof bytes === 'string' ? Buffer.from(bytes, 'latin1') : bytes)
    )
    const done = (closed: boolean): void => {
      clearTimeout(timer)
      socket.destroy()
      resolve({ text, closed, statuses: [...text.matchAll(/HTTP\/1\.1 (\d{3})/g)].map((match) => Number(match[1])) })
    }
    const timer = setTimeout(() => done(false), wait)
    socket.on('data', (data) => (text += data.toString('latin1')))
    socket.on('error', () => {})
    socket.on('close', () => done(true))
  })
}

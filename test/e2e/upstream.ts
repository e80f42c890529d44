/** A real service behind the gateway, on a port of its own. */
import http, { type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import type { Owner } from './gateway.ts'

export interface Seen {
  method: string
  url: string
  headers: http.IncomingHttpHeaders
  rawHeaders: string[]
}

export interface Upstream {
  port: number
  url: string
  seen: Seen[]
  server: http.Server
}

/** Answers with what it was asked, as JSON, unless `handler` does something else. */
export async function startUpstream(
  t: Owner,
  handler: (request: IncomingMessage, response: ServerResponse) => void = echo
): Promise<Upstream> {
  const seen: Seen[] = []
  const server = http.createServer((request, response) => {
    const { method = '', url = '', headers, rawHeaders } = request
    seen.push({ method, url, headers, rawHeaders })
    handler(request, response)
  })
  server.keepAliveTimeout = 60_000
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  t.teardown(() => {
    server.closeAllConnections()
    server.close()
  })
  const { port } = server.address() as AddressInfo
  return { port, url: `http://127.0.0.1:${port}`, seen, server }
}

export function echo(request: IncomingMessage, response: ServerResponse): void {
  const { method, url, headers } = request
  const parts: Buffer[] = []
  request.on('data', (part: Buffer) => parts.push(part))
  request.on('end', () => {
    response.setHeader('content-type', 'application/json')
    response.end(JSON.stringify({ method, url, headers, body: Buffer.concat(parts).toString('latin1') }))
  })
}

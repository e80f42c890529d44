/** How the admin servers answer: complete bodies, and RFC 9457 problems for what they can't do. */
import type { ServerResponse } from 'node:http'
import { nodeHttp } from '../../built-in.ts'

/** A client that doesn't take its answer in this time is cut off, ms. */
const PATIENCE = 30_000

/** `detail` is for the owner, who is the only one who can ask. */
export function sendProblem(
  response: ServerResponse,
  status: number,
  detail: string,
  headers: Readonly<Record<string, string>> = {}
): void {
  for (const [name, value] of Object.entries(headers)) response.setHeader(name, value)
  const body = { type: 'about:blank', title: nodeHttp.STATUS_CODES[status] ?? '', status, detail }
  send(response, status, 'application/problem+json', JSON.stringify(body))
}

/** Does nothing once an answer is under way: the first holds. */
export function send(response: ServerResponse, status: number, type: string, body: string): void {
  if (response.headersSent || response.destroyed) return
  response.statusCode = status
  response.setHeader('content-type', type)
  response.setHeader('content-length', Buffer.byteLength(body))
  response.setHeader('cache-control', 'no-store')
  const late = setTimeout(() => response.destroy(), PATIENCE).unref()
  response.once('close', () => clearTimeout(late))
  response.end(body)
}

/** How the admin servers answer: complete JSON or text bodies, and RFC 9457 problems for what they can't do. */
import type { ServerResponse } from 'node:http'
import { TITLES } from '../../problems.ts'

export function sendJson(response: ServerResponse, status: number, value: unknown): void {
  send(response, status, 'application/json', JSON.stringify(value))
}

export function sendText(response: ServerResponse, status: number, type: string, text: string): void {
  send(response, status, type, text)
}

/** `detail` is for the owner, who is the only one who can ask. */
export function sendProblem(
  response: ServerResponse,
  status: number,
  detail: string,
  headers: Readonly<Record<string, string>> = {}
): void {
  for (const [name, value] of Object.entries(headers)) response.setHeader(name, value)
  const body = { type: 'about:blank', title: TITLES[status] ?? '', status, detail }
  send(response, status, 'application/problem+json', JSON.stringify(body))
}

function send(response: ServerResponse, status: number, type: string, body: string): void {
  if (response.headersSent || response.destroyed) return
  response.statusCode = status
  response.setHeader('content-type', type)
  response.setHeader('content-length', Buffer.byteLength(body))
  response.setHeader('cache-control', 'no-store')
  response.end(body)
}

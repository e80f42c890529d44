/** The JSON body of a call: bounded before it is read, and complete before anything happens. */
import type { IncomingMessage } from 'node:http'
import { readJson as parseJson } from '../../json.ts'
import { AdminProblem } from './resource.ts'

/** Read on beyond the limit: a connection that is closed on unread bytes is reset, and the refusal is lost with it. */
const SPARE = 1 << 20
/** More than any operation takes. A member that is named twice is refused: its writer and this reader may mean different ones. */
const BOUNDS = { depth: 16, keys: 1000, items: 10_000 }

/** Whether the request has a body at all (RFC 9112 section 6.3). */
export function hasBody(request: IncomingMessage): boolean {
  const length = request.headers['content-length']
  return request.headers['transfer-encoding'] !== undefined || (length !== undefined && length !== '0')
}

/**
 * Resolves with the parsed body. How long it may take is the server's `requestTimeout`.
 * @throws AdminProblem 413 at the byte after `limit`, 415 for another type, 400 for what is no JSON.
 */
export async function readJson(request: IncomingMessage, limit: number): Promise<unknown> {
  const type = (request.headers['content-type'] ?? '').split(';', 1)[0]?.trim().toLowerCase()
  // A browser sends this type across sites only after a preflight, which is not answered here.
  if (type !== 'application/json') throw new AdminProblem(415, 'the body must be application/json')
  const parts: Buffer[] = []
  let size = 0
  // The stream outlives a throw: its destruction would take the answer along.
  for await (const part of request.iterator({ destroyOnReturn: false }) as AsyncIterable<Buffer>) {
    size += part.length
    if (size <= limit) parts.push(part)
    else if (size > limit + SPARE) break
  }
  if (size > limit) throw new AdminProblem(413, `the body may have ${limit} bytes at most`)
  const reading = parseJson(Buffer.concat(parts), BOUNDS)
  if (!reading.ok) throw new AdminProblem(400, `the body ${reading.reason}`)
  return reading.value
}

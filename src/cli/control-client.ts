/** Speaks to the running gateway: over its control socket, or to its `admin.address`. */
import type { OutgoingHttpHeaders, RequestOptions } from 'node:http'
import { nodeHttp, nodeHttps } from '../built-in.ts'
import { CannotTell } from './command.ts'

/** Where the gateway is asked. */
export type Door =
  | { readonly socketPath: string }
  /** `url` is `http` or `https` and has no path. */
  | { readonly url: URL; readonly token: string }

export interface ControlAnswer {
  status: number
  /** The parsed JSON body. */
  body: unknown
}

/** A verdict on a reload may wait for every worker; anything longer is a gateway that doesn't answer. */
const PATIENCE = 60_000

const LARGEST_ANSWER = 64 << 20

/**
 * @param body sent as JSON; left out: none
 * @throws CannotTell, with what to do about it, when no gateway answers
 */
export function callGateway(
  door: Door,
  method: 'GET' | 'POST' | 'PUT' | 'PATCH' | 'DELETE',
  path: string,
  body?: unknown
): Promise<ControlAnswer> {
  const text = body === undefined ? undefined : JSON.stringify(body)
  return new Promise((resolve, reject) => {
    const { request, options, own } = openDoor(door)
    const headers = {
      ...own,
      ...(text === undefined ? {} : { 'content-type': 'application/json', 'content-length': Buffer.byteLength(text) })
    }
    const call = request({ ...options, method, path, headers, timeout: PATIENCE, agent: false }, (response) => {
      const parts: Buffer[] = []
      let size = 0
      response.on('data', (part: Buffer) => {
        size += part.length
        if (size > LARGEST_ANSWER) call.destroy(new Error('its answer is too long'))
        parts.push(part)
      })
      response.on('error', fail)
      response.on('end', () => {
        try {
          resolve({ status: response.statusCode ?? 0, body: JSON.parse(Buffer.concat(parts).toString('utf8')) })
        } catch {
          fail(new Error('its answer is not JSON'))
        }
      })
    })
    const fail = (error: NodeJS.ErrnoException): void => reject(new CannotTell(explain(error, door)))
    call.on('timeout', () => call.destroy(new Error(`no answer within ${PATIENCE / 1000} s`)))
    call.on('error', fail)
    call.end(text)
  })
}

/** The same, for an answer that must have one of these statuses. @throws CannotTell with what the gateway says instead */
export async function expectOf(
  door: Door,
  statuses: readonly number[],
  ...call: [method: 'GET' | 'POST' | 'PUT' | 'PATCH' | 'DELETE', path: string, body?: unknown]
): Promise<ControlAnswer> {
  const answer = await callGateway(door, ...call)
  if (statuses.includes(answer.status)) return answer
  const { detail } = answer.body as { detail?: unknown }
  throw new CannotTell(`the gateway answered ${answer.status}${typeof detail === 'string' ? `: ${detail}` : ''}`)
}

function openDoor(door: Door): { request: typeof nodeHttp.request; options: RequestOptions; own: OutgoingHttpHeaders } {
  if ('socketPath' in door) {
    return { request: nodeHttp.request, options: { socketPath: door.socketPath }, own: { host: 'gatehouse' } }
  }
  const { url, token } = door
  const host = url.hostname.replace(/^\[|\]$/g, '')
  const tls = url.protocol === 'https:'
  return {
    request: tls ? nodeHttps.request : nodeHttp.request,
    options: { host, port: url.port || (tls ? 443 : 80) },
    own: { host: url.host, authorization: `Bearer ${token}` }
  }
}

function explain(error: NodeJS.ErrnoException, door: Door): string {
  const place = 'socketPath' in door ? door.socketPath : door.url.origin
  switch (error.code) {
    case 'ENOENT':
    case 'ECONNREFUSED':
      return 'socketPath' in door
        ? `no gateway is running on this configuration (nothing answers on ${place})`
        : `no gateway answers at ${place}`
    case 'EACCES':
    case 'EPERM':
      return `${place} may only be used by the user the gateway runs as`
    default:
      return `the gateway on ${place} can't be asked: ${error.message}`
  }
}

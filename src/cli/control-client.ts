/** Speaks to the running gateway over its control socket. */
import { request } from 'node:http'
import { CannotTell } from './command.ts'

export interface ControlAnswer {
  status: number
  /** The parsed JSON body. */
  body: unknown
}

/** A verdict on a reload may wait for every worker; anything longer is a gateway that doesn't answer. */
const PATIENCE = 60_000

const LARGEST_ANSWER = 64 << 20

/** Throws CannotTell, with what to do about it, when no gateway answers. */
export function callGateway(socketPath: string, method: 'GET' | 'POST', path: string): Promise<ControlAnswer> {
  return new Promise((resolve, reject) => {
    const call = request(
      { socketPath, method, path, timeout: PATIENCE, headers: { host: 'gatehouse' } },
      (response) => {
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
      }
    )
    const fail = (error: NodeJS.ErrnoException): void => reject(new CannotTell(explain(error, socketPath)))
    call.on('timeout', () => call.destroy(new Error(`no answer within ${PATIENCE / 1000} s`)))
    call.on('error', fail)
    call.end()
  })
}

function explain(error: NodeJS.ErrnoException, socketPath: string): string {
  switch (error.code) {
    case 'ENOENT':
    case 'ECONNREFUSED':
      return `no gateway is running on this configuration (nothing answers on ${socketPath})`
    case 'EACCES':
    case 'EPERM':
      return `${socketPath} may only be used by the user the gateway runs as`
    default:
      return `the gateway on ${socketPath} can't be asked: ${error.message}`
  }
}

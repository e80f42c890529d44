/** A gateway's control socket, as curl --unix-socket would use it, and its metrics read back. */
import http from 'node:http'
import { join } from 'node:path'
import type { Reply } from './client.ts'
import type { Gateway } from './gateway.ts'
import { PATIENCE } from './patience.ts'

/** The configuration must say `state: { dir: var }`. `body` is JSON. */
export function control(gateway: Pick<Gateway, 'dir'>, path: string, method = 'GET', body?: string): Promise<Reply> {
  return new Promise((resolve, reject) => {
    const socketPath = join(gateway.dir, 'var/control.sock')
    const headers = body === undefined ? {} : { 'content-type': 'application/json' }
    const request = http.request({ socketPath, path, method, headers, timeout: PATIENCE }, (response) => {
      const parts: Buffer[] = []
      response.on('data', (part: Buffer) => parts.push(part))
      response.on('error', reject)
      response.on('end', () => {
        const body = Buffer.concat(parts).toString()
        resolve({ status: response.statusCode ?? 0, headers: response.headers, body })
      })
    })
    request.on('timeout', () => request.destroy(new Error('the control socket timed out')))
    request.on('error', reject)
    request.end(body)
  })
}

/** Sum of a metric's samples whose labels include `labels`. */
export async function metric(gateway: Gateway, name: string, labels: Record<string, string> = {}): Promise<number> {
  const { body } = await control(gateway, '/metrics')
  return sample(body, name, labels)
}

/**
 * The exposition once that sum is `least` or more, or as it is after all patience. An exchange is recorded when it is over, and
 * its client may know of the answer before that: a refusal that ends its connection is sent first.
 */
export async function settled(
  gateway: Gateway,
  name: string,
  least: number,
  labels: Record<string, string> = {}
): Promise<string> {
  for (const deadline = Date.now() + PATIENCE; ; await new Promise((resolve) => setTimeout(resolve, 5))) {
    const { body } = await control(gateway, '/metrics')
    if (sample(body, name, labels) >= least || Date.now() > deadline) return body
  }
}

/** The same of an exposition at hand. */
export function sample(exposition: string, name: string, labels: Record<string, string> = {}): number {
  let sum = 0
  for (const line of exposition.split('\n')) {
    const found = /^([a-z_]+)(?:\{(.*)\})? (\S+)$/.exec(line)
    if (found?.[1] !== name) continue
    const own = found[2] ?? ''
    if (Object.entries(labels).every(([label, value]) => own.includes(`${label}="${value}"`))) sum += Number(found[3])
  }
  return sum
}

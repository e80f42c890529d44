/** slowhttptest (Debian's package): connections that are slow on purpose, in its four modes. */
import { spawn } from 'node:child_process'
import { existsSync } from 'node:fs'
import type { Server } from 'node:http'
import { testCertificate } from './certificates.ts'
import { startGateway, type Gateway, type Owner } from './gateway.ts'
import { startUpstream } from './upstream.ts'

const BINARY = '/usr/bin/slowhttptest'

/** Why tests of it are skipped; false where it is installed. */
export const absent: string | false = existsSync(BINARY) ? false : `${BINARY} is not installed`

/** Slow heads, slow bodies, ranges, slow reading. */
export const MODES = ['H', 'B', 'R', 'X'] as const
export type Mode = (typeof MODES)[number]

/** Resolves with what it said when it has ended by itself: after `seconds`, or when all its connections are closed. */
export function attack(mode: Mode, url: string, connections: number, seconds: number): Promise<string> {
  const args = [`-${mode}`, '-u', url, '-c', String(connections), '-r', String(connections), '-l', String(seconds)]
  // Every two seconds something more; of an answer five bytes a second. Its own probe would be one more visitor.
  const child = spawn(BINARY, [...args, '-i', '2', '-n', '1', '-z', '5', '-s', '8192', '-p', '60'])
  let text = ''
  child.stdout.on('data', (data: Buffer) => (text += data.toString()))
  child.stderr.on('data', (data: Buffer) => (text += data.toString()))
  return new Promise((resolve, reject) => {
    child.on('error', reject)
    child.on('close', () => resolve(text))
  })
}

export interface Attacked {
  gateway: Gateway
  /** Ports of its listeners: plain, and TLS. */
  plain: number
  secure: number
  /** What answers behind it. */
  service: Server
}

/**
 * A gateway to attack at `/large`, which answers `answer` bytes; `/` answers `small` to everybody else, however long
 * that takes a busy machine.
 * @param time `timeouts.request` of what is attacked
 * @param env of the gateway
 */
export async function startAttacked(
  owner: Owner,
  answer: number,
  time: string,
  env: Record<string, string> = {}
): Promise<Attacked> {
  const { files, yaml } = await testCertificate('a', ['localhost'])
  const large = Buffer.alloc(answer, 'x')
  const service = await startUpstream(owner, (request, response) => {
    request.resume().on('end', () => response.end(request.url === '/' ? 'small' : large))
  })
  const gateway = await startGateway(
    owner,
    `version: 1
listen: [ { name: plain, address: "127.0.0.1:0" }, { name: secure, address: "127.0.0.1:0", tls: true } ]
tls: { certificates: [ ${yaml} ] }
state: { dir: var }
services:
  - name: s
    url: ${service.url}
    policies: { auth: public }
    routes:
      - { name: attacked, match: { paths: ["/large"] }, policies: { timeouts: { request: ${time} } } }
      - { name: small, match: { paths: ["/"] } }
`,
    { workers: 2, env, files }
  )
  const [plain = 0, secure = 0] = gateway.ports
  return { gateway, plain, secure, service: service.server }
}

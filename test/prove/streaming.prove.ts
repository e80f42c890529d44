/**
 * Bodies are never held whole: 1 GB up and 1 GB down pass through a gateway whose memory grows by less than 64 MB, and
 * each arrives as it was sent.
 */
import { createHash } from 'node:crypto'
import { once } from 'node:events'
import http, { type IncomingMessage } from 'node:http'
import type { AddressInfo } from 'node:net'
import { type Gateway, startGateway } from '../e2e/gateway.ts'
import { residentMemory } from '../e2e/memory.ts'
import { proof } from './proof.ts'

const SIZE = 1 << 30
const MOST = 64 << 20
/** Not a divisor of any buffer's size, so that a piece lost or doubled shows in the hash. */
const PIECE = Buffer.from(Array.from({ length: 1_000_003 }, (_, i) => (i * 31 + (i >> 8)) & 0xff))

function expected(): string {
  const hash = createHash('sha256')
  for (let left = SIZE; left > 0; left -= PIECE.length) hash.update(PIECE.subarray(0, Math.min(left, PIECE.length)))
  return hash.digest('hex')
}

async function send(to: NodeJS.WritableStream): Promise<void> {
  for (let left = SIZE; left > 0; left -= PIECE.length) {
    if (!to.write(PIECE.subarray(0, Math.min(left, PIECE.length)))) await once(to, 'drain')
  }
  to.end()
}

async function digest(from: IncomingMessage): Promise<string> {
  const hash = createHash('sha256')
  for await (const part of from) hash.update(part as Buffer)
  return hash.digest('hex')
}

const service = http.createServer((request, response) => {
  if (request.method === 'PUT') void digest(request).then((sha256) => response.end(sha256))
  else {
    if (request.url === '/sized') response.setHeader('content-length', SIZE)
    void send(response)
  }
})
service.listen(0, '127.0.0.1')
await once(service, 'listening')

const CONFIG = `
version: 1
listen: [ { name: plain, address: "127.0.0.1:0" } ]
services:
  - name: main
    url: http://127.0.0.1:${(service.address() as AddressInfo).port}
    policies: { auth: public, validate: { body: { maxSize: 2gb } }, timeouts: { request: 10m } }
    routes: [ { name: any, match: { paths: ["/*"] } } ]
`
const sha256 = expected()

async function upload(port: number, chunked: boolean): Promise<string> {
  const headers = chunked ? {} : { 'content-length': SIZE }
  const request = http.request({ port, host: '127.0.0.1', method: 'PUT', path: '/', headers })
  const answered = once(request, 'response') as Promise<[IncomingMessage]>
  const [[answer]] = await Promise.all([answered, send(request)])
  let text = ''
  for await (const part of answer) text += String(part)
  return text
}

async function download(port: number, path: string): Promise<string> {
  const [answer] = (await once(http.get({ port, host: '127.0.0.1', path }), 'response')) as [IncomingMessage]
  return digest(answer)
}

/** Bytes by which the gateway's memory grew at its highest while `work` ran, and what that gave. */
async function growth(gateway: Gateway, work: () => Promise<string>): Promise<{ grown: number; found: string }> {
  const pid = await gateway.gatewayPid()
  const resident = (): number => residentMemory(pid)
  const before = resident()
  let most = before
  const watch = setInterval(() => (most = Math.max(most, resident())), 20)
  try {
    const found = await work()
    return { grown: Math.max(most, resident()) - before, found }
  } finally {
    clearInterval(watch)
  }
}

const ways: [string, (port: number) => Promise<string>][] = [
  ['1 GB of known length up', (port) => upload(port, false)],
  ['1 GB in chunks up', (port) => upload(port, true)],
  ['1 GB of known length down', (port) => download(port, '/sized')],
  ['1 GB in chunks down', (port) => download(port, '/chunked')]
]

for (const [name, work] of ways) {
  await proof(`${name} arrives as it was sent, and the gateway's memory grows by less than 64 MB`, async (owner) => {
    const gateway = await startGateway(owner, CONFIG)
    const began = performance.now()
    const { grown, found } = await growth(gateway, () => work(gateway.port))
    const seconds = (performance.now() - began) / 1000
    return {
      holds: grown < MOST && found === sha256,
      figure: `${found === sha256 ? '' : `arrived as ${found}, `}${(grown / 1048576).toFixed(1)} MB in ${seconds.toFixed(1)} s`
    }
  })
}
service.close()
service.closeAllConnections()

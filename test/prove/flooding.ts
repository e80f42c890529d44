/** A thread of its own that sends one new bad token from each of some loopback addresses, and counts what it is told. */
import net from 'node:net'
import { setTimeout as sleep } from 'node:timers/promises'
import { parentPort, workerData } from 'node:worker_threads'

const { port, first, addresses, atOnce, tokens } = workerData as {
  port: number
  /** Of the addresses, which are counted. */
  first: number
  addresses: number
  atOnce: number
  /** Header of the tokens, claims but for their `sub`, and the length of their signatures, bytes. */
  tokens: { header: string; claims: object; signature: number }
}
const told = new Map<number, number>()
let next = first

/** A signature that nobody made: to the gateway a token like any other, until it is verified. */
function signature(of: number): string {
  const bytes = Buffer.alloc(tokens.signature, 7)
  bytes.writeUInt32BE(of, 4)
  return bytes.toString('base64url')
}

/** Of somebody else each: many against one account would be stuffing, which bans. */
function payload(of: number): string {
  return Buffer.from(JSON.stringify({ ...tokens.claims, sub: `m${of}` })).toString('base64url')
}

function ask(i: number): Promise<number> {
  return new Promise((resolve) => {
    const from = `127.1.${i >> 8}.${i & 255}`
    const socket = net.connect({ port, host: '127.0.0.1', localAddress: from }, () =>
      socket.write(
        `GET /x HTTP/1.1\r\nHost: a\r\nAuthorization: Bearer ${tokens.header}.${payload(i)}.${signature(i)}\r\nConnection: close\r\n\r\n`
      )
    )
    let text = ''
    socket.on('data', (data: Buffer) => (text += data.toString('latin1')))
    socket.on('error', () => {})
    socket.on('close', () => resolve(Number(/^HTTP\/1\.1 (\d{3})/.exec(text)?.[1] ?? 0)))
  })
}

async function attack(): Promise<void> {
  while (next < first + addresses) {
    const status = await ask(next++)
    told.set(status, (told.get(status) ?? 0) + 1)
    // About a thousand a second, as many as there are at once: the cores are shared with what is measured.
    await sleep(atOnce)
  }
}

await Promise.all(Array.from({ length: atOnce }, attack))
parentPort?.postMessage(told)

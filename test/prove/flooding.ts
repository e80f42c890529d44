/** A thread of its own that sends one new bad token from each of as many loopback addresses as it is asked for, and counts what it is told. */
import net from 'node:net'
import { setTimeout as sleep } from 'node:timers/promises'
import { parentPort, workerData } from 'node:worker_threads'
import { lowerPriority } from '../../src/priority.ts'

const { port, atOnce, tokens } = workerData as {
  port: number
  atOnce: number
  /** Header of the tokens, claims but for their `sub`, and the length of their signatures, bytes. */
  tokens: { header: string; claims: object; signature: number }
}

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

/** Asks from all of them, a thousand a second, evenly: in bursts the length of a burst would be what is measured. */
async function attack(first: number, addresses: number): Promise<Map<number, number>> {
  const told = new Map<number, number>()
  const began = performance.now()
  let underWay = 0
  let oneLess = (): void => {}
  for (let i = 0; i < addresses; i++) {
    const early = began + i - performance.now()
    if (early > 0) await sleep(early)
    while (underWay >= atOnce) await new Promise<void>((resolve) => (oneLess = resolve))
    underWay++
    void ask(first + i).then((status) => {
      told.set(status, (told.get(status) ?? 0) + 1)
      underWay--
      oneLess()
    })
  }
  while (underWay > 0) await new Promise<void>((resolve) => (oneLess = resolve))
  return told
}

// The attackers' work is not the gateway's, and what is measured shares the cores with it.
lowerPriority(10)
parentPort?.on('message', ({ first, addresses }: { first: number; addresses: number }) => {
  void attack(first, addresses).then((told) => parentPort?.postMessage(told))
})

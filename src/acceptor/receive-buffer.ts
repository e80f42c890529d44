import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { readdirSync, readFileSync, readlinkSync } from 'node:fs'

/**
 * Bytes of the kernel's receive buffer for a client's connection; the kernel doubles it for its own bookkeeping. It
 * bounds an upload to this much in flight: 256 KiB per round trip.
 */
const RECEIVE_BUFFER = 256 * 1024

/** Run by a Node.js of its own, with the listening sockets as its file descriptors from 3 on. */
const SET = `
const { UDP } = process.binding('udp_wrap')
for (let fd = 3; fd < 3 + Number(process.argv[1]); fd++) {
  const socket = new UDP()
  if (socket.open(fd) !== 0 || socket.bufferSize(${RECEIVE_BUFFER}, true, {}) === undefined) process.exitCode = 1
}
process.exit()
`

/**
 * Bounds the receive buffers of all connections that these listening ports will accept: they inherit the listener's.
 *
 * Without it a client can fill the gateway's memory. uWS reads on for as long as a read fills its buffer of 512 KiB,
 * even after `pause()`, so what one upload delivers beyond what its service takes is bounded only by the speed of the
 * client (measured: 860 MB of a 1 GB upload over loopback, where the kernel's own limit is 33 MB), and meanwhile the
 * thread serves nobody else. With a receive buffer that holds less than one such read, pausing works to the byte.
 *
 * Neither uWS nor Node.js sets this option on a TCP socket. Node.js has the call for UDP sockets, and the kernel takes
 * it for any; a process of its own makes it, because a handle opened on the descriptor here would close it with itself.
 *
 * @returns null, or why the buffers are as large as the kernel likes
 */
export async function boundReceiveBuffers(ports: readonly number[]): Promise<string | null> {
  try {
    const sockets = listeningSockets(new Set(ports))
    const child = spawn(process.execPath, ['-e', SET, String(sockets.length)], {
      stdio: ['ignore', 'ignore', 'ignore', ...sockets],
      env: {}
    })
    const [code] = (await once(child, 'exit')) as [number | null]
    return code === 0 ? null : 'the kernel did not take the option'
  } catch (error) {
    return error instanceof Error ? error.message : String(error)
  }
}

const LISTEN_STATE = '0A'

/** This process's listening TCP sockets on `ports`. Throws without /proc. */
function listeningSockets(ports: ReadonlySet<number>): number[] {
  const inodes = new Set<string>()
  for (const table of ['/proc/self/net/tcp', '/proc/self/net/tcp6']) {
    for (const line of readFileSync(table, 'utf8').split('\n').slice(1)) {
      const [, local = '', , state, , , , , , inode = ''] = line.trim().split(/\s+/)
      const port = Number.parseInt(local.slice(local.lastIndexOf(':') + 1), 16)
      if (state === LISTEN_STATE && ports.has(port)) inodes.add(`socket:[${inode}]`)
    }
  }
  return readdirSync('/proc/self/fd')
    .filter((fd) => inodes.has(targetOf(fd)))
    .map(Number)
}

/** '' for a descriptor that is gone by now, as the one that listed them is. */
function targetOf(fd: string): string {
  try {
    return readlinkSync(`/proc/self/fd/${fd}`)
  } catch {
    return ''
  }
}

/**
 * The control socket: HTTP/1.1 over `state.dir/control.sock`, for `gatehouse status`, `reload` and `stop` and for
 * whoever scripts with curl. Who may open the file (0600) may do everything; there is no other credential.
 */
import { chmodSync, lstatSync, mkdtempSync, renameSync, rmSync } from 'node:fs'
import type { Server } from 'node:http'
import { connect } from 'node:net'
import { dirname, join } from 'node:path'
import { nodeHttp } from '../../built-in.ts'
import type { Resource } from './resource.ts'
import { ADMIN_HTTP, adminListener, MOST_CONNECTIONS } from './server.ts'

/** `sun_path` of unix(7) holds 108 bytes, the last of them NUL. */
const LONGEST_SOCKET_PATH = 107

/** Rejects with a sentence for the owner when the path is too long, taken by a live gateway or not ours to replace. */
export async function startControlSocket(
  socketPath: string,
  resources: readonly Resource[]
): Promise<{ close(): Promise<void> }> {
  const length = Buffer.byteLength(socketPath)
  if (length > LONGEST_SOCKET_PATH) {
    throw new Error(
      `the control socket's path is ${length} bytes long, and Linux takes at most ${LONGEST_SOCKET_PATH}: choose a shorter state.dir (${socketPath})`
    )
  }
  await refuseIfTaken(socketPath)
  const server = nodeHttp.createServer(ADMIN_HTTP, adminListener(resources))
  server.maxConnections = MOST_CONNECTIONS
  await listenPrivately(server, socketPath)
  return { close: () => close(server, socketPath) }
}

/**
 * A socket gets its mode from the umask, which a thread may not set, so for a moment after `listen` anybody might
 * connect. Born in a private folder and moved into place when it is 0600, it is never open to others; the move also
 * replaces the socket of a dead process in one step.
 */
async function listenPrivately(server: Server, socketPath: string): Promise<void> {
  const cradle = mkdtempSync(join(dirname(socketPath), '.s'))
  try {
    const born = join(cradle, 's')
    await new Promise<void>((resolve, reject) => {
      server.once('error', reject)
      server.listen(born, () => {
        server.off('error', reject)
        resolve()
      })
    })
    chmodSync(born, 0o600)
    renameSync(born, socketPath)
  } catch (error) {
    server.close()
    throw error
  } finally {
    rmSync(cradle, { recursive: true, force: true })
  }
}

/** A socket that nobody answers on is left over from a process that was killed. */
async function refuseIfTaken(socketPath: string): Promise<void> {
  const found = lstatSync(socketPath, { throwIfNoEntry: false })
  if (!found) return
  if (!found.isSocket())
    throw new Error(`${socketPath} is in the way: it is not a socket. Remove it or choose another state.dir`)
  const live = await new Promise<boolean>((resolve) => {
    const probe = connect(socketPath)
    probe.once('connect', () => {
      probe.destroy()
      resolve(true)
    })
    probe.once('error', (error: NodeJS.ErrnoException) =>
      resolve(error.code !== 'ECONNREFUSED' && error.code !== 'ENOENT')
    )
  })
  if (live) throw new Error(`another gateway answers on ${socketPath}: stop it, or give this one its own state.dir`)
}

async function close(server: Server, socketPath: string): Promise<void> {
  rmSync(socketPath, { force: true })
  const closed = new Promise<void>((resolve) => server.close(() => resolve()))
  server.closeIdleConnections()
  // An answer under way (the verdict on a reload) may finish; it doesn't hold up the end for long.
  const late = setTimeout(() => server.closeAllConnections(), 1000)
  await closed
  clearTimeout(late)
}

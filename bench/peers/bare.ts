/** uWebSockets.js with a socket to the upstream and nothing else: peers/bare. */
import { fileURLToPath } from 'node:url'
import { freePort, GATEWAY_CORE, listening, start } from '../processes.ts'
import type { Peer } from './peer.ts'

const SERVER = fileURLToPath(new URL('./bare/server.js', import.meta.url))

/** Forwards to `upstream`, or refuses everything when there is none. */
export async function startBare(upstream?: number): Promise<Peer> {
  const port = await freePort()
  const name = upstream === undefined ? 'uWS alone' : 'uWS and a socket'
  const program = start(name, process.execPath, [SERVER], {
    core: GATEWAY_CORE,
    env: { PORT: String(port), ...(upstream === undefined ? {} : { UPSTREAM: String(upstream) }) }
  })
  await listening(program, port)
  return { name, port, program, compiles: true, logs: [] }
}

import type { Server } from 'node:http'

/** Resolves with the port that was bound; rejects with what the system says. */
export async function listen(server: Server, host: string, port: number): Promise<number> {
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject)
    server.listen(port, host, () => {
      server.off('error', reject)
      resolve()
    })
  })
  const bound = server.address()
  return bound !== null && typeof bound === 'object' ? bound.port : port
}

/** `metrics: { address }`: the Prometheus exposition on an address of its own, and beside it only what needs no credential. */
import { nodeHttp } from '../../built-in.ts'
import { send, sendProblem } from './answer.ts'
import { METRICS_TYPE } from './gateway-resources.ts'
import { listen } from './listen.ts'
import type { Resource } from './resource.ts'
import { adminListener } from './server.ts'

/** A scrape that finds one under way gets the same answer: formatting happens once, however many ask. */
const MOST_CONNECTIONS = 32

/** `exposition` makes the text; `open` is served beside it. Rejects when the address can't be bound. The `port` is the one that was bound. */
export async function startMetricsServer(
  address: { host: string; port: number },
  exposition: () => Promise<string>,
  open: readonly Resource[] = []
): Promise<{ port: number; close(): Promise<void> }> {
  let current: Promise<string> | null = null
  const shared = (): Promise<string> => {
    current ??= exposition().finally(() => {
      current = null
    })
    return current
  }
  const besides = adminListener(open)
  const server = nodeHttp.createServer(
    { requestTimeout: 5000, headersTimeout: 5000, keepAliveTimeout: 30_000, maxHeaderSize: 8192 },
    (request, response) => {
      const path = (request.url ?? '').split('?', 1)[0]
      if (open.some((resource) => resource.path === path)) return besides(request, response)
      if (path !== '/metrics') return sendProblem(response, 404, 'metrics are at /metrics')
      if (request.method !== 'GET') {
        response.shouldKeepAlive = false
        return sendProblem(response, 405, '/metrics takes GET', { allow: 'GET' })
      }
      shared().then(
        (text) => send(response, 200, METRICS_TYPE, text),
        () => sendProblem(response, 500, 'the metrics could not be collected')
      )
    }
  )
  server.maxConnections = MOST_CONNECTIONS
  const port = await listen(server, address.host, address.port)
  return {
    port,
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve())
        server.closeAllConnections()
      })
  }
}

/** The resources that every gateway has: how it is, and the three words to it. */
import type { ReloadVerdict, StatusReport } from './report.ts'
import { json, text, type Resource } from './resource.ts'

export interface GatewayActions {
  status(): StatusReport
  /** Resolves when the new configuration serves or was refused; it doesn't reject for a bad one. */
  reload(): Promise<ReloadVerdict>
  /** Begins the drain and returns. */
  stop(): void
  /** Prometheus text exposition. */
  metrics(): Promise<string>
}

export const METRICS_TYPE = 'text/plain; version=0.0.4; charset=utf-8'

export function gatewayResources(actions: GatewayActions): Resource[] {
  return [
    { path: '/status', operations: { GET: { run: () => json(200, actions.status()) } } },
    {
      path: '/ready',
      operations: {
        GET: {
          run: () => {
            const { ready, draining } = actions.status()
            return json(ready ? 200 : 503, { ready, draining })
          }
        }
      }
    },
    {
      path: '/reload',
      operations: {
        POST: {
          run: async () => {
            const verdict = await actions.reload()
            return json(verdict.outcome === 'refused' ? 422 : 200, verdict)
          }
        }
      }
    },
    {
      path: '/stop',
      operations: {
        POST: {
          run: () => {
            actions.stop()
            return json(202, { stopping: true })
          }
        }
      }
    },
    {
      path: '/metrics',
      operations: { GET: { run: async () => text(200, METRICS_TYPE, await actions.metrics()) } }
    }
  ]
}

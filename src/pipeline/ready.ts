import type { Exchange } from './exchange.ts'
import { Answer, CONTINUE, type Verdict } from './verdict.ts'

const JSON_TYPE = ['content-type', 'application/json', 'cache-control', 'no-store']

/** The listener's `ready` path: 200 while this gateway wants traffic, 503 while it starts or stops. */
export function ready(x: Exchange): Verdict {
  const { plan } = x.listenerTable
  if (plan.ready === null || x.path !== plan.ready) return CONTINUE
  const isReady = x.tables.isReady()
  return new Answer('ready', isReady ? 200 : 503, JSON_TYPE, isReady ? '{"ready":true}' : '{"ready":false}')
}

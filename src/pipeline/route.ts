import { isPreflight } from '../policy/cors.ts'
import { refuse } from '../problems.ts'
import type { Exchange } from './exchange.ts'
import { CONTINUE, type Verdict } from './verdict.ts'

/**
 * Which route this is. A preflight is looked up as the method it asks for; where that route has no `cors`, it is an
 * ordinary OPTIONS.
 */
export function route(x: Exchange): Verdict {
  const { routeTable, routes } = x.tables
  const { match } = x
  const asked = x.method === 'OPTIONS' ? x.headers.get('access-control-request-method') : undefined
  if (asked !== undefined && isPreflight(x.method, x.headers.get('origin'), asked)) {
    routeTable.find(x.host, x.path, asked, x.headers, x.listener, match)
    const wanted = match.kind === 'route' ? routes[match.route] : undefined
    if (wanted?.cors) {
      x.route = wanted
      x.preflight = true
      return CONTINUE
    }
  }
  routeTable.find(x.host, x.path, x.method, x.headers, x.listener, match)
  if (match.kind === 'none') return refuse('no-route', 'route', 'no route for this host and path')
  if (match.kind === 'method') {
    return refuse('wrong-method', 'route', `no route for ${x.method} here`, { headers: ['allow', match.allow] })
  }
  x.route = routes[match.route] ?? null
  if (x.route === null) throw new Error(`route ${match.route} is in the table and not in the plan`)
  const { plan } = x.route
  x.note('route', 'pass', 'route', plan.name, plan.where, plan.name)
  return CONTINUE
}

import { withoutPathParameters } from '../path.ts'
import { isPreflight } from '../policy/cors.ts'
import { refuse } from '../problems.ts'
import { RouteMatch } from '../routing/match.ts'
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
  if (isAnotherWithoutParameters(x))
    return refuse('no-route', 'route', 'its ;parameters apart, the path is one of another route, or of none')
  x.route = routes[match.route] ?? null
  if (x.route === null) throw new Error(`route ${match.route} is in the table and not in the plan`)
  const { plan } = x.route
  x.note('route', 'pass', 'route', plan.name, plan.where, plan.name)
  return CONTINUE
}

/** For the second look-up of one request, which ends with it. */
const bare = new RouteMatch()

/**
 * Whether a service that drops `;parameters` would take the request for one that this route is not for: `/admin;x` is no
 * `/admin` here, and would reach it through a public `/*`.
 */
function isAnotherWithoutParameters({ tables, host, path, method, headers, listener, match }: Exchange): boolean {
  const other = withoutPathParameters(path)
  if (other === path) return false
  if (other === null) return true
  tables.routeTable.find(host, other, method, headers, listener, bare)
  return bare.kind !== 'route' || bare.route !== match.route
}

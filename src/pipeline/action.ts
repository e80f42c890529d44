import type { PlanHead } from '../plan/plan.ts'
import type { ForwardPlan, RoutePlan } from '../plan/route.ts'
import type { UpstreamPlan } from '../plan/upstream.ts'
import { prepareTemplate, render, type PreparedTemplate } from '../policy/template.ts'
import type { Transport } from '../upstream/transport.ts'
import type { Exchange } from './exchange.ts'

/** What a route does with a request that passed everything. */
export type PreparedAction = PreparedForward | PreparedRespond

export interface PreparedForward {
  readonly kind: 'forward'
  readonly plan: ForwardPlan
  readonly upstream: UpstreamPlan
  readonly transport: Transport
  /** `Host` to send; null: the request's own. */
  readonly host: string | null
  readonly rewrite: PreparedTemplate | null
}

export interface PreparedRespond {
  readonly kind: 'respond'
  readonly status: number
  readonly headers: readonly { readonly name: string; readonly value: PreparedTemplate }[]
  readonly body: PreparedTemplate | null
}

export function prepareAction(route: RoutePlan, head: PlanHead, transports: readonly Transport[]): PreparedAction {
  const plan = route.action
  if (plan.kind === 'respond') {
    return {
      kind: 'respond',
      status: plan.status,
      headers: plan.headers.map(({ name, value }) => ({ name, value: prepareTemplate(value, placeOf(name)) })),
      body: plan.body === null ? null : prepareTemplate(plan.body, 'component')
    }
  }
  const upstream = head.upstreams[plan.upstream]
  const transport = transports[plan.upstream]
  const target = upstream?.targets[0]
  if (upstream === undefined || transport === undefined || target === undefined) {
    throw new Error(`route ${route.name}: its upstream is not in the plan`)
  }
  return {
    kind: 'forward',
    plan,
    upstream,
    transport,
    host: plan.host === 'upstream' ? hostOf(target) : null,
    rewrite: plan.rewrite === null ? null : prepareTemplate(plan.rewrite, 'component')
  }
}

/** A `location` is a URL: values go into it encoded for that. */
function placeOf(name: string): 'header' | 'component' {
  return name === 'location' ? 'component' : 'header'
}

/** RFC 9110 section 7.2: the port goes along unless it is the scheme's own. */
export function hostOf({ tls, host, port }: UpstreamPlan['targets'][number]): string {
  const name = host.includes(':') ? `[${host}]` : host
  return port === (tls ? 443 : 80) ? name : `${name}:${port}`
}

/** The path an upstream is asked for: what was matched, less `stripPrefix` or rewritten, behind the service's base path. */
export function forwardedPath(action: PreparedForward, x: Exchange): string {
  const { plan, rewrite } = action
  let path = x.path
  if (rewrite !== null) {
    path = render(rewrite, x)
  } else if (plan.stripPrefix !== null) {
    // Compiled only if every path of the route begins with it, so nothing else can stand here.
    path = path.slice(plan.stripPrefix.length)
    if (path === '') path = '/'
  }
  return plan.basePath === '' ? path : plan.basePath + path
}

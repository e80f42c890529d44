/** What becomes of a request: `forward` to the service's upstream (the default) or `respond`. */
import type { RespondConfig, RouteConfig } from '../config/schema.ts'
import { parsePattern } from '../../routing/pattern.ts'
import type { ForwardPlan, MatchPlan, RespondPlan } from '../../plan/route.ts'
import type { Template } from '../../plan/values.ts'
import { answerNameFault, literalFault } from './header-text.ts'
import type { Path, Report } from './report.ts'
import { HIDDEN_TEMPLATE, parseTemplate, type TemplateScope, type TemplateUse } from './templates.ts'

/** Where a service's requests go. */
export interface Destination {
  /** Position in PlanHead.upstreams. */
  upstream: number
  basePath: string
}

/** Statuses that never carry a body, RFC 9110 sections 15.3.5, 15.3.6 and 15.4.5. */
const BODILESS: ReadonlySet<number> = new Set([204, 205, 304])

export interface ActedRoute {
  name: string
  config: RouteConfig
  path: Path
  match: MatchPlan
  scope: TemplateScope
}

/** null, and an error, when there is nowhere to send a route's requests. */
export function compileAction(
  route: ActedRoute,
  destination: Destination | null,
  report: Report
): ForwardPlan | RespondPlan | null {
  if (route.config.respond) return compileRespond(route, route.config.respond, report)
  if (!destination) {
    report.error(
      route.path,
      `route ${route.name} has nowhere to go: give its service a url or an upstream, or the route a respond`
    )
    return null
  }
  return compileForward(route, destination, report)
}

function compileForward({ config, path, match, scope }: ActedRoute, to: Destination, report: Report): ForwardPlan {
  const forward = config.forward ?? {}
  const at = [...path, 'forward']
  return {
    kind: 'forward',
    upstream: to.upstream,
    basePath: to.basePath,
    stripPrefix:
      forward.stripPrefix === undefined
        ? null
        : prefixOf(forward.stripPrefix, match.paths, [...at, 'stripPrefix'], report),
    rewrite:
      forward.rewrite === undefined ? null : template(forward.rewrite, 'rewrite', scope, [...at, 'rewrite'], report),
    host: forward.host ?? 'upstream'
  }
}

/** The prefix in normal form, null for `/`; an error for each path that doesn't start with it, whole segments. */
function prefixOf(written: string, paths: readonly string[], at: Path, report: Report): string | null {
  const parsed = parsePattern(written)
  if (!parsed.ok || parsed.names.length > 0 || parsed.wildcard) {
    report.error(at, `${written}: ${parsed.ok ? 'a prefix is literal: no {…} and no *' : parsed.reason}`)
    return null
  }
  const prefix = parsed.pattern
  if (prefix === '/') return null
  for (const path of paths) {
    if (path !== prefix && !path.startsWith(`${prefix}/`))
      report.error(at, `the path ${path} of the route doesn't start with ${prefix}`)
  }
  return prefix
}

function compileRespond({ path, scope }: ActedRoute, respond: RespondConfig, report: Report): RespondPlan {
  const at = [...path, 'respond']
  if (respond.body !== undefined && BODILESS.has(respond.status))
    report.error([...at, 'body'], `an answer with status ${respond.status} has no body`)
  const headers = Object.entries(respond.headers ?? {}).map(([written, text]) => {
    const where = [...at, 'headers', written]
    const value = template(text, 'answer', scope, where, report)
    const name = written.toLowerCase()
    const fault = answerNameFault(name) ?? literalFault(value)
    if (fault !== null) report.error(where, fault)
    return { name, value }
  })
  return {
    kind: 'respond',
    status: respond.status,
    headers,
    body: respond.body === undefined ? null : template(respond.body, 'answer', scope, [...at, 'body'], report)
  }
}

function template(text: string, use: TemplateUse, scope: TemplateScope, at: Path, report: Report): Template {
  const parsed = parseTemplate(text, use, scope)
  for (const reason of parsed.reasons) report.error(at, report.quoting(at, reason, HIDDEN_TEMPLATE))
  return parsed.template
}

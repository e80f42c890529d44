/** `match`: a service's stands under each of its routes', key by key, `headers` per name. */
import { withHead } from '../../method.ts'
import type { MatchConfig } from '../config/schema.ts'
import { parseHostPattern, parsePattern } from '../../routing/pattern.ts'
import type { ListenerPlan } from '../../plan/listener.ts'
import type { MatchPlan } from '../../plan/route.ts'
import type { PatternNames } from '../config/key-parts.ts'
import type { Path, Report } from './report.ts'
import type { TemplateScope } from './templates.ts'

export interface CompiledMatch {
  plan: MatchPlan
  /** Names of every path and host: what a limit or a template may rely on. */
  certain: TemplateScope
  /** Names of some path or host: what an expression may ask for with `has`. */
  possible: PatternNames
}

/** A `match` and where it stands. */
export interface MatchSource {
  match: MatchConfig | undefined
  path: Path
}

/** Compiles one route's `match` over its service's; null, and errors, when it can't be used. */
export function compileMatch(
  route: MatchSource,
  service: MatchSource,
  name: string,
  listeners: readonly ListenerPlan[],
  report: Report
): CompiledMatch | null {
  const from = (key: keyof MatchConfig): Path => [
    ...(route.match?.[key] === undefined ? service.path : route.path),
    key
  ]
  const merged = { ...service.match, ...route.match }
  if (!merged.paths) {
    report.error(route.path, `route ${name} has no paths: say match.paths, "/*" for every path`)
    return null
  }
  const paths = readAll(merged.paths, from('paths'), parsePattern, report)
  const hosts = readAll(merged.hosts ?? [], from('hosts'), parseHostPattern, report)
  checkListeners(merged.listeners, from('listeners'), listeners, report)
  if (!paths || !hosts) return null
  const namesOfHosts = hosts.map((host) => (host.name === null ? [] : [host.name]))
  const namesOfPaths = paths.map((path) => path.names)
  return {
    plan: {
      hosts: hosts.map((host) => host.pattern),
      methods: merged.methods ? withHead(merged.methods) : null,
      paths: paths.map((path) => path.pattern),
      headers: Object.entries({ ...lowerCase(service.match?.headers), ...lowerCase(route.match?.headers) }).map(
        ([header, value]) => ({ name: header, value })
      ),
      listeners: merged.listeners ?? null
    },
    certain: {
      path: inEvery(namesOfPaths),
      host: inEvery(namesOfHosts),
      wildcard: paths.every((path) => path.wildcard)
    },
    possible: { path: [...new Set(namesOfPaths.flat())], host: [...new Set(namesOfHosts.flat())] }
  }
}

/** Null, and an error for each, when some can't be read. Spellings of one pattern are one. */
function readAll<P extends { ok: true; pattern: string }>(
  written: readonly string[],
  path: Path,
  parse: (text: string) => P | { ok: false; reason: string },
  report: Report
): P[] | null {
  const read = new Map<string, P>()
  let failed = false
  written.forEach((text, i) => {
    const parsed = parse(text)
    if (parsed.ok) read.set(parsed.pattern, parsed)
    else {
      report.error([...path, i], `${text}: ${parsed.reason}`)
      failed = true
    }
  })
  return failed ? null : [...read.values()]
}

/** That the names exist has been checked; a listener that redirects everything never gets to a route. */
function checkListeners(
  named: readonly string[] | undefined,
  path: Path,
  listeners: readonly ListenerPlan[],
  report: Report
): void {
  named?.forEach((name, i) => {
    if (listeners.find((listener) => listener.name === name)?.redirect)
      report.error([...path, i], `the listener ${name} redirects everything: no route is reached through it`)
  })
}

function lowerCase(headers: Readonly<Record<string, string>> | undefined): Record<string, string> {
  return Object.fromEntries(Object.entries(headers ?? {}).map(([name, value]) => [name.toLowerCase(), value]))
}

function inEvery(lists: readonly (readonly string[])[]): string[] {
  const [first = [], ...others] = lists
  return first.filter((name) => others.every((list) => list.includes(name)))
}

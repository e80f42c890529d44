/**
 * Two routes that could both answer, in a configuration with other mistakes: it is not compiled, which would find them, and
 * all mistakes are told at once. Routes whose `match` can't be read as a whole are left out.
 */
import { withHead } from '../../method.ts'
import type { MatchPlan } from '../../plan/route.ts'
import { conflictText, findConflicts } from '../../routing/conflicts.ts'
import { parseHostPattern, parsePattern } from '../../routing/pattern.ts'
import type { Findings } from './findings.ts'
import { child, itemsOf, type Node, textOf, whereOf } from './nodes.ts'
import type { Path } from './result.ts'

interface Legible {
  index: number
  name: string
  where: string
  match: MatchPlan
  /** What its finding stands at. */
  node: Node
  path: Path
}

export function routeConflicts(root: Node, findings: Findings): void {
  const routes: Legible[] = []
  for (const [i, service] of itemsOf(child(root, 'services')).entries()) {
    for (const [j, route] of itemsOf(child(service, 'routes')).entries()) {
      const match = matchOf(child(route, 'match'), child(service, 'match'))
      const name = `${textOf(child(service, 'name'))}.${textOf(child(route, 'name'))}`
      const node = child(route, 'match') ?? route
      const path = ['services', i, 'routes', j, 'match']
      const where = whereOf(route.file, route.offset)
      if (match !== null) routes.push({ index: routes.length, name, where, match, node, path })
    }
  }
  for (const conflict of findConflicts(routes)) {
    const [first, second] = [routes[conflict.a], routes[conflict.b]]
    if (first && second) findings.error(second.node, second.path, conflictText(conflict, first, second))
  }
}

/** A service's stands under its routes', key by key, `headers` per name; null: not to be relied on. */
function matchOf(own: Node | undefined, service: Node | undefined): MatchPlan | null {
  const list = (key: string): string[] | null => textsOf(child(own, key) ?? child(service, key))
  const [paths, hosts, methods, listeners] = [list('paths'), list('hosts'), list('methods'), list('listeners')]
  const headers = new Map<string, string>()
  for (const from of [child(service, 'headers'), child(own, 'headers')]) {
    for (const [name, { value }] of from?.kind === 'mapping' ? from.entries : []) {
      const text = known(value)
      if (text === null) return null
      headers.set(name.toLowerCase(), text)
    }
  }
  if (!paths || !hosts || !methods || !listeners || paths.length === 0) return null
  const readPaths = paths.map(parsePattern)
  const readHosts = hosts.map(parseHostPattern)
  const match: MatchPlan = {
    paths: [...new Set(readPaths.flatMap((read) => (read.ok ? [read.pattern] : [])))],
    hosts: [...new Set(readHosts.flatMap((read) => (read.ok ? [read.pattern] : [])))],
    methods: methods.length === 0 ? null : withHead(methods),
    headers: [...headers].map(([name, value]) => ({ name, value })),
    listeners: listeners.length === 0 ? null : listeners
  }
  return [...readPaths, ...readHosts].every((read) => read.ok) ? match : null
}

/** [] where nothing is said; null where something can't be read. */
function textsOf(node: Node | undefined): string[] | null {
  if (node === undefined) return []
  const texts = itemsOf(node).map(known)
  return node.kind === 'list' && texts.length > 0 && !texts.includes(null) ? texts.map(String) : null
}

function known(node: Node): string | null {
  return node.kind === 'scalar' && node.origin !== 'placeholder' ? (textOf(node) ?? null) : null
}

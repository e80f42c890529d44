/**
 * Routes of which no level says how callers identify themselves, in a configuration with other mistakes: it is not
 * compiled, which would find them, and all mistakes are told at once.
 */
import type { Findings } from './findings.ts'
import { suggestion } from './names.ts'
import { child, itemsOf, type Node, textOf } from './nodes.ts'

/** What its owner is told. */
export function unguarded(route: string): string {
  return `route ${route} doesn't say how its callers identify themselves: say auth in its policies, in those of its service or of the gateway, or auth: public to have it open`
}

export function unguardedRoutes(root: Node, findings: Findings): void {
  const profiles = new Map(itemsOf(child(root, 'profiles')).map((profile) => [textOf(child(profile, 'name')), profile]))
  const maySay = (holder: Node): boolean => {
    const used = itemsOf(child(holder, 'use')).map((name) => profiles.get(textOf(name)))
    // What a profile that isn't there would have said, nobody knows.
    return speaks(child(holder, 'policies')) || used.some((profile) => profile === undefined || maySay(profile))
  }
  if (maySay(root)) return
  for (const [i, service] of itemsOf(child(root, 'services')).entries()) {
    if (maySay(service)) continue
    for (const [j, route] of itemsOf(child(service, 'routes')).entries()) {
      const name = `${textOf(child(service, 'name'))}.${textOf(child(route, 'name'))}`
      if (route.kind === 'mapping' && !maySay(route))
        findings.error(route, ['services', i, 'routes', j], unguarded(name))
    }
  }
}

/** Whether these policies have `auth`, or a key that was probably meant to be it; or can't be read. */
function speaks(policies: Node | undefined): boolean {
  if (policies === undefined) return false
  if (policies.kind !== 'mapping' || policies.problems) return true
  return [...policies.entries.keys()].some((key) => suggestion(key, ['auth']) !== null)
}

import type { HeaderList } from '../headers.ts'
import type { RoutePlan } from '../plan/route.ts'
import { RouteMatch } from './match.ts'
import { methodBit, methodMask, methodNames } from '../method.ts'
import { addCandidate, Node, type Candidate } from './node.ts'

/** Places put into the table between two calls of `pace`: some 50 µs of work. */
const SLICE = 64

/**
 * Every route of one generation, by host and then by path: a tree of segments per host. Built once, never changed.
 *
 * Precedence: exact host over wildcard over none; then segment by segment literal over `{x}` over `/*`. That decides on
 * ONE place, a host and a path; only among the routes of that place methods and headers choose. If none of them fits
 * the answer is 405 or 404, and never a route of a vaguer place: a guarded POST must not leak out through a public `/*`.
 *
 * A route that isn't served on a listener doesn't exist there: it is left out before the place is chosen, as if the
 * configuration of that listener were written without it. An admin route on an inner listener thus neither hides nor
 * reveals anything (a 405, say) on the public one.
 *
 * Work per lookup: a node stands for one sequence of choices from the root, so a lookup visits each node at most once,
 * however often it turns back; and only nodes whose pattern fits the path so far. The path's own length adds nothing:
 * no client can spend more than the configuration's own tree allows.
 */
export class RouteTable {
  readonly #exactHosts = new Map<string, Node>()
  /** By what follows the first label. */
  readonly #wildcardHosts = new Map<string, Node>()
  #anyHost: Node | null = null

  /**
   * Builds a table in slices. `pace` is called between them and returns a promise when it is time to let others run,
   * null to go on at once.
   */
  static async build(routes: readonly RoutePlan[], pace: () => Promise<void> | null): Promise<RouteTable> {
    const table = new RouteTable()
    let places = 0
    for (const _ of table.#plant(routes)) {
      if (++places % SLICE !== 0) continue
      const pause = pace()
      if (pause !== null) await pause
    }
    return table
  }

  /** Builds a table in one go. */
  static buildNow(routes: readonly RoutePlan[]): RouteTable {
    const table = new RouteTable()
    for (const _ of table.#plant(routes));
    return table
  }

  /**
   * Finds the route of a request and puts it into `into`.
   *
   * @param host lower-case, without port; '' matches routes without hosts only
   * @param path normal (path.ts)
   * @param method as received; for a preflight the method that it asks for
   */
  find(host: string, path: string, method: string, headers: HeaderList, listener: string, into: RouteMatch): void {
    into.begin(host, path, listener)
    const place = this.#place(host, into)
    if (place === null) return

    const bit = methodBit(method)
    let allowed = 0
    for (const candidate of place) {
      if (!serves(candidate, listener) || !headersFit(candidate, headers)) continue
      if ((candidate.methods & bit) !== 0) {
        into.kind = 'route'
        into.route = candidate.route
        into.chosen = candidate
        return
      }
      allowed |= candidate.methods
    }
    // Nothing whose headers fit: no other method would help either, so it is 404 and not 405.
    if (allowed === 0) return
    into.kind = 'method'
    into.allow = methodNames(allowed).join(', ')
  }

  /** The most specific host with a path that fits: a host's tree without one has no route "whose host and path match". */
  #place(host: string, into: RouteMatch): readonly Candidate[] | null {
    const exact = this.#exactHosts.get(host)
    if (exact !== undefined) {
      const place = walk(exact, 1, into)
      if (place !== null) return place
    }
    if (this.#wildcardHosts.size > 0) {
      const dot = host.indexOf('.')
      const wildcard = dot > 0 ? this.#wildcardHosts.get(host.slice(dot + 1)) : undefined
      if (wildcard !== undefined) {
        const place = walk(wildcard, 1, into)
        if (place !== null) return place
      }
    }
    return this.#anyHost === null ? null : walk(this.#anyHost, 1, into)
  }

  /** Inserts every route at each of its places, and yields after each. */
  *#plant(routes: readonly RoutePlan[]): Generator<void, void> {
    for (const { index, match } of routes) {
      const methods = methodMask(match.methods)
      const listeners = match.listeners === null ? null : new Set(match.listeners)
      const paths = match.paths.map((path) => path.slice(1).split('/').filter(isSegment))
      const names = paths.map((segments) => segments.filter(isParam).map(nameOf))
      for (const host of match.hosts.length === 0 ? [null] : match.hosts) {
        const label = host === null ? '' : firstLabel(host)
        const hostName = isParam(label) ? nameOf(label) : null
        const root = this.#root(host)
        for (const [i, segments] of paths.entries()) {
          const pathNames = names[i] ?? []
          plantAt(root, segments, { route: index, methods, headers: match.headers, listeners, pathNames, hostName })
          yield
        }
      }
    }
  }

  #root(host: string | null): Node {
    if (host === null) return (this.#anyHost ??= new Node(''))
    const label = firstLabel(host)
    const wildcard = label === '*' || isParam(label)
    const hosts = wildcard ? this.#wildcardHosts : this.#exactHosts
    const key = wildcard ? host.slice(label.length + 1) : host
    let root = hosts.get(key)
    if (root === undefined) hosts.set(key, (root = new Node('')))
    return root
  }
}

/**
 * The routes of the most specific place at or below `node`, or null. Depth first in the order of precedence, so the
 * first complete match is the best one; recursion is as deep as the longest pattern (pattern.ts bounds it).
 *
 * @param at where the next segment starts; past `into.end` when there is none
 */
function walk(node: Node, at: number, into: RouteMatch): readonly Candidate[] | null {
  into.steps++
  if (at >= into.end) {
    if (node.exact !== null && anyServes(node.exact, into.listener)) return node.exact
    if (node.below === null || !anyServes(node.below, into.listener)) return null
    into.restAt = into.path.length
    return node.below
  }
  let end = into.path.indexOf('/', at)
  if (end < 0) end = into.end

  const child = node.literal(into.path, at, end)
  if (child !== null) {
    const place = walk(child, end + 1, into)
    if (place !== null) return place
  }
  if (node.param !== null) {
    const i = 2 * into.params++
    into.bounds[i] = at
    into.bounds[i + 1] = end
    const place = walk(node.param, end + 1, into)
    if (place !== null) return place
    into.params--
  }
  if (node.below === null || !anyServes(node.below, into.listener)) return null
  into.restAt = at
  return node.below
}

function plantAt(root: Node, segments: readonly string[], candidate: Candidate): void {
  let node = root
  for (const segment of segments) {
    if (segment === '*') {
      node.below = addCandidate(node.below, candidate)
      return
    }
    node = isParam(segment) ? node.growParam() : node.grow(segment)
  }
  node.exact = addCandidate(node.exact, candidate)
}

function anyServes(candidates: readonly Candidate[], listener: string): boolean {
  for (const candidate of candidates) if (serves(candidate, listener)) return true
  return false
}

function serves(candidate: Candidate, listener: string): boolean {
  return candidate.listeners === null || candidate.listeners.has(listener)
}

/** A field sent twice equals nothing: the service behind might read the other one. */
function headersFit(candidate: Candidate, headers: HeaderList): boolean {
  for (const { name, value } of candidate.headers) {
    const at = headers.names.indexOf(name)
    if (at < 0 || headers.values[at] !== value || headers.names.indexOf(name, at + 1) >= 0) return false
  }
  return true
}

function firstLabel(host: string): string {
  const dot = host.indexOf('.')
  return dot < 0 ? host : host.slice(0, dot)
}

function isSegment(segment: string): boolean {
  return segment !== ''
}

function isParam(segment: string): boolean {
  return segment.startsWith('{')
}

function nameOf(segment: string): string {
  return segment.slice(1, -1)
}

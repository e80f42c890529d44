import type { HeaderList } from '../headers.ts'
import type { RoutePlan } from '../plan/route.ts'
import { RouteMatch } from './match.ts'
import { methodBit, methodMask, methodNames } from '../method.ts'
import { addCandidate, Node, type Candidate } from './node.ts'
import { Packer, PackedTree } from './packed-tree.ts'

/** Places and nodes put into the table between two calls of `pace`: some 50 µs of work. */
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
  readonly #tree: PackedTree
  /** Roots in the tree. */
  readonly #exactHosts: ReadonlyMap<string, number>
  /** By what follows the first label. */
  readonly #wildcardHosts: ReadonlyMap<string, number>
  /** 0: no route is for any host. */
  readonly #anyHost: number

  private constructor({ packer, exactHosts, wildcardHosts, anyHost }: Forest) {
    this.#tree = new PackedTree(packer)
    this.#exactHosts = exactHosts
    this.#wildcardHosts = wildcardHosts
    this.#anyHost = anyHost
  }

  /**
   * Builds a table in slices. `pace` is called between them and returns a promise when it is time to let others run,
   * null to go on at once.
   */
  static async build(routes: readonly RoutePlan[], pace: () => Promise<void> | null): Promise<RouteTable> {
    const growing = grow(routes)
    for (let steps = 1; ; steps++) {
      const { done, value } = growing.next()
      if (done) return new RouteTable(value)
      const pause = steps % SLICE === 0 ? pace() : null
      if (pause !== null) await pause
    }
  }

  /** Builds a table in one go. */
  static buildNow(routes: readonly RoutePlan[]): RouteTable {
    const growing = grow(routes)
    for (;;) {
      const { done, value } = growing.next()
      if (done) return new RouteTable(value)
    }
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
    const tree = this.#tree
    const bit = methodBit(method)
    let allowed = 0
    for (let place = this.#place(host, into); place !== 0; place = tree.next(place)) {
      const candidate = tree.candidate(place)
      if (candidate === null || (tree.asks(place) && !fits(candidate, headers, listener))) continue
      const methods = tree.methods(place)
      if ((methods & bit) !== 0) {
        into.kind = 'route'
        into.route = tree.route(place)
        into.chosen = candidate
        return
      }
      allowed |= methods
    }
    // Nothing whose headers fit: no other method would help either, so it is 404 and not 405.
    if (allowed === 0) return
    into.kind = 'method'
    into.allow = methodNames(allowed).join(', ')
  }

  /** The most specific host with a path that fits: a host's tree without one has no route "whose host and path match". */
  #place(host: string, into: RouteMatch): number {
    const exact = this.#exactHosts.size > 0 ? this.#exactHosts.get(host) : undefined
    if (exact !== undefined) {
      const place = this.#tree.walk(exact, 1, into)
      if (place !== 0) return place
    }
    if (this.#wildcardHosts.size > 0) {
      const dot = host.indexOf('.')
      const wildcard = dot > 0 ? this.#wildcardHosts.get(host.slice(dot + 1)) : undefined
      if (wildcard !== undefined) {
        const place = this.#tree.walk(wildcard, 1, into)
        if (place !== 0) return place
      }
    }
    return this.#anyHost === 0 ? 0 : this.#tree.walk(this.#anyHost, 1, into)
  }
}

/** Trees by host, packed: `anyHost` 0 for none. */
interface Forest {
  packer: Packer
  exactHosts: Map<string, number>
  wildcardHosts: Map<string, number>
  anyHost: number
}

/** Grows a tree for each host and packs it, and yields after each place and node. */
function* grow(routes: readonly RoutePlan[]): Generator<void, Forest> {
  const roots = { exact: new Map<string, Node>(), wildcard: new Map<string, Node>(), any: new Map<string, Node>() }
  const rootOf = (host: string | null): Node => {
    if (host === null) return rootIn(roots.any, '')
    const label = firstLabel(host)
    return label === '*' || isParam(label)
      ? rootIn(roots.wildcard, host.slice(label.length + 1))
      : rootIn(roots.exact, host)
  }
  for (const { index, match } of routes) {
    const methods = methodMask(match.methods)
    const listeners = match.listeners === null ? null : new Set(match.listeners)
    const paths = match.paths.map((path) => path.slice(1).split('/').filter(isSegment))
    const names = paths.map((segments) => segments.filter(isParam).map(nameOf))
    for (const host of match.hosts.length === 0 ? [null] : match.hosts) {
      const label = host === null ? '' : firstLabel(host)
      const hostName = isParam(label) ? nameOf(label) : null
      for (const [i, segments] of paths.entries()) {
        const pathNames = names[i] ?? []
        const candidate = { route: index, methods, headers: match.headers, listeners, pathNames, hostName }
        plantAt(rootOf(host), segments, candidate)
        yield
      }
    }
  }
  const packer = new Packer()
  const exactHosts = new Map<string, number>()
  for (const [host, root] of roots.exact) exactHosts.set(host, yield* packer.add(root))
  const wildcardHosts = new Map<string, number>()
  for (const [host, root] of roots.wildcard) wildcardHosts.set(host, yield* packer.add(root))
  const any = roots.any.get('')
  return { packer, exactHosts, wildcardHosts, anyHost: any === undefined ? 0 : yield* packer.add(any) }
}

function rootIn(roots: Map<string, Node>, host: string): Node {
  let root = roots.get(host)
  if (root === undefined) roots.set(host, (root = new Node()))
  return root
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

function fits(candidate: Candidate, headers: HeaderList, listener: string): boolean {
  const { listeners } = candidate
  return (listeners === null || listeners.has(listener)) && headersFit(candidate, headers)
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

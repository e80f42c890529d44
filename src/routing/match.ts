import type { Candidate } from './node.ts'

/**
 * Where a lookup puts its answer (`RouteTable.find`). Made once per exchange and asked as long as the exchange lives;
 * values are cut out of the path only when somebody asks for them.
 */
export class RouteMatch {
  /**
   * `route`: it has one. `none`: 404, no such place on this listener, or only routes that ask for other headers.
   * `method`: 405, the place exists and only the method is wrong.
   */
  kind: 'route' | 'none' | 'method' = 'none'
  /** Position in Plan.routes; -1 unless kind is `route`. */
  route = -1
  /** For the `Allow` field: method names joined by `, `; '' unless kind is `method`. */
  allow = ''
  /** Tree nodes that the lookup looked at. */
  steps = 0

  /** Filled by the walk; the table's own business. Bounds hold start and end of each `{x}`'s value. */
  host = ''
  path = ''
  end = 0
  listener = ''
  readonly bounds: number[] = []
  params = 0
  restAt = -1
  chosen: Candidate | null = null

  /** Encoded value of `{name}` of the route's path, or undefined. */
  pathParam(name: string): string | undefined {
    const i = this.chosen === null ? -1 : this.chosen.pathNames.indexOf(name)
    return i < 0 ? undefined : this.path.slice(this.bounds[2 * i], this.bounds[2 * i + 1])
  }

  /** The label that `{name}` of the route's host took, or undefined. */
  hostParam(name: string): string | undefined {
    if (this.chosen === null || this.chosen.hostName !== name) return undefined
    return this.host.slice(0, this.host.indexOf('.'))
  }

  /** What `/*` took, encoded, without its leading `/`; '' when none. */
  get rest(): string {
    return this.chosen === null || this.restAt < 0 ? '' : this.path.slice(this.restAt)
  }

  /** Names of the route's `{x}` at the matched path, from left to right. */
  get pathNames(): readonly string[] {
    return this.chosen === null ? NONE : this.chosen.pathNames
  }

  /** Name of the matched host's first label, or null. */
  get hostName(): string | null {
    return this.chosen === null ? null : this.chosen.hostName
  }

  /** Makes it ready for the next lookup. */
  begin(host: string, path: string, listener: string): void {
    this.kind = 'none'
    this.route = -1
    this.allow = ''
    this.steps = 0
    this.host = host
    this.path = path
    // The final slash makes no difference to matching, and stays in what is forwarded.
    this.end = path.length > 1 && path.charCodeAt(path.length - 1) === 0x2f ? path.length - 1 : path.length
    this.listener = listener
    this.params = 0
    this.restAt = -1
    this.chosen = null
  }
}

const NONE: readonly string[] = Object.freeze([])

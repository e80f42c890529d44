/** One route at one place (host and path) of the table. */
export interface Candidate {
  /** Position in Plan.routes. */
  readonly route: number
  /** Method bits (method.ts). */
  readonly methods: number
  /** All must equal; names lower-case. */
  readonly headers: readonly { readonly name: string; readonly value: string }[]
  /** Listener names, null for all. */
  readonly listeners: ReadonlySet<string> | null
  /** Names of the path's `{x}`, from left to right. */
  readonly pathNames: readonly string[]
  /** Name of the host's first label, or null. */
  readonly hostName: string | null
}

/** One path segment of the route tree while it grows; what is looked up is the tree packed (packed-tree.ts). */
export class Node {
  /** The `{x}` below. */
  param: Node | null = null
  /** Routes whose path ends here, more headers first, then in the plan's order. */
  exact: Candidate[] | null = null
  /** Routes whose path ends here with `/*`, in the same order. */
  below: Candidate[] | null = null
  /** By segment. */
  readonly literals = new Map<string, Node>()

  /** The child for `segment`, made if there is none. */
  grow(segment: string): Node {
    let child = this.literals.get(segment)
    if (child === undefined) this.literals.set(segment, (child = new Node()))
    return child
  }

  growParam(): Node {
    this.param ??= new Node()
    return this.param
  }
}

/** Adds to a place's list, keeping it in the order in which candidates are asked. */
export function addCandidate(list: Candidate[] | null, added: Candidate): Candidate[] {
  if (list === null) return [added]
  let at = list.length
  while (at > 0 && comesBefore(added, list[at - 1])) at--
  // A route that names one place twice (`/a` and `/a/`) stands there once.
  if (list[at - 1]?.route !== added.route) list.splice(at, 0, added)
  return list
}

function comesBefore(a: Candidate, b: Candidate | undefined): boolean {
  if (b === undefined) return false
  const more = a.headers.length - b.headers.length
  return more > 0 || (more === 0 && a.route < b.route)
}

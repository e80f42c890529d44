import type { MatchPlan } from '../plan/route.ts'
import { METHODS, methodMask } from '../method.ts'

export interface RouteConflict {
  /** Positions of the two routes, a <= b. Equal when one route names a place twice with different `{names}`. */
  a: number
  b: number
  /** Of b, as in the plan; '' for any host. */
  host: string
  path: string
  /** For the owner, behind the place: which requests both would answer, and what parts them. */
  reason: string
}

/** For the owner: which two routes, where the first one is, and what both would answer. */
export function conflictText(
  { a, b, host, path, reason }: RouteConflict,
  first: { readonly name: string; readonly where: string },
  second: { readonly name: string }
): string {
  const place = `${path} on ${host === '' ? 'any host' : host}`
  return a === b
    ? `route ${second.name} names ${place} twice: ${reason}`
    : `routes ${second.name} and ${first.name} (${first.where}) could both answer ${place}: ${reason}`
}

interface Entry {
  index: number
  name: string
  match: MatchPlan
  methods: number
  host: string
  path: string
}

/**
 * Pairs of routes that could both answer one request: same host, same path but for names, a method and a listener in
 * common, and headers that decide for neither (the same number of them, and no field that must have two values).
 * Each later route is reported once per place and per kind of header set, with the earliest it collides with.
 *
 * Time is linear in the places of all routes (times nine methods), but for places whose routes ask for many different
 * sets of header names: those sets are compared pairwise.
 */
export function findConflicts(routes: readonly { index: number; name: string; match: MatchPlan }[]): RouteConflict[] {
  const conflicts: RouteConflict[] = []
  for (const entries of byPlace(routes, conflicts).values()) {
    if (entries.length < 2) continue
    const kinds = [...byHeaderNames(entries).values()]
    for (const [i, kind] of kinds.entries()) {
      for (const other of kinds.slice(i)) collide(kind, other, conflicts)
    }
  }
  return conflicts.sort((x, y) => x.b - y.b || x.a - y.a)
}

function byPlace(
  routes: readonly { index: number; name: string; match: MatchPlan }[],
  conflicts: RouteConflict[]
): Map<string, Entry[]> {
  const places = new Map<string, Entry[]>()
  for (const { index, name, match } of routes) {
    const methods = methodMask(match.methods)
    for (const host of match.hosts.length === 0 ? [''] : match.hosts) {
      for (const path of match.paths) {
        const place = `${hostShape(host)} ${pathShape(path)}`
        const entries = places.get(place)
        const entry = { index, name, match, methods, host, path }
        const last = entries?.at(-1)
        if (entries === undefined) places.set(place, [entry])
        else if (last?.index !== index) entries.push(entry)
        else if (last.path !== path || last.host !== host)
          conflicts.push({
            a: index,
            b: index,
            host,
            path,
            reason: `as ${last.host}${last.path} and as ${host}${path}; one set of names has to go`
          })
      }
    }
  }
  return places
}

function hostShape(host: string): string {
  return host.startsWith('{') ? `*${host.slice(host.indexOf('.'))}` : host
}

function pathShape(path: string): string {
  return path.includes('{')
    ? path
        .split('/')
        .map((segment) => (segment.startsWith('{') ? '{}' : segment))
        .join('/')
    : path
}

/** Routes of one place that ask for the same header names. */
function byHeaderNames(entries: readonly Entry[]): Map<string, Entry[]> {
  const kinds = new Map<string, Entry[]>()
  for (const entry of entries) {
    const key = headerNames(entry).join(' ')
    const kind = kinds.get(key)
    if (kind === undefined) kinds.set(key, [entry])
    else kind.push(entry)
  }
  return kinds
}

function headerNames(entry: Entry | undefined): string[] {
  return entry === undefined ? [] : entry.match.headers.map((header) => header.name).sort()
}

/** Reports every route of two kinds (or of one, given twice) that could answer a request an earlier one of the other could too. */
function collide(kind: readonly Entry[], other: readonly Entry[], conflicts: RouteConflict[]): void {
  const names = headerNames(kind[0])
  const otherNames = headerNames(other[0])
  if (names.length !== otherNames.length) return
  const shared = names.filter((name) => otherNames.includes(name))
  const seen = new Occupancy(shared)
  const seenOther = kind === other ? seen : new Occupancy(shared)
  const inKind = new Set(kind)
  const entries = kind === other ? kind : [...kind, ...other].sort((x, y) => x.index - y.index)
  for (const entry of entries) {
    const [own, against] = inKind.has(entry) ? [seen, seenOther] : [seenOther, seen]
    const holder = against.holder(entry)
    if (holder !== undefined) conflicts.push(conflict(holder, entry))
    own.add(entry)
  }
}

/** The first route to hold each combination of shared header values, method and listener. */
class Occupancy {
  readonly #shared: readonly string[]
  readonly #holders = new Map<string, Entry>()

  constructor(shared: readonly string[]) {
    this.#shared = shared
  }

  add(entry: Entry): void {
    for (const key of this.#keys(entry)) {
      for (const scope of ['any', ...(entry.match.listeners?.map(listenerScope) ?? ['all'])]) {
        if (!this.#holders.has(`${scope} ${key}`)) this.#holders.set(`${scope} ${key}`, entry)
      }
    }
  }

  holder(entry: Entry): Entry | undefined {
    let found: Entry | undefined
    for (const key of this.#keys(entry)) {
      for (const scope of entry.match.listeners === null
        ? ['any']
        : ['all', ...entry.match.listeners.map(listenerScope)]) {
        const holder = this.#holders.get(`${scope} ${key}`)
        if (holder !== undefined && (found === undefined || holder.index < found.index)) found = holder
      }
    }
    return found
  }

  #keys(entry: Entry): string[] {
    const values = JSON.stringify(this.#shared.map((name) => entry.match.headers.find((h) => h.name === name)?.value))
    return METHODS.filter((_, i) => (entry.methods & (1 << i)) !== 0).map((method) => `${method} ${values}`)
  }
}

function listenerScope(name: string): string {
  return `on:${name}`
}

/** @param a the earlier route */
function conflict(a: Entry, b: Entry): RouteConflict {
  const methods = METHODS.filter((_, i) => (a.methods & b.methods & (1 << i)) !== 0).join(', ')
  const headers = a.match.headers.length + b.match.headers.length === 0 ? '' : ', and their headers decide for neither'
  return {
    a: a.index,
    b: b.index,
    host: b.host,
    path: b.path,
    reason: `by ${methods}${headers}; part them by methods, hosts, headers or listeners`
  }
}

/** Finds the resource and the operation that a call names. */
import { AdminProblem, type AdminMethod, type Operation, type Resource } from './resource.ts'

interface Found {
  operation: Operation
  params: Readonly<Record<string, string>>
}

interface Entry {
  resource: Resource
  segments: readonly string[]
}

/** A path with more segments than any resource has is not taken apart any further. */
const MOST_SEGMENTS = 16

export class Router {
  readonly #entries: Entry[]

  /** Throws when two resources could answer one path: a fault of ours, found at the start. */
  constructor(resources: readonly Resource[]) {
    this.#entries = resources.map((resource) => ({ resource, segments: resource.path.split('/').slice(1) }))
    for (const [i, one] of this.#entries.entries())
      for (const other of this.#entries.slice(i + 1))
        if (overlap(one.segments, other.segments))
          throw new Error(`two admin resources for one path: ${one.resource.path} and ${other.resource.path}`)
  }

  /** Whether whoever reaches the server may call, before anything else about the path is said. */
  isOpen(path: string): boolean {
    return this.#entries.some(({ resource }) => resource.open === true && resource.path === path)
  }

  /** @throws AdminProblem 400, 404 or 405. */
  find(method: string, path: string): Found {
    const segments = path.split('/', MOST_SEGMENTS + 1).slice(1)
    for (const entry of this.#entries) {
      const params = match(entry.segments, segments)
      if (params === null) continue
      const { operations } = entry.resource
      const operation = Object.hasOwn(operations, method) ? operations[method as AdminMethod] : undefined
      if (operation !== undefined) return { operation, params }
      const allow = Object.keys(operations).join(', ')
      throw new AdminProblem(405, `${entry.resource.path} takes ${allow}`, { allow })
    }
    const known = this.#entries.map(({ resource }) => resource.path).join(', ')
    throw new AdminProblem(404, `no such path here: ${known}`)
  }
}

function isParameter(segment: string): boolean {
  return segment.startsWith('{')
}

function overlap(a: readonly string[], b: readonly string[]): boolean {
  return (
    a.length === b.length &&
    a.every((segment, i) => segment === b[i] || isParameter(segment) || isParameter(b[i] ?? ''))
  )
}

function match(pattern: readonly string[], segments: readonly string[]): Record<string, string> | null {
  if (pattern.length !== segments.length) return null
  const fits = pattern.every((segment, i) => (isParameter(segment) ? segments[i] !== '' : segment === segments[i]))
  if (!fits) return null
  return Object.fromEntries(
    pattern.flatMap((segment, i) => (isParameter(segment) ? [[segment.slice(1, -1), decode(segments[i] ?? '')]] : []))
  )
}

function decode(segment: string): string {
  try {
    return decodeURIComponent(segment)
  } catch {
    throw new AdminProblem(400, 'the path is not percent-encoded UTF-8')
  }
}

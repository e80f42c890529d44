/**
 * What a compilation has to say, gathered so that all of it is printed at once. Every finding stands at the key that
 * must change. What many routes inherit is said once, with the routes it concerns.
 */
import { pathText } from '../config/findings.ts'
import type { Finding, Path, Severity } from '../config/result.ts'
import type { Where } from '../../plan/policy.ts'

export type { Path }

const ROUTES_NAMED = 3

interface Shared {
  severity: Severity
  path: Path
  message: string
  routes: Set<string>
}

export class Report {
  readonly #where: (path: Path) => Where
  readonly #isPlaceholder: (path: Path) => boolean
  readonly #isSecret: (path: Path) => boolean
  readonly #findings: Finding[] = []
  readonly #widenings = new Map<string, { path: Path; message: string; subjects: Set<string> }>()
  readonly #shared = new Map<string, Shared>()
  #errors = 0

  constructor(where: (path: Path) => Where, isPlaceholder: (path: Path) => boolean, isSecret: (path: Path) => boolean) {
    this.#where = where
    this.#isPlaceholder = isPlaceholder
    this.#isSecret = isSecret
  }

  get failed(): boolean {
    return this.#errors > 0
  }

  /** Whether a value only stands in for one that wasn't resolved: then nothing can be said of it. */
  isPlaceholder(path: Path): boolean {
    return this.#isPlaceholder(path)
  }

  where(path: Path): Where {
    return this.#where(path)
  }

  /** `text`, which repeats what stands at `path` or a part of it; `instead` where that may not be shown. */
  quoting(path: Path, text: string, instead: string): string {
    return this.isSecret(path) ? instead : text
  }

  /** Whether what stands at `path` may not be shown: it came from a reference, or is a key's. */
  isSecret(path: Path): boolean {
    return this.#isSecret(path)
  }

  error(path: Path, message: string): void {
    this.#errors++
    this.#findings.push(this.#finding('error', path, message))
  }

  warn(path: Path, message: string): void {
    this.#findings.push(this.#finding('warning', path, message))
  }

  /** An error or warning in a policy as `route` inherits it: the same words at the same key become one finding. */
  ofRoute(severity: Severity, route: string, path: Path, message: string): void {
    if (severity === 'error') this.#errors++
    const key = `${pathText(path)}\n${severity}\n${message}`
    const shared = this.#shared.get(key)
    if (shared) shared.routes.add(route)
    else this.#shared.set(key, { severity, path, message, routes: new Set([route]) })
  }

  /**
   * A place where a nearer level lets more pass than a farther one, or where a check is switched off; `subjects` is
   * what it concerns. Said of one key for many routes, it is one finding with all their subjects.
   */
  widening(path: Path, message: string, subjects: readonly string[] = []): void {
    const key = `${pathText(path)}\n${message}`
    const known = this.#widenings.get(key)
    if (known) for (const subject of subjects) known.subjects.add(subject)
    else this.#widenings.set(key, { path, message, subjects: new Set(subjects) })
  }

  findings(): Finding[] {
    const shared = [...this.#shared.values()].map(({ severity, path, message, routes }) =>
      this.#finding(severity, path, `${message} (${listed(routes)})`)
    )
    return [...this.#findings, ...shared]
  }

  widenings(): Finding[] {
    return [...this.#widenings.values()].map(({ path, message, subjects }) =>
      this.#finding('warning', path, subjects.size > 0 ? `${message}: ${[...subjects].join(', ')}` : message)
    )
  }

  #finding(severity: Severity, path: Path, message: string): Finding {
    return { severity, where: this.#where(path), path: pathText(path), message }
  }
}

function listed(routes: ReadonlySet<string>): string {
  const names = [...routes].slice(0, ROUTES_NAMED).join(', ')
  const more = routes.size - ROUTES_NAMED
  return `${routes.size === 1 ? 'route' : 'routes'} ${names}${more > 0 ? ` and ${more} more` : ''}`
}

/** `external`: adds up over levels, outermost first, all must admit. */
import { requestOperationsProblem } from '../../policy/request-headers.ts'
import { IDENTITY_FIELDS } from '../../field-names.ts'
import type { Places } from '../../plan/auth.ts'
import type { ExternalPlan } from '../../plan/external.ts'
import type { IdentityPlan } from '../../plan/identity.ts'
import type { ExternalConfig } from '../config/schema.ts'
import { duration, upstreamUrl } from './checked.ts'
import { addUp, speaking, type Block, type Item } from './levels.ts'
import type { Path, Report } from './report.ts'
import type { Upstreams } from './upstreams.ts'

const TIMEOUT = 1000
const LONGEST_TIMEOUT = 60_000
const LONGEST_CACHE = 3_600_000

/** What of a route its external checks depend on. */
export interface CheckedRoute {
  name: string
  identity: IdentityPlan
  /** Where `auth` reads credentials. */
  credentials: Places
}

export function compileExternal(
  blocks: readonly Block[],
  route: CheckedRoute,
  upstreams: Upstreams,
  report: Report
): ExternalPlan[] {
  const lists = speaking(blocks, 'external').map((said): Item<ExternalConfig>[] => [{ ...said, name: null }])
  return addUp(lists, () => {}).map(({ value, level, path }) => {
    const headers = lowerCase(value.headers)
    const copyBack = lowerCase(value.copyBack)
    const timeout = value.timeout === undefined ? TIMEOUT : duration(value.timeout)
    const cache = value.cache === undefined ? null : duration(value.cache)
    if (timeout > LONGEST_TIMEOUT) report.ofRoute('error', route.name, [...path, 'timeout'], 'at most 1m')
    if (cache !== null && cache > LONGEST_CACHE) report.ofRoute('error', route.name, [...path, 'cache'], 'at most 1h')
    checkNames(headers, [...path, 'headers'], route, report)
    checkNames(copyBack, [...path, 'copyBack'], route, report)
    checkCopied(copyBack, [...path, 'copyBack'], route, report)
    const { basePath } = upstreamUrl(value.url)
    return {
      url: value.url,
      upstream: upstreams.external(value.url, path),
      path: basePath === '' ? '/' : basePath,
      headers,
      copyBack,
      cache,
      timeout,
      onFailure: value.onFailure ?? 'closed',
      mode: value.mode ?? 'enforce',
      level,
      where: report.where(path)
    }
  })
}

function lowerCase(names: readonly string[] | undefined): string[] {
  return [...new Set((names ?? []).map((name) => name.toLowerCase()))]
}

function checkNames(names: readonly string[], path: Path, route: CheckedRoute, report: Report): void {
  names.forEach((name, i) => {
    if (IDENTITY_FIELDS.has(name) || name.startsWith('x-forwarded-'))
      report.ofRoute('error', route.name, [...path, i], `${name} is the gateway’s own to tell: nobody else says it`)
    const problem = requestOperationsProblem({ remove: [name], rename: [], set: [], default: [], append: [] })
    if (problem !== null) report.ofRoute('error', route.name, [...path, i], problem)
  })
}

/** A credential of the route is removed before forwarding, and so would be what stands in its place. */
function checkCopied(names: readonly string[], path: Path, route: CheckedRoute, report: Report): void {
  names.forEach((name, i) => {
    if (route.identity.token !== undefined && name === 'authorization')
      report.ofRoute('error', route.name, [...path, i], 'identity.token writes authorization: use another name')
    if (route.identity.credentials === 'forward') return
    if (route.credentials.header.includes(name))
      report.ofRoute(
        'error',
        route.name,
        [...path, i],
        `${name} is where auth reads a credential, which is removed before forwarding: use another name`
      )
  })
}

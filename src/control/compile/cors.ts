/** `cors`: the nearest level that speaks stands alone; `cors: none` is no CORS. */
import type { CorsPlan } from '../../plan/cors.ts'
import { duration } from './checked.ts'
import { nearestOf, type Block } from './levels.ts'
import type { Path, Report } from './report.ts'

/** What a page may be allowed where a route takes every method; OPTIONS asks and isn't asked for. */
const EVERY_METHOD = ['GET', 'HEAD', 'POST', 'PUT', 'PATCH', 'DELETE']

/** `methods` are the route's own, null for all: what pages may use unless `cors` says. */
export function compileCors(
  blocks: readonly Block[],
  route: string,
  methods: readonly string[] | null,
  report: Report
): CorsPlan | null {
  const said = nearestOf(blocks, 'cors')
  if (!said) return null
  const { value, path } = said
  const credentials = value.credentials ?? false
  value.origins.forEach((origin, i) => checkOrigin(origin, [...path, 'origins', i], route, report))
  return {
    origins: value.origins,
    methods: value.methods?.map((method) => method.toUpperCase()) ?? [...(methods ?? EVERY_METHOD)],
    headers: value.headers?.map((name) => name.toLowerCase()) ?? [],
    expose: value.expose?.map((name) => name.toLowerCase()) ?? [],
    credentials,
    maxAge: value.maxAge === undefined ? null : Math.floor(duration(value.maxAge) / 1000),
    where: report.where(path)
  }
}

/** A browser sends an origin in lower case and without a default port: another spelling could never match. */
function checkOrigin(origin: string, path: Path, route: string, report: Report): void {
  const sent = asSent(origin)
  if (sent !== null && sent !== origin) report.ofRoute('error', route, path, `browsers send ${sent}, not ${origin}`)
}

/** null for the schemes of apps, such as capacitor://localhost, that URL knows no rules for. */
function asSent(origin: string): string | null {
  const concrete = origin.replace('://*.', '://any.')
  if (!/^https?:/i.test(concrete) || !URL.canParse(concrete)) return null
  return new URL(concrete).origin.replace('://any.', concrete === origin ? '://any.' : '://*.')
}

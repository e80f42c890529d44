/**
 * The table against the rules of precedence turned into the slowest code that says them: every route is tried against
 * the request, the matching places are sorted by precedence, and the first place decides.
 */
import fc from 'fast-check'
import t from 'tap'
import type { HeaderList } from '../../src/headers.ts'
import type { MatchPlan } from '../../src/plan/route.ts'
import { RouteMatch } from '../../src/routing/match.ts'
import { RouteTable } from '../../src/routing/table.ts'
import { headerList, routePlans } from './fixtures/routes.ts'

type Answer =
  | { kind: 'route'; route: number; values: string[]; rest: string }
  | { kind: 'none' }
  | { kind: 'method'; allow: string }

interface Request {
  host: string
  path: string
  method: string
  headers: HeaderList
  listener: string
}

const ORDER = ['GET', 'HEAD', 'POST', 'PUT', 'DELETE', 'PATCH', 'OPTIONS', 'TRACE', 'CONNECT']

function reference(matches: readonly MatchPlan[], request: Request): Answer {
  const segments = request.path.split('/').slice(1)
  if (segments.at(-1) === '') segments.pop()
  const fitting: { route: number; match: MatchPlan; rank: string; values: string[]; rest: string }[] = []
  for (const [route, match] of matches.entries()) {
    if (match.listeners !== null && !match.listeners.includes(request.listener)) continue
    for (const host of match.hosts.length === 0 ? [null] : match.hosts) {
      const hostRank = rankHost(host, request.host)
      if (hostRank === null) continue
      for (const path of match.paths) {
        const found = matchPath(path, segments, request.path.endsWith('/') && request.path !== '/')
        if (found !== null) fitting.push({ route, match, ...found, rank: `${hostRank}${found.rank}` })
      }
    }
  }
  fitting.sort((a, b) => (a.rank < b.rank ? -1 : a.rank > b.rank ? 1 : 0))
  const best = fitting.filter((f) => f.rank === fitting[0]?.rank)
  const headed = best.filter(({ match }) =>
    match.headers.every(({ name, value }) => request.headers.count(name) === 1 && request.headers.get(name) === value)
  )
  const methods = ({ match }: { match: MatchPlan }): string[] => match.methods ?? ORDER.slice(0, 7)
  const able = headed.filter((f) => methods(f).includes(request.method))
  able.sort((a, b) => b.match.headers.length - a.match.headers.length || a.route - b.route)
  const [winner] = able
  if (winner !== undefined) return { kind: 'route', route: winner.route, values: winner.values, rest: winner.rest }
  if (headed.length === 0) return { kind: 'none' }
  return { kind: 'method', allow: ORDER.filter((m) => headed.some((f) => methods(f).includes(m))).join(', ') }
}

function rankHost(pattern: string | null, host: string): string | null {
  if (pattern === null) return '2'
  if (pattern === host) return '0'
  const [first, ...domain] = pattern.split('.')
  const [label, ...rest] = host.split('.')
  const wild = first === '*' || first?.startsWith('{')
  return wild && label !== '' && rest.length > 0 && domain.join('.') === rest.join('.') ? '1' : null
}

/** Rank: one digit a segment, so that text order is "segment by segment"; `!` at an end sorts before every digit. */
function matchPath(
  pattern: string,
  segments: string[],
  slash: boolean
): { rank: string; values: string[]; rest: string } | null {
  const parts = pattern === '/' ? [] : pattern.slice(1).split('/')
  let rank = ''
  const values: string[] = []
  for (const [i, part] of parts.entries()) {
    if (part === '*') {
      const rest = segments.slice(i).join('/')
      return { rank: `${rank}2`, values, rest: rest === '' ? '' : rest + (slash ? '/' : '') }
    }
    const segment = segments[i]
    if (segment === undefined) return null
    if (part.startsWith('{')) {
      values.push(segment)
      rank += '1'
    } else if (part === segment) rank += '0'
    else return null
  }
  return parts.length === segments.length ? { rank: `${rank}!`, values, rest: '' } : null
}

const segment = fc.constantFrom('a', 'b', 'ab', 'c', '{x}')
const pattern = fc
  .tuple(fc.array(segment, { maxLength: 4 }), fc.boolean())
  .map(
    ([parts, wild]) => `/${[...parts.map((s, i) => (s === '{x}' ? `{x${i}}` : s)), ...(wild ? ['*'] : [])].join('/')}`
  )
const match: fc.Arbitrary<MatchPlan> = fc.record({
  hosts: fc.uniqueArray(fc.constantFrom('a.test', 'b.test', '*.test', '{h}.test', '*.a.test', 'x.a.test'), {
    maxLength: 2
  }),
  methods: fc.option(fc.subarray(['GET', 'HEAD', 'POST', 'TRACE'], { minLength: 1 })),
  paths: fc.uniqueArray(pattern, { minLength: 1, maxLength: 3 }),
  headers: fc.subarray([
    { name: 'x-a', value: '1' },
    { name: 'x-b', value: '2' }
  ]),
  listeners: fc.option(fc.subarray(['in', 'out'], { minLength: 1 }), { freq: 3 })
})
const request: fc.Arbitrary<Request> = fc.record({
  host: fc.constantFrom('a.test', 'b.test', 'c.test', 'x.a.test', 'y.a.test', 'test', ''),
  path: fc
    .tuple(fc.array(fc.constantFrom('a', 'b', 'ab', 'c', 'd'), { maxLength: 5 }), fc.boolean())
    .map(([parts, slash]) => `/${parts.join('/')}${slash && parts.length > 0 ? '/' : ''}`),
  method: fc.constantFrom('GET', 'GET', 'POST', 'TRACE', 'PUT', 'NOPE'),
  headers: fc.constantFrom(
    headerList(),
    headerList('x-a', '1'),
    headerList('x-b', '2', 'x-a', '1'),
    headerList('x-a', '1', 'x-a', '1'),
    headerList('x-a', '9')
  ),
  listener: fc.constantFrom('in', 'out', 'other')
})

/** Tables, and requests to each: 50,000 lookups take a second. ROUTING_TABLES=5000 makes it a million. */
const TABLES = 250
const LOOKUPS = 200

t.test('every lookup is answered as the reference answers it', async (t) => {
  const seen = { route: 0, none: 0, method: 0 }
  fc.assert(
    fc.property(
      fc.array(match, { minLength: 1, maxLength: 12 }),
      fc.array(request, { minLength: LOOKUPS, maxLength: LOOKUPS, size: 'max' }),
      (matches, requests) => {
        const table = RouteTable.buildNow(routePlans(matches))
        const into = new RouteMatch()
        for (const asked of requests) {
          table.find(asked.host, asked.path, asked.method, asked.headers, asked.listener, into)
          const expected = reference(matches, asked)
          seen[expected.kind]++
          const got: Answer =
            into.kind === 'route'
              ? {
                  kind: 'route',
                  route: into.route,
                  values: into.pathNames.map((n) => into.pathParam(n) ?? ''),
                  rest: into.rest
                }
              : into.kind === 'none'
                ? { kind: 'none' }
                : { kind: 'method', allow: into.allow }
          if (JSON.stringify(got) !== JSON.stringify(expected))
            throw new Error(
              `${JSON.stringify(asked)}: got ${JSON.stringify(got)}, expected ${JSON.stringify(expected)}`
            )
        }
      }
    ),
    { seed: 20, numRuns: Number(process.env['ROUTING_TABLES'] ?? TABLES), endOnFailure: true }
  )
  t.ok(Math.min(seen.route, seen.none, seen.method) > 1000, JSON.stringify(seen))
})

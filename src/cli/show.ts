import type { EffectiveLine } from '../control/compile/origins.ts'
import { nearest } from '../control/config/nearest.ts'
import type { Plan } from '../plan/plan.ts'
import type { RoutePlan } from '../plan/route.ts'
import type { Template } from '../plan/values.ts'
import { CONFIG_OPTION, defineCommand, EXIT, JSON_OPTION, UsageError } from './command.ts'
import { openConfigFile } from './config-file.ts'
import { duration } from './duration.ts'
import { printFindings } from './findings.ts'
import { complain, paint, print, printJson } from './terminal.ts'

export const show = defineCommand({
  usage: '[ROUTE] [options]',
  summary:
    'Show what holds for a route, or for every route: its match, where it goes, and each policy with the level and the line it comes from. Secrets are not shown.',
  options: { config: CONFIG_OPTION, json: JSON_OPTION },
  arguments: 1,
  examples: [
    ['gatehouse show', 'Every route.'],
    ['gatehouse show orders.read', 'The route read of the service orders.'],
    ['gatehouse show orders', 'Every route of the service orders.']
  ],
  run: async ({ config, json }, [wanted]) => {
    const found = await openConfigFile(undefined, config)
    const { readPlan } = await import('./plan-file.ts')
    const { plan, findings, linesOf } = readPlan(found, { secrets: true })
    if (plan === null) {
      printFindings(findings)
      complain(`${found.name} has errors, so nothing holds`)
      return EXIT.unknown
    }
    const chosen =
      wanted === undefined
        ? plan.routes
        : plan.routes.filter(({ name, service }) => name === wanted || service === wanted)
    if (wanted !== undefined && chosen.length === 0) {
      const near = nearest(
        wanted,
        plan.routes.flatMap(({ name, service }) => [name, service])
      )
      throw new UsageError(`there is no route "${wanted}"${near ? `: did you mean "${near}"?` : ''}`)
    }
    const shown = chosen.map((route) => describe(route, plan, linesOf(route.index)))
    if (json) printJson(shown)
    else print(shown.map(format).join('\n\n'))
    return EXIT.yes
  }
})

interface Line {
  key: string
  value: string
  /** '' for a default. */
  level: string
  where: string
}

interface ShownRoute {
  route: string
  where: string
  lines: Line[]
}

function describe(route: RoutePlan, plan: Plan, said: readonly EffectiveLine[]): ShownRoute {
  const lines: Line[] = []
  const fact = (key: string, value: string): void => {
    lines.push({ key, value, level: `route:${route.name}`, where: route.where })
  }
  const { hosts, methods, paths, headers, listeners } = route.match
  if (hosts.length > 0) fact('match.hosts', hosts.join(', '))
  if (methods) fact('match.methods', methods.join(', '))
  fact('match.paths', paths.join(', '))
  if (headers.length > 0) fact('match.headers', headers.map(({ name, value }) => `${name}: ${value}`).join(', '))
  if (listeners) fact('match.listeners', listeners.join(', '))
  if (route.action.kind === 'respond') fact('respond', String(route.action.status))
  else {
    const upstream = plan.upstreams[route.action.upstream]
    const { basePath, stripPrefix, rewrite, host } = route.action
    const targets = upstream?.targets.map(({ origin }) => origin + basePath).join(', ') ?? ''
    lines.push({
      key: 'upstream',
      value: `${upstream?.name ?? ''}: ${targets}`,
      level: '',
      where: upstream?.where ?? ''
    })
    if (stripPrefix !== null) fact('forward.stripPrefix', stripPrefix)
    if (rewrite !== null) fact('forward.rewrite', templateText(rewrite))
    if (host !== 'upstream') fact('forward.host', host)
  }
  for (const { policy, key, value, level, where } of said) {
    lines.push({ key: key === '' ? policy : `${policy}.${key}`, value, level, where })
  }
  for (const [key, value] of defaultsOf(route)) {
    if (!lines.some((line) => line.key === key)) lines.push({ key, value, level: '', where: 'default' })
  }
  return { route: route.name, where: route.where, lines }
}

/** What holds where no level says otherwise. */
function defaultsOf(route: RoutePlan): [string, string][] {
  return [
    ['validate.body.maxSize', `${route.validate.maxSize} bytes`],
    ['identity.headers', String(route.identity.headers)],
    ['identity.credentials', route.identity.credentials],
    ['headers.security', String(route.headers.security)],
    ['timeouts.request', duration(route.timeouts.request)],
    ['timeouts.idle', duration(route.timeouts.idle)]
  ]
}

function templateText(template: Template): string {
  return template
    .map((piece) => {
      if (typeof piece === 'string') return piece
      if (piece.kind === 'rest') return '{*}'
      return 'name' in piece ? `{${piece.name}}` : `{${piece.kind}}`
    })
    .join('')
}

function format({ route, where, lines }: ShownRoute): string {
  const key = Math.max(...lines.map((line) => line.key.length))
  const value = Math.min(60, Math.max(...lines.map((line) => line.value.length)))
  const rows = lines.map((line) => {
    const origin = [line.level, line.where].filter(Boolean).join(' ')
    return `  ${line.key.padEnd(key)}  ${line.value.padEnd(value)}  ${paint('dim', origin)}`.trimEnd()
  })
  return [`${paint('bold', route)}  ${paint('dim', where)}`, ...rows].join('\n')
}

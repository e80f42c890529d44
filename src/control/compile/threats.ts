/** `threats`: the scenarios that ban, built-in and written, honeypots, and who is never banned. */
import { RESERVED, tagOfName } from '../../threats/tag.ts'
import type { ListenerPlan } from '../../plan/listener.ts'
import type { RoutePlan } from '../../plan/route.ts'
import type { BanTimes, CrowdsecPlan, EventPlan, HoneypotPlan, ScenarioPlan, ThreatsPlan } from '../../plan/threats.ts'
import type { KeyPart } from '../../plan/values.ts'
import type { BanConfig, Config, ThreatsConfig } from '../config/schema.ts'
import { danglingName } from '../config/key-parts.ts'
import { parsePattern } from '../../routing/pattern.ts'
import { duration, keyPart, rate } from './checked.ts'
import type { Path, Report } from './report.ts'
import { BUILT_IN_HONEYPOTS, BUILT_IN_SCENARIOS, HONEYPOT_BAN } from './built-in-threats.ts'

const DAY = 86_400_000

type HoneypotConfig = Exclude<NonNullable<ThreatsConfig['honeypots']>, 'none'>[number]

export function compileThreats(config: Config, around: Around, report: Report): ThreatsPlan {
  const threats = config.threats ?? {}
  if (threats.mode === 'shadow')
    report.widening(['threats', 'mode'], 'no ban and no honeypot refuses: they only count and log')
  return {
    mode: threats.mode ?? 'enforce',
    scenarios: compileScenarios(threats.bans, report),
    honeypots: compileHoneypots(threats, around, report),
    never: [...(threats.never ?? []), ...around.listeners.flatMap(({ client }) => client.trustedProxies)],
    blockAt: threats.blockAt ?? 'gateway'
  }
}

const ASK = 10_000

export function compileCrowdsec({ threats }: Config, report: Report): CrowdsecPlan | null {
  const crowdsec = threats?.crowdsec
  if (crowdsec === undefined) return null
  const { url, key, interval } = crowdsec
  if (new URL(url).search !== '')
    report.error(['threats', 'crowdsec', 'url'], 'expected the local API’s address, without a query')
  return {
    url: url.replace(/\/$/, ''),
    key,
    interval: interval === undefined ? ASK : duration(interval)
  }
}

/** Written ones in the place of built-in ones of the same name, then the others. */
function compileScenarios(bans: ThreatsConfig['bans'], report: Report): ScenarioPlan[] {
  if (bans === 'none') {
    report.widening(['threats', 'bans'], 'bans: none drops every built-in ban and honeypot')
    return []
  }
  const scenarios = [...BUILT_IN_SCENARIOS]
  bans?.forEach((ban, i) => {
    const path = ['threats', 'bans', i]
    const plan = compileScenario(ban, path, report)
    const same = scenarios.findIndex(({ name }) => name === ban.name)
    if (same < 0) return scenarios.push(plan)
    report.widening(path, `replaces the built-in ban ${ban.name}`)
    return (scenarios[same] = plan)
  })
  checkTags(scenarios, bans ?? [], report)
  return scenarios
}

function compileScenario(ban: BanConfig, path: Path, report: Report): ScenarioPlan {
  if (RESERVED.includes(ban.name))
    report.error([...path, 'name'], `${ban.name} names bans that no scenario makes: choose another name`)
  const times: BanTimes = {
    time: duration(ban.ban),
    escalate: ban.escalate ?? 1,
    max: ban.max === undefined ? Math.max(DAY, duration(ban.ban)) : duration(ban.max)
  }
  if (times.max < times.time) report.error([...path, 'max'], 'the longest ban is shorter than the first one')
  return {
    name: ban.name,
    count: compileEvents(ban, path, report),
    by: compileBy(ban.by, path, report),
    rate: rate(ban.rate),
    ban: times,
    mode: ban.mode ?? 'enforce',
    where: report.where(path)
  }
}

function compileEvents({ count }: BanConfig, path: Path, report: Report): EventPlan {
  const { policy } = count
  if (count.distinct === undefined && count.status?.includes(429))
    report.warn(
      [...path, 'count', 'status'],
      '429s ban clients that only retry too fast, and a limit refuses those already: count distinct things'
    )
  return {
    statuses: count.status ?? null,
    policies: policy === undefined ? null : typeof policy === 'string' ? [policy] : policy,
    distinct: count.distinct ?? null,
    callers: count.callers ?? 'any'
  }
}

function compileBy(by: BanConfig['by'], path: Path, report: Report): ScenarioPlan['by'] {
  const words = typeof by === 'string' ? [by] : by
  if (words.includes('account')) {
    if (words.length > 1) report.error([...path, 'by'], 'account stands alone')
    return 'account'
  }
  return words.flatMap((text): KeyPart[] => {
    const part = keyPart(text)
    // A route's own names are not known to what counts over all routes.
    const dangling = danglingName(part, { path: [], host: [] })
    if (dangling !== null) report.error([...path, 'by'], `${text} is a name of one route’s; a ban counts over all`)
    return dangling === null ? [part] : []
  })
}

/** Two names that stand for each other in the ban table: one in a thousand configurations with ten scenarios. */
function checkTags(scenarios: readonly ScenarioPlan[], bans: readonly BanConfig[], report: Report): void {
  const taken = new Map(RESERVED.map((name) => [tagOfName(name), name]))
  for (const { name } of scenarios) {
    const other = taken.get(tagOfName(name))
    const i = bans.findIndex((ban) => ban.name === name)
    if (other !== undefined && i >= 0 && !RESERVED.includes(name))
      report.error(['threats', 'bans', i, 'name'], `can't be told from ${other} in the ban table: choose another name`)
    taken.set(tagOfName(name), name)
  }
}

interface Around {
  readonly listeners: readonly ListenerPlan[]
  readonly routes: readonly RoutePlan[]
}

function compileHoneypots(threats: ThreatsConfig, { listeners, routes }: Around, report: Report): HoneypotPlan[] {
  const { honeypots, bans } = threats
  if (honeypots === 'none') report.widening(['threats', 'honeypots'], 'honeypots: none drops the built-in ones')
  const literal = literalPaths(routes)
  const ready = readyPaths(listeners, report)
  const builtIn = bans === 'none' || honeypots === 'none' ? [] : BUILT_IN_HONEYPOTS
  const written = honeypots === undefined || honeypots === 'none' ? [] : honeypots
  // Who has a route for a built-in one has a reason to ask for it.
  const paths = builtIn.filter((path) => !literal.has(path) && !ready.has(path))
  return [
    ...(paths.length === 0 ? [] : [{ paths, hosts: null, ban: HONEYPOT_BAN, where: '' }]),
    ...written.map((honeypot, i) => compileHoneypot(honeypot, ['threats', 'honeypots', i], { literal, ready }, report))
  ]
}

function compileHoneypot(
  honeypot: HoneypotConfig,
  at: Path,
  { literal, ready }: { literal: ReadonlyMap<string, RoutePlan[]>; ready: ReadonlyMap<string, string> },
  report: Report
): HoneypotPlan {
  const written = typeof honeypot === 'string' ? [honeypot] : honeypot.paths
  const hosts = typeof honeypot === 'string' ? null : (honeypot.hosts?.map((host) => host.toLowerCase()) ?? null)
  const paths = written.flatMap((text, i) => {
    const path = typeof honeypot === 'string' ? at : [...at, 'paths', i]
    const parsed = parsePattern(text)
    if (!parsed.ok) {
      report.error(path, parsed.reason)
      return []
    }
    const route = literal.get(parsed.pattern)?.find((one) => meet(one.match.hosts, hosts))
    if (route)
      report.error(path, `a honeypot bans whoever asks for it, and the route ${route.name} (${route.where}) answers it`)
    const health = ready.get(parsed.pattern)
    if (health !== undefined)
      report.error(
        path,
        `a honeypot bans whoever asks for it, and ${health} answers it: balancers ask for it all the time`
      )
    return [parsed.pattern]
  })
  return { paths, hosts, ban: HONEYPOT_BAN, where: report.where(at) }
}

/** Paths that listeners answer to whoever asks whether the gateway is ready, and which that is. */
function readyPaths(listeners: readonly ListenerPlan[], report: Report): Map<string, string> {
  const ready = new Map<string, string>()
  listeners.forEach(({ name, ready: path }, i) => {
    if (path !== null) ready.set(path, `\`ready\` of the listener ${name} (${report.where(['listen', i])})`)
  })
  return ready
}

/** Routes by those of their paths that have no `{x}` and no `*`. */
function literalPaths(routes: readonly RoutePlan[]): Map<string, RoutePlan[]> {
  const literal = new Map<string, RoutePlan[]>()
  for (const route of routes)
    for (const path of route.match.paths) {
      if (/[{*]/.test(path)) continue
      const others = literal.get(path)
      if (others) others.push(route)
      else literal.set(path, [route])
    }
  return literal
}

/** Whether a route of these hosts (none: any) and a honeypot of those (null: any) meet on one host. */
function meet(route: readonly string[], honeypot: readonly string[] | null): boolean {
  if (route.length === 0 || honeypot === null) return true
  return route.some((a) => honeypot.some((b) => fits(a, b) || fits(b, a)))
}

/** Whether `host` is `pattern`, or its first label is one that `*` or `{name}` takes. */
function fits(pattern: string, host: string): boolean {
  if (!pattern.startsWith('*.') && !pattern.startsWith('{')) return pattern === host
  return pattern.slice(pattern.indexOf('.')) === host.slice(host.indexOf('.'))
}

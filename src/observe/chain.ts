/**
 * The whole chain of verdicts on a request that is over, from its record and the plan it met. A record names only who
 * decided; but the order is fixed (pipeline/index.ts), so whatever stands before that passed, and what stands behind was
 * not reached. Costs a request nothing: it is worked out when somebody asks.
 */
import type { IpPlan } from '../plan/ip.ts'
import type { LimitPlan } from '../plan/limit.ts'
import type { ListenerPlan } from '../plan/listener.ts'
import type { Where } from '../plan/policy.ts'
import type { RoutePlan } from '../plan/route.ts'
import type { RulePlan } from '../plan/rule.ts'
import type { ScenarioPlan, ThreatsPlan } from '../plan/threats.ts'
import type { AccessRecord } from './record.ts'

export interface ChainLink {
  /** A policy's name, or a stage's before any policy: `framing`, `client`, `route`. */
  policy: string
  /** The rule's, limit's or route's name; '' when it has none. */
  rule: string
  where: Where
  /** `fail`: it ended there, and nobody had decided so. `unknown`: the record does not say how far the request came. */
  verdict: 'pass' | 'deny' | 'fail' | 'would deny' | 'answer' | 'not reached' | 'unknown'
  /** Why it was denied, who was identified, which level says so; '' when there is nothing to say. */
  detail: string
}

export type ChainRecord = Pick<
  AccessRecord,
  | 'decision'
  | 'method'
  | 'status'
  | 'route'
  | 'policy'
  | 'rule'
  | 'where'
  | 'reason'
  | 'shadow'
  | 'authMethod'
  | 'consumer'
  | 'subject'
  | 'target'
>

/** What of a generation a request meets. */
export interface MetPlan {
  listener: ListenerPlan | null
  gatewayIp: readonly IpPlan[]
  threats: ThreatsPlan
  /** null: none matched. */
  route: RoutePlan | null
}

interface Planned {
  policy: string
  rule: string
  where: Where
  shadow: boolean
  detail: string
}

export function chainOf(record: ChainRecord, met: MetPlan): ChainLink[] {
  const planned = plannedFor(met)
  const at = decidingPlace(record, planned, met)
  const shadows = record.shadow === '' ? [] : record.shadow.split(',')
  return planned.map(({ policy, rule, where, shadow, detail }, i): ChainLink => {
    const link = { policy, rule, where, detail }
    if (at === UNKNOWN) return { ...link, verdict: 'unknown' }
    if (i > at) return { ...link, verdict: 'not reached' }
    if (i === at && record.decision === 'answer') return { ...link, verdict: 'answer' }
    if (i === at && isRefused(record)) return denied(record)
    if (shadow && shadows.includes(rule === '' ? policy : rule)) return { ...link, verdict: 'would deny' }
    return { ...link, verdict: 'pass', detail: policy === 'auth' && rule === '' ? callerText(record) : detail }
  })
}

const UNKNOWN = -1

/** Where a ban or a time-out stands, only the record says. */
function denied({ decision, policy, rule, where, reason }: ChainRecord): ChainLink {
  return { policy, rule, where, verdict: decision === 'deny' ? 'deny' : 'fail', detail: reason }
}

function isRefused({ decision, policy }: ChainRecord): boolean {
  return policy !== '' && decision !== 'forward'
}

interface MetStage {
  /** As pipeline/index.ts calls it; those behind the last of its list are what follows a Permit. */
  name: string
  /** Whom a record names when it decides there. */
  policy: string
  /** And by which rule, where another stage has the same policy. */
  rule?: string
  /** What of the plan could decide there, in order; nothing where the plan does not have it. */
  met(plan: MetPlan): Planned[]
}

/** With a route. */
type MetRoute = MetPlan & { route: RoutePlan }

/**
 * The stages of pipeline/index.ts and what follows them. A test holds the two lists together: the pipeline can't be
 * asked from here.
 */
export const MET_STAGES: readonly MetStage[] = [
  { name: 'framing', policy: 'framing', met: () => [stage('framing')] },
  { name: 'client', policy: 'client', met: () => [stage('client')] },
  {
    name: 'client-certificate',
    policy: 'listen',
    met: ({ listener }) => (listener?.clientCertificates ? [stage('listen', listener.clientCertificates.where)] : [])
  },
  { name: 'redirect', policy: 'redirect', met: ({ listener }) => (listener?.redirect ? [stage('redirect')] : []) },
  { name: 'ready', policy: 'ready', met: ({ listener }) => (listener?.ready ? [stage('ready')] : []) },
  { name: 'bans', policy: 'ban', met: () => [item('ban', '', '', 'enforce', 'of addresses')] },
  { name: 'wall', policy: 'ip', met: ({ gatewayIp }) => gatewayIp.map(ipItem) },
  {
    name: 'honeypots',
    policy: 'honeypot',
    met: ({ threats }) => (threats.honeypots.length > 0 ? [stage('honeypot')] : [])
  },
  {
    name: 'route',
    policy: 'route',
    met: ({ route }) => [item('route', route?.name ?? '', route?.where ?? '', 'enforce', '')]
  },
  onRoute('ip', 'ip', ({ route }) => route.ip.map(ipItem)),
  { name: 'admission', policy: 'admission', met: () => [] },
  onRoute('limits', 'limits', ({ route }) => route.limits.filter(({ needsCaller }) => !needsCaller).map(limitItem)),
  onRoute('preflight', 'cors', ({ route }) => (route.cors ? [stage('cors', route.cors.where)] : [])),
  onRoute('auth', 'auth', ({ route: { auth } }) => [item('auth', '', auth.where, auth.mode, '')]),
  onRoute('revocation', 'revocation', ({ route }) => (route.auth.public ? [] : [stage('revocation')])),
  // Whether the caller's consumer lists addresses only the record knows, so its link is put in where it refused.
  { name: 'caller-ip', policy: 'ip', rule: 'consumer', met: () => [] },
  { name: 'caller-admission', policy: 'admission', met: () => [] },
  onRoute('caller-bans', 'ban', ({ threats }) =>
    threats.scenarios.some(isKeyed) ? [item('ban', '', '', 'enforce', 'of callers')] : []
  ),
  onRoute('external', 'external', ({ route }) =>
    (route.external ?? []).map(({ where, mode, level }) => item('external', '', where, mode, level))
  ),
  onRoute('authorize', 'authorize', ({ route }) => route.authorize.filter(({ readsBody }) => !readsBody).map(ruleItem)),
  onRoute('caller-limits', 'limits', ({ route }) =>
    route.limits.filter(({ needsCaller }) => needsCaller).map(limitItem)
  ),
  onRoute('digest', 'auth', ({ route: { auth } }) =>
    auth.signature ? [item('auth', 'content-digest', auth.where, auth.mode, '')] : []
  ),
  onRoute('validate', 'validate', ({ route: { validate, validateShadow } }) => [
    item('validate', '', validate.where ?? '', 'enforce', ''),
    ...(validateShadow ? [item('validate', '', validateShadow.where ?? '', 'shadow', '')] : [])
  ]),
  onRoute('authorize-body', 'authorize', ({ route }) =>
    route.authorize.filter(({ readsBody }) => readsBody).map(ruleItem)
  ),
  onRoute('respond', 'respond', ({ route }) =>
    route.action.kind === 'respond' ? [stage('respond', route.where)] : []
  ),
  onRoute('upstream', 'upstream', ({ route }) =>
    route.action.kind === 'respond' ? [] : [stage('upstream', route.where)]
  ),
  { name: 'timeouts', policy: 'timeouts', met: () => [] }
]

function onRoute(name: string, policy: string, met: (plan: MetRoute) => Planned[]): MetStage {
  return { name, policy, met: ({ route, ...plan }) => (route === null ? [] : met({ ...plan, route })) }
}

/** Where a policy stands; one that stands at two stages, as at the first, unless the rule tells. */
function rankOf(policy: string, rule = ''): number {
  const own = MET_STAGES.findIndex((one) => one.policy === policy && one.rule === rule)
  return own < 0 ? MET_STAGES.findIndex((one) => one.policy === policy) : own
}

/** Everything that could have decided, in order. */
function plannedFor(plan: MetPlan): Planned[] {
  return MET_STAGES.flatMap(({ met }) => met(plan))
}

/** Whether it bans callers or others that are no address: those are looked up when the caller is known. */
function isKeyed({ by }: ScenarioPlan): boolean {
  return by !== 'account' && (by.length > 1 || by[0]?.kind !== 'ip')
}

function stage(policy: string, where: Where = ''): Planned {
  return { policy, rule: '', where, shadow: false, detail: '' }
}

function item(policy: string, rule: string, where: Where, mode: 'enforce' | 'shadow', detail: string): Planned {
  return { policy, rule, where, shadow: mode === 'shadow', detail }
}

function limitItem({ name, where, mode, level }: LimitPlan): Planned {
  return item('limits', name, where, mode, level)
}

function ruleItem({ name, where, mode, level }: RulePlan): Planned {
  return item('authorize', name ?? '', where, mode, level)
}

function ipItem({ where, mode, level }: IpPlan): Planned {
  return item('ip', '', where, mode, level)
}

/**
 * Position of the link that ended the request; of a policy that has no link of its own one is put in. UNKNOWN when the
 * record doesn't tell.
 */
function decidingPlace(record: ChainRecord, planned: Planned[], { route }: MetPlan): number {
  const last = planned.length - 1
  if (record.decision === 'forward') return last
  if (record.decision === 'answer') {
    const by = answeredBy(record, route)
    return planned.findIndex(({ policy }) => policy === by)
  }
  // The client left: if an upstream had been asked, everything had passed.
  if (record.decision === 'abort') return record.target === '' ? UNKNOWN : last
  if (record.policy === '') return UNKNOWN
  const { policy, rule, where } = record
  const exact = planned.findIndex(
    (link) => link.policy === policy && link.rule === rule && !link.shadow && (where === '' || link.where === where)
  )
  if (exact >= 0) return exact
  // Such as a schema's line, where the chain has that of the policy it belongs to.
  const alike = planned.findLastIndex((link) => link.policy === policy && link.rule === rule && !link.shadow)
  if (alike >= 0 && policy !== 'ban') return alike
  const nameless = (link: Planned): boolean => link.policy === policy && link.rule === '' && link.where === ''
  // Bans of addresses are looked up before the route is known, those of callers after auth.
  const known = record.route === '' ? planned.findIndex(nameless) : planned.findLastIndex(nameless)
  if (known >= 0) return known
  const rank = rankOf(policy, rule)
  if (rank < 0) return UNKNOWN
  const behind = planned.findIndex((link) => rankOf(link.policy) > rank)
  const place = behind < 0 ? planned.length : behind
  planned.splice(place, 0, { policy, rule, where, shadow: false, detail: '' })
  return place
}

function answeredBy({ method, status }: ChainRecord, route: RoutePlan | null): string {
  if (route === null) return status === 308 ? 'redirect' : 'ready'
  const preflight = method === 'OPTIONS' && route.cors !== null && status === 204
  return preflight || route.action.kind === 'forward' ? 'cors' : 'respond'
}

function callerText({ authMethod, consumer, subject }: ChainRecord): string {
  return `${authMethod} ${consumer || subject}`.trim()
}

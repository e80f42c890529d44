/**
 * The whole chain of verdicts on a request that is over, from its record and the plan it met. A record names only who
 * decided; but the order is fixed (pipeline/index.ts), so whatever stands before that passed, and what stands behind was
 * not reached. Costs a request nothing: it is worked out when somebody asks.
 */
import type { IpPlan, ListenerPlan, RoutePlan, RulePlan, ScenarioPlan, ThreatsPlan, Where } from '../plan.ts'
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

/** In the order of the stages. `limits` stands twice among them: before auth, and after it for those that ask who calls. */
const ORDER = [
  'framing',
  'client',
  'listen',
  'redirect',
  'ready',
  'ban',
  'honeypot',
  'route',
  'ip',
  'cors',
  'websocket',
  'auth',
  'revocation',
  'external',
  'authorize',
  'limits',
  'validate',
  'respond',
  'upstream',
  'timeouts'
]

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
    return { ...link, verdict: 'pass', detail: policy === 'auth' ? callerText(record) : detail }
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

/** Everything that could have decided, in order. */
function plannedFor({ listener, gatewayIp, threats, route }: MetPlan): Planned[] {
  const planned = [stage('framing'), stage('client')]
  if (listener?.clientCertificates) planned.push(stage('listen', listener.clientCertificates.where))
  if (listener?.redirect) planned.push(stage('redirect'))
  if (listener?.ready) planned.push(stage('ready'))
  planned.push(item('ban', '', '', 'enforce', 'of addresses'), ...gatewayIp.map(ipItem))
  if (threats.honeypots.length > 0) planned.push(stage('honeypot'))
  planned.push(item('route', route?.name ?? '', route?.where ?? '', 'enforce', ''))
  if (route === null) return planned
  const limits = route.limits.map(({ name, where, mode, level, needsCaller }) => ({
    ...item('limits', name, where, mode, level),
    needsCaller
  }))
  planned.push(...route.ip.map(ipItem), ...limits.filter(({ needsCaller }) => !needsCaller))
  if (route.cors) planned.push(stage('cors', route.cors.where))
  planned.push(item('auth', '', route.auth.where, route.auth.mode, ''))
  if (!route.auth.public) planned.push(stage('revocation'))
  if (threats.scenarios.some(isKeyed)) planned.push(item('ban', '', '', 'enforce', 'of callers'))
  for (const { where, mode, level } of route.external ?? []) planned.push(item('external', '', where, mode, level))
  planned.push(...route.authorize.filter(({ readsBody }) => !readsBody).map(ruleItem))
  planned.push(
    ...limits.filter(({ needsCaller }) => needsCaller),
    item('validate', '', route.validate.where ?? '', 'enforce', '')
  )
  if (route.validateShadow) planned.push(item('validate', '', route.validateShadow.where ?? '', 'shadow', ''))
  planned.push(...route.authorize.filter(({ readsBody }) => readsBody).map(ruleItem))
  planned.push(stage(route.action.kind === 'respond' ? 'respond' : 'upstream', route.where))
  return planned
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
  const rank = ORDER.indexOf(policy)
  if (rank < 0) return UNKNOWN
  const behind = planned.findIndex((link) => ORDER.indexOf(link.policy) > rank)
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

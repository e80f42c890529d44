import { ClientAddress } from '../client/address.ts'
import { prepareAuth } from '../identity/authenticate.ts'
import { CallerDirectory } from '../identity/directory.ts'
import { RevocationIndex } from '../identity/revocations.ts'
import { wallMs } from '../memory/clock.ts'
import type { Limit } from '../limits/limiter.ts'
import { policyItem } from '../limits/headers.ts'
import { tierWeights } from '../limits/tier-weight.ts'
import type { Places } from '../plan/auth.ts'
import type { ConsumerPlan } from '../plan/consumer.ts'
import type { ConsumerIndex } from '../plan/packed-consumers.ts'
import type { LimitPlan } from '../plan/limit.ts'
import type { PlanHead } from '../plan/plan.ts'
import type { RevocationPlan } from '../plan/revocation.ts'
import type { RoutePlan } from '../plan/route.ts'
import type { ValidatePlan } from '../plan/validation.ts'
import { prepareRule, RuleCache } from '../policy/authorize.ts'
import { prepareCors } from '../policy/cors.ts'
import { prepareIp } from '../policy/ip.ts'
import { prepareKey } from '../policy/key.ts'
import { prepareRequestHeaders } from '../policy/request-headers.ts'
import { prepareResponseHeaders } from '../policy/response-headers.ts'
import { prepareValidation, SchemaModules, type PreparedValidation } from '../policy/validation/prepared.ts'
import { RouteTable } from '../routing/table.ts'
import type { Transport } from '../upstream/transport.ts'
import { prepareAction } from './action.ts'
import { prepareExternal } from './external-check.ts'
import { Same } from './same.ts'
import type { WorkerServices } from './services.ts'
import type { ListenerTable, PreparedLimit, PreparedRoute, Tables } from './tables.ts'
import { prepareThreats } from './threats.ts'
import { asksBodiless } from './validate.ts'

/** Gives way when it is time to: null to go on at once. */
export type Pace = () => Promise<void> | null

/** Takes a plan in parts and makes it executable: equal parts once, and in slices between which requests are served. */
export class TablesBuilder {
  readonly #head: PlanHead
  readonly #services: WorkerServices
  readonly #routes: RoutePlan[] = []
  readonly #directory = new CallerDirectory()
  readonly #revocations = new RevocationIndex()
  readonly #rules = new RuleCache()
  readonly #limits = new Map<string, PreparedLimit>()
  readonly #same = new Same()
  readonly #schemas: SchemaModules

  constructor(head: PlanHead, services: WorkerServices) {
    this.#head = head
    this.#schemas = new SchemaModules(head.schemas, head.openapi)
    this.#services = services
  }

  addConsumers(part: readonly ConsumerPlan[]): void {
    this.#directory.add(part)
  }

  /** See CallerDirectory. */
  addSealed(index: ConsumerIndex, read: () => ConsumerPlan[]): void {
    this.#directory.addSealed(index, read)
  }

  addRevocations(part: readonly RevocationPlan[]): void {
    for (const entry of part) this.#revocations.add(entry)
  }

  addRoutes(part: readonly RoutePlan[]): void {
    for (const route of part) this.#routes.push(route)
  }

  /** Rejects when the plan can't be made executable: a fault of the compiler, since it checked the same before. */
  async finish(pace: Pace): Promise<Tables> {
    const head = this.#head
    const transports = head.upstreams.map((upstream) => this.#services.transport(upstream))
    try {
      return await this.#finish(transports, pace)
    } catch (error) {
      this.#services.discard(head.upstreams)
      throw error
    }
  }

  async #finish(transports: readonly Transport[], pace: Pace): Promise<Tables> {
    const head = this.#head
    for (let i = 0; i < this.#schemas.size; i++) {
      this.#schemas.load(i)
      const pause = pace()
      if (pause !== null) await pause
    }
    const routes: PreparedRoute[] = []
    for (const plan of this.#routes) {
      const pause = pace()
      if (pause !== null) await pause
      routes.push(this.#route(plan, transports))
    }
    const listeners = head.listeners.map((plan): ListenerTable => ({
      plan,
      client: new ClientAddress(plan.client),
      connections:
        plan.client.connections === undefined ? null : this.#services.connections.prepare(plan.client.connections),
      proxyProtocol: plan.client.addressFrom.kind === 'proxy-protocol',
      asksCertificate: plan.clientCertificates !== null,
      redirectPort: plan.redirect?.port ?? 0
    }))
    const { beats } = this.#services
    return {
      head,
      services: this.#services,
      listeners,
      gatewayIp: head.gatewayIp.map(prepareIp),
      threats: prepareThreats(head.threats, this.#services.detector),
      routeTable: await RouteTable.build(this.#routes, pace),
      routes,
      directory: this.#directory,
      revocations: this.#revocations,
      transports,
      credentialParameters: new Set(routes.flatMap(({ auth }) => auth.reads.query.map((name) => name.toLowerCase()))),
      hidesUserAgent: head.redact.includes('user-agent'),
      plain: prepareResponseHeaders(NO_OPERATIONS, null),
      bindPorts: (ports) => bindPorts(listeners, ports),
      isReady: () => beats.isReady() && !beats.isDraining()
    }
  }

  #route(own: RoutePlan, transports: readonly Transport[]): PreparedRoute {
    const same = this.#same
    const plan = sharedParts(own, same)
    const { validate, validateShadow, headers, identity } = plan
    const auth = same.once('auth', plan.auth, () => prepareAuth(plan.auth, this.#directory))
    const { reads } = auth
    const cors = same.once('cors', plan.cors, () => (plan.cors === null ? null : prepareCors(plan.cors)))
    const limited = plan.limits.some(({ mode }) => mode === 'enforce')
    const pathNames = same.of(namesOf(plan.match.paths))
    const validation = (asked: ValidatePlan): PreparedValidation =>
      same.once('validation', [asked, pathNames], () => prepareValidation(asked, pathNames, this.#schemas))
    const levels = same.once('levels', [plan.ip, plan.limits, plan.authorize, reads], () => this.#levels(plan, reads))
    return {
      plan,
      ip: levels.ip,
      early: levels.early,
      auth,
      external: same.once('external', plan.external ?? [], () =>
        (plan.external ?? []).map((one) => prepareExternal(one, this.#head, transports))
      ),
      rules: levels.rules,
      bodyRules: levels.bodyRules,
      late: levels.late,
      validation: validation(validate),
      validationShadow: validateShadow ? validation(validateShadow) : null,
      validatesBodiless: asksBodiless(validate) || asksBodiless(validateShadow),
      validatesPaths: validate.openapi !== undefined || validateShadow?.openapi !== undefined,
      cors,
      requestHeaders: same.once('request headers', [headers.request, identity, reads], () =>
        prepareRequestHeaders(headers.request, identity, reads)
      ),
      responseHeaders: same.once('response headers', [headers, plan.cors, limited], () =>
        prepareResponseHeaders(headers, cors, limited)
      ),
      action: same.once('action', plan.action, () => prepareAction(plan, this.#head, transports))
    }
  }

  #levels(plan: RoutePlan, reads: Places): Pick<PreparedRoute, 'ip' | 'early' | 'rules' | 'bodyRules' | 'late'> {
    const limits = plan.limits.map((limit) => this.#limit(limit, reads))
    const rules = plan.authorize.map((rule) => prepareRule(rule, reads, this.#rules))
    return {
      ip: plan.ip.map(prepareIp),
      early: limits.filter(({ limit }) => !limit.plan.needsCaller),
      rules: rules.filter(({ when }) => when?.usesBody !== true),
      bodyRules: rules.filter(({ when }) => when?.usesBody === true),
      late: limits.filter(({ limit }) => limit.plan.needsCaller)
    }
  }

  /** Routes that inherit one limit share it: 10,000 routes under one gateway-wide limit prepare it once. */
  #limit(plan: LimitPlan, hidden: Places): PreparedLimit {
    const { tiers = [] } = plan
    // A tier's expression sees the route's names and not its credentials, so it is one for each set of those.
    const seen = tiers.some(({ rule }) => rule.when !== null) ? JSON.stringify([tiers[0]?.rule.pathNames, hidden]) : ''
    const name = `${plan.level}\0${plan.name}\0${seen}`
    const known = this.#limits.get(name)
    if (known !== undefined) return known
    const { limiter } = this.#services
    const item = (limit: Limit): string => (plan.mode === 'shadow' ? '' : policyItem(limit, wallMs()))
    const limit = limiter.prepare(plan)
    const [weight = 1, ...weights] = tierWeights([plan.amount, ...tiers.map(({ amount }) => amount)])
    const prepared = {
      limit,
      key: prepareKey(plan.by),
      policyItem: item(limit),
      weight,
      tiers: tiers.map(({ rule, amount }, i) => {
        const own = amount === null ? null : limiter.prepare(plan, amount)
        return {
          rule: prepareRule(rule, hidden, this.#rules),
          limit: own,
          policyItem: own === null ? '' : item(own),
          weight: weights[i] ?? 1
        }
      })
    }
    this.#limits.set(name, prepared)
    return prepared
  }
}

/** A plan of the same words, whose parts are those of the routes before it where they are equal. */
function sharedParts(plan: RoutePlan, same: Same): RoutePlan {
  const { match } = plan
  return {
    ...plan,
    labels: same.of(plan.labels),
    match: {
      ...match,
      hosts: same.of(match.hosts),
      methods: same.of(match.methods),
      headers: same.of(match.headers),
      listeners: same.of(match.listeners)
    },
    action: same.of(plan.action),
    ip: same.of(plan.ip),
    auth: same.of(plan.auth),
    authorize: same.of(plan.authorize),
    limits: same.of(plan.limits),
    validate: same.of(plan.validate),
    cors: same.of(plan.cors),
    identity: same.of(plan.identity),
    headers: same.of(plan.headers),
    timeouts: same.of(plan.timeouts)
  }
}

/** The `{x}` of patterns. */
function namesOf(paths: readonly string[]): string[] {
  return [...new Set(paths.flatMap((path) => path.match(/(?<=\{)[^{}*]+(?=\})/g) ?? []))]
}

const NONE = { remove: [], rename: [], set: [], default: [], append: [] }
const NO_OPERATIONS = { security: false, request: NONE, response: NONE }

/** A redirect to a TLS listener on port 0 learns its port once that is bound. */
function bindPorts(listeners: readonly ListenerTable[], ports: readonly number[]): void {
  const tls = listeners.findIndex(({ plan }) => plan.tls)
  for (const listener of listeners) {
    const { redirect } = listener.plan
    if (redirect !== null && redirect.port === 0) listener.redirectPort = ports[tls] ?? 0
  }
}

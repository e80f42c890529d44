/**
 * `tests`: the policy's own unit tests, at the root and in services. What no configuration could fulfil (a route that
 * isn't there, an `iss` of nobody) is an error here, wherever the configuration is read; whether a test passes is
 * found out by `gatehouse check` alone.
 */
import type { Config, PoliciesConfig, PolicyTestConfig } from '../config/schema.ts'
import { didYouMean } from '../config/names.ts'
import type { DescribedRequest, Expectation, PolicyTest } from '../../policy-test.ts'
import { RESERVED } from '../../threats/tag.ts'
import { BUILT_IN_SCENARIOS } from './built-in-threats.ts'
import { certificateName } from './consumers.ts'
import type { Path, Report } from './report.ts'

type RequestConfig = PolicyTestConfig['request']
type ExpectConfig = PolicyTestConfig['expect']

/** Who may be said to decide: stages before any policy, then policies in their order. */
const DECIDERS = [
  'framing',
  'client',
  'listen',
  'ban',
  'honeypot',
  'route',
  'ip',
  'limits',
  'cors',
  'websocket',
  'auth',
  'revocation',
  'external',
  'authorize',
  'validate'
]

const USUAL_ADDRESS = '192.0.2.1'
const LOWEST_REFUSAL = 400

/** All tests of a configuration: the root's, then those of its services in their order. */
export function compileTests(config: Config, report: Report): PolicyTest[] {
  const compiler = new Tests(config, report)
  return [
    ...compiler.all(config.tests, ['tests']),
    ...config.services.flatMap((service, i) => compiler.all(service.tests, ['services', i, 'tests']))
  ]
}

class Tests {
  readonly #report: Report
  readonly #issuers: ReadonlySet<string>
  readonly #routes: ReadonlySet<string>
  readonly #upstreams: ReadonlySet<string>
  readonly #rules: ReadonlySet<string>

  constructor(config: Config, report: Report) {
    this.#report = report
    this.#issuers = new Set((config.issuers ?? []).flatMap(({ name, issuer }) => [issuer, name]))
    this.#routes = new Set(
      config.services.flatMap(({ name, routes }) => routes.map((route) => `${name}.${route.name}`))
    )
    this.#upstreams = new Set([
      ...(config.upstreams ?? []).map(({ name }) => name),
      ...config.services.filter(({ upstream }) => typeof upstream !== 'string').map(({ name }) => `service:${name}`)
    ])
    this.#rules = new Set([...policiesOf(config).flatMap(rulesOf), ...bansOf(config)])
  }

  all(tests: readonly PolicyTestConfig[] | undefined, path: Path): PolicyTest[] {
    return (tests ?? []).map((test, i) => this.#test(test, [...path, i]))
  }

  #test({ name, request, expect }: PolicyTestConfig, path: Path): PolicyTest {
    return {
      name,
      request: this.#request(request, [...path, 'request']),
      repeat: request.repeat ?? 1,
      expect: this.#expectation(expect, [...path, 'expect']),
      incomplete: this.#holdsPlaceholder({ request, expect }, path),
      where: this.#report.where(path)
    }
  }

  #request(request: RequestConfig, path: Path): DescribedRequest {
    const headers = Object.entries(request.headers ?? {}).map(([name, value]): [string, string] => [name, value])
    const { body, claims } = request
    if (body !== undefined && typeof body === 'object' && !headers.some(([name]) => /^content-type$/i.test(name))) {
      headers.push(['content-type', 'application/json'])
    }
    if (claims) this.#checkIssuer(claims['iss'], [...path, 'claims', 'iss'])
    return {
      method: request.method ?? 'GET',
      url: request.url,
      headers,
      body: body === undefined ? null : typeof body === 'string' ? body : JSON.stringify(body),
      as: request.as ?? null,
      claims: claims ?? null,
      certificate: request.certificate === undefined ? null : namesOf(request.certificate.san),
      ip: request.ip ?? USUAL_ADDRESS,
      time: request.time === undefined ? null : Date.parse(request.time),
      listener: request.listener ?? null
    }
  }

  #checkIssuer(iss: unknown, path: Path): void {
    if (iss === undefined || this.#report.isPlaceholder(path)) return
    if (typeof iss !== 'string') return this.#report.error(path, 'expected an issuer of issuers')
    this.#checkKnown(iss, this.#issuers, 'issuer has the name or the iss', path)
  }

  #expectation(expect: ExpectConfig, path: Path): Expectation {
    this.#checkDecision(expect, path)
    const { decision, status, route, policy, rule, upstream, headers, shadow } = expect
    if (route !== undefined) this.#checkKnown(route, this.#routes, 'route is called', [...path, 'route'])
    if (policy !== undefined)
      this.#checkKnown(policy, new Set(DECIDERS), 'policy or stage is called', [...path, 'policy'])
    if (rule !== undefined) this.#checkKnown(rule, this.#rules, 'rule, limit or ban is called', [...path, 'rule'])
    if (upstream !== undefined) this.#checkKnown(upstream, this.#upstreams, 'upstream is called', [...path, 'upstream'])
    const shadows = new Set([...this.#rules, ...DECIDERS])
    shadow?.forEach((name, i) =>
      this.#checkKnown(name, shadows, 'policy, rule, limit or ban is called', [...path, 'shadow', i])
    )
    return {
      decision,
      status: status ?? null,
      route: route ?? null,
      policy: policy ?? null,
      rule: rule ?? null,
      upstream: upstream ?? null,
      headers: Object.entries(headers ?? {}).map(([name, value]) => [
        name.toLowerCase(),
        value === 'none' ? null : value
      ]),
      shadow: shadow ?? []
    }
  }

  /** What only goes with another decision would never be looked at, or never hold. */
  #checkDecision({ decision, status, policy, rule, upstream }: ExpectConfig, path: Path): void {
    const report = this.#report
    if (decision === 'deny' && status === undefined)
      report.error([...path, 'decision'], 'deny needs the status that the caller gets: status: 403')
    if (decision === 'deny' && status !== undefined && status < LOWEST_REFUSAL)
      report.error([...path, 'status'], `a refusal’s status is ${LOWEST_REFUSAL} or more`)
    if (decision === 'forward' && status !== undefined)
      report.error([...path, 'status'], 'what is forwarded gets its status from the upstream: status goes with deny')
    if (decision === 'forward' && policy !== undefined)
      report.error([...path, 'policy'], 'no policy stops what is forwarded: policy goes with deny')
    if (decision !== 'deny' && rule !== undefined)
      report.error([...path, 'rule'], 'no rule stops what goes through: rule goes with deny')
    if (decision !== 'forward' && upstream !== undefined)
      report.error([...path, 'upstream'], 'no upstream is asked then: upstream goes with forward')
  }

  #checkKnown(name: string, known: ReadonlySet<string>, what: string, path: Path): void {
    if (known.has(name) || this.#report.isPlaceholder(path)) return
    this.#report.error(path, `no ${what} ${JSON.stringify(name)}${didYouMean(name, known)}`)
  }

  #holdsPlaceholder(value: unknown, path: Path): boolean {
    if (typeof value !== 'object' || value === null) return this.#report.isPlaceholder(path)
    return Object.entries(value).some(([key, member]) =>
      this.#holdsPlaceholder(member, [...path, Array.isArray(value) ? Number(key) : key])
    )
  }
}

function namesOf(san: string | string[]): string[] {
  return (typeof san === 'string' ? [san] : san).map(certificateName)
}

/** Of every level. */
function policiesOf(config: Config): PoliciesConfig[] {
  return [
    config.policies,
    ...(config.profiles ?? []).map(({ policies }) => policies),
    ...config.services.flatMap(({ policies, routes }) => [policies, ...routes.map((route) => route.policies)])
  ].filter((policies) => policies !== undefined)
}

/** Names of all that bans. */
function bansOf({ threats }: Config): string[] {
  const own = threats?.bans === undefined || threats.bans === 'none' ? [] : threats.bans
  return [...own.map(({ name }) => name), ...BUILT_IN_SCENARIOS.map(({ name }) => name), ...RESERVED]
}

/** Names of its limits and rules. */
function rulesOf({ authorize, limits }: PoliciesConfig): string[] {
  const rules =
    authorize === undefined || authorize === 'none' ? [] : Array.isArray(authorize) ? authorize : [authorize]
  const counted = limits === undefined || limits === 'none' ? [] : limits
  return [...rules, ...counted].map(({ name }) => name).filter((name) => name !== undefined)
}

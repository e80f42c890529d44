/** `upstreams`, and those written inside a service: where requests are sent. */
import type { Config, InlineUpstreamConfig, ServiceConfig } from '../config/schema.ts'
import type { TargetPlan, UpstreamPlan } from '../../plan/upstream.ts'
import type { Destination } from './actions.ts'
import { duration, upstreamUrl } from './checked.ts'
import type { Path, Report } from './report.ts'

const CONNECT_TIMEOUT = 1000
const RESPONSE_TIMEOUT = 10_000
const IDLE_TIMEOUT = 60_000
const CONNECTIONS = 256
/** One request after the other: more is a decision of trust that only the owner can make. */
const PIPELINING = 1

/**
 * To an issuer's introspection endpoint, per worker and in ms: few and short, so that an issuer that is slow to answer
 * has its own callers wait and nobody else.
 */
const INTROSPECTION = {
  timeouts: { connect: 1000, response: 5000, idle: 5000 },
  connections: { max: 16, pipelining: PIPELINING }
}

/** Per worker. A decision takes milliseconds: more at once would only queue at the service. */
const EXTERNAL_CONNECTIONS = 64
/** No policy waits longer; its own `timeout` ends each question sooner. */
const EXTERNAL_TIMEOUTS = { connect: 60_000, response: 60_000, idle: 60_000 }

/** What an upstream, or the defaults under all of them, may say besides its targets. */
type Settings = Omit<InlineUpstreamConfig, 'targets'>

/** The upstreams of one configuration. */
export class Upstreams {
  /** Those of `upstreams`, then the services' own, called `service:<name>`. */
  readonly plans: UpstreamPlan[] = []
  readonly #positions = new Map<string, number>()
  readonly #defaults: Settings
  readonly #report: Report

  constructor(config: Config, report: Report) {
    this.#defaults = config.defaults?.upstream ?? {}
    this.#report = report
    config.upstreams?.forEach((upstream, i) => {
      this.#positions.set(upstream.name, this.#add(upstream.name, upstream, upstream.targets, ['upstreams', i]))
    })
  }

  /** Where the requests of a service go; null when it says neither url nor upstream. */
  ofService(service: ServiceConfig, path: Path): Destination | null {
    const own = `service:${service.name}`
    if (service.url !== undefined) {
      const at = [...path, 'url']
      const upstream = this.#add(own, {}, [{ url: service.url }], at)
      return { upstream, basePath: upstreamUrl(service.url).basePath }
    }
    if (service.upstream === undefined) return null
    const at = [...path, 'upstream']
    if (typeof service.upstream !== 'string')
      return { upstream: this.#add(own, service.upstream, service.upstream.targets, at), basePath: '' }
    const upstream = this.#positions.get(service.upstream)
    return upstream === undefined ? null : { upstream, basePath: '' }
  }

  /** Connections to where an issuer is asked about its tokens. */
  ofIntrospection(issuer: string, origin: string, path: Path): number {
    const plan = { name: `issuer:${issuer}`, targets: [compileTarget(origin)], ...INTROSPECTION }
    return this.plans.push({ ...plan, where: this.#report.where(path) }) - 1
  }

  /** Connections to the service of an `external` policy: one set for all that ask the same origin. */
  external(url: string, path: Path): number {
    const { origin } = upstreamUrl(url)
    const name = `external:${origin}`
    const known = this.#positions.get(name)
    if (known !== undefined) return known
    const upstream =
      this.plans.push({
        name,
        targets: [compileTarget(origin)],
        timeouts: EXTERNAL_TIMEOUTS,
        connections: { max: EXTERNAL_CONNECTIONS, pipelining: PIPELINING },
        where: this.#report.where(path)
      }) - 1
    this.#positions.set(name, upstream)
    return upstream
  }

  #add(name: string, settings: Settings, targets: InlineUpstreamConfig['targets'], path: Path): number {
    const timeouts = { ...this.#defaults.timeouts, ...settings.timeouts }
    const connections = { ...this.#defaults.connections, ...settings.connections }
    const time = (written: string | undefined, fallback: number): number =>
      written === undefined ? fallback : duration(written)
    return (
      this.plans.push({
        name,
        targets: targets.map(({ url }) => compileTarget(url)),
        timeouts: {
          connect: time(timeouts.connect, CONNECT_TIMEOUT),
          response: time(timeouts.response, RESPONSE_TIMEOUT),
          idle: time(timeouts.idle, IDLE_TIMEOUT)
        },
        connections: { max: connections.max ?? CONNECTIONS, pipelining: connections.pipelining ?? PIPELINING },
        where: this.#report.where(path)
      }) - 1
    )
  }
}

function compileTarget(url: string): TargetPlan {
  const { origin, tls, host, port } = upstreamUrl(url)
  return { origin, tls, host, port }
}

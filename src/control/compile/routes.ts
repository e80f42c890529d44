/** Services and their routes: each with what all levels say of it, merged. */
import { conflictText, findConflicts } from '../../routing/conflicts.ts'
import type { Config, RouteConfig, ServiceConfig } from '../config/schema.ts'
import type { AuthPlan, Places } from '../../plan/auth.ts'
import type { ListenerPlan } from '../../plan/listener.ts'
import type { RoutePlan } from '../../plan/route.ts'
import { compileAction, type Destination } from './actions.ts'
import { Authentication } from './auth.ts'
import { Rules } from './authorize.ts'
import { compileCors } from './cors.ts'
import { compileExternal } from './external.ts'
import { compileHeaders } from './headers.ts'
import { compileRouteIp } from './ip.ts'
import { Levels, reportDrops, type Block } from './levels.ts'
import { Limits } from './limits.ts'
import { compileMatch } from './match.ts'
import type { Path, Report } from './report.ts'
import { compileIdentity } from './identity.ts'
import { compileTimeouts } from './settings.ts'
import type { Upstreams } from './upstreams.ts'
import { compileValidate, type Compilers } from './validate.ts'

const NOWHERE: Places = { header: [], cookie: [], query: [] }

/** A route's place in the configuration, for whoever shows what it says. */
export interface RouteSource {
  path: Path
  /** Outermost first. */
  blocks: readonly Block[]
}

interface Surroundings {
  config: ServiceConfig
  path: Path
  destination: Destination | null
}

/** Compiles the routes of a configuration; those with errors are reported and left out. */
export class Routes {
  readonly plans: RoutePlan[] = []
  /** By position in `plans`. */
  readonly sources: RouteSource[] = []
  readonly #listeners: readonly ListenerPlan[]
  readonly #report: Report
  readonly #auth: Authentication
  readonly #rules: Rules
  readonly #limits: Limits
  readonly #upstreams: Upstreams
  readonly #compilers: Compilers

  constructor(
    config: Config,
    levels: Levels,
    listeners: readonly ListenerPlan[],
    upstreams: Upstreams,
    compilers: Compilers,
    report: Report
  ) {
    this.#compilers = compilers
    this.#listeners = listeners
    this.#report = report
    this.#auth = new Authentication(
      config.issuers ?? [],
      report,
      listeners.some(({ clientCertificates }) => clientCertificates !== null)
    )
    this.#rules = new Rules(report)
    this.#limits = new Limits(report, config.cluster !== undefined)
    this.#upstreams = upstreams
    config.services.forEach((service, i) => {
      const path = ['services', i]
      const around = { config: service, path, destination: upstreams.ofService(service, path) }
      const outer = levels.ofService(service, path)
      service.routes.forEach((route, j) => {
        const at = [...path, 'routes', j]
        this.#add(around, route, levels.ofRoute(outer, `${service.name}.${route.name}`, route, at), at)
      })
    })
    this.#reportConflicts()
  }

  #add(service: Surroundings, config: RouteConfig, blocks: readonly Block[], path: Path): void {
    const report = this.#report
    const name = `${service.config.name}.${config.name}`
    const match = compileMatch(
      { match: config.match, path: [...path, 'match'] },
      { match: service.config.match, path: [...service.path, 'match'] },
      name,
      this.#listeners,
      report
    )
    const auth = this.#auth.ofRoute(blocks, name, path)
    reportDrops(blocks, report)
    if (!match) return
    const route = { name, config, path, match: match.plan, scope: match.certain }
    const action = compileAction(route, service.destination, report)
    const credentials = auth ? credentialsOf(auth) : NOWHERE
    const identity = compileIdentity(blocks, { name, service: service.config.name, credentials }, report)
    const external = compileExternal(blocks, { name, identity, credentials }, this.#upstreams, report)
    const { enforced, shadow } = compileValidate(blocks, this.#compilers, report)
    // Even without an answer to who may call, the rest is compiled for its errors: all are shown at once.
    const open = auth?.public ?? false
    const guarded = { name, public: open, names: match.possible, credentials, body: enforced.body !== undefined }
    const plan = {
      index: this.plans.length,
      name,
      service: service.config.name,
      labels: service.config.labels ?? {},
      match: match.plan,
      ip: compileRouteIp(blocks, report),
      ...(external.length > 0 ? { external } : {}),
      authorize: this.#rules.ofRoute(blocks, guarded),
      limits: this.#limits.ofRoute(blocks, { ...guarded, certain: match.certain }),
      validate: enforced,
      ...(shadow ? { validateShadow: shadow } : {}),
      cors: compileCors(blocks, name, match.plan.methods, report),
      identity,
      headers: compileHeaders(blocks, { name, scope: match.certain, identity }, report),
      timeouts: compileTimeouts(blocks),
      where: report.where(path)
    }
    if (!auth || !action) return
    this.plans.push({ ...plan, action, auth })
    this.sources.push({ path, blocks })
  }

  #reportConflicts(): void {
    for (const conflict of findConflicts(this.plans)) {
      const [first, second] = [this.plans[conflict.a], this.plans[conflict.b]]
      const source = this.sources[conflict.b]
      if (first && second && source)
        this.#report.error([...source.path, 'match'], conflictText(conflict, first, second))
    }
  }
}

/** Everywhere a route's `auth` reads a credential. */
export function credentialsOf({ jwt, key }: AuthPlan): Places {
  const both = (place: keyof Places): string[] => [...new Set([...(jwt?.[place] ?? []), ...(key?.[place] ?? [])])]
  return { header: both('header'), cookie: both('cookie'), query: both('query') }
}

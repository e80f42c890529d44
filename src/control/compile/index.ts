/**
 * From a checked configuration to the frozen plan of src/plan. The schema has looked at each value by itself; here is
 * what several of them mean together: levels merged, references followed, certificates and keys read, expressions and
 * patterns compiled, units converted. Every problem is found in one pass, and none stops the search for others.
 */
import { join, resolve } from 'node:path'
import type { Finding, Loaded } from '../config/result.ts'
import { parseAddress } from '../config/units.ts'
import type { Plan } from '../../plan/plan.ts'
import type { PolicyTest } from '../../policy-test.ts'
import { compileAdmin } from './admin.ts'
import { compileCertificates } from './certificates.ts'
import { compileCluster } from './cluster.ts'
import { ConsumerKeys } from './consumer-keys.ts'
import { compileConsumers } from './consumers.ts'
import { digestOf } from './digest.ts'
import { Documents } from './documents.ts'
import { compileGatewayIp } from './ip.ts'
import { Issuers } from './issuers.ts'
import { Levels } from './levels.ts'
import { compileListeners } from './listeners.ts'
import { compileLog, redactedHeaders } from './log.ts'
import { OpenApiDocuments } from './openapi.ts'
import { effectiveLines, type EffectiveLine } from './origins.ts'
import { Report } from './report.ts'
import { compileRevocations } from './revocations.ts'
import { Routes } from './routes.ts'
import { Schemas } from './schemas.ts'
import { compileTests } from './tests.ts'
import { compileCrowdsec, compileThreats } from './threats.ts'
import { Upstreams } from './upstreams.ts'

export type { EffectiveLine }

export interface CompileOptions {
  /** Counts up from 1. */
  generation: number
  /** Absolute; see `stateDirOf`. */
  stateDir: string
  /** False: certificates are checked but not copied into the state directory, as `check` and `explain` want it. */
  writeFiles: boolean
}

export interface Compiled {
  /** null when there are errors. */
  plan: Plan | null
  /** Errors and warnings, all of them. */
  findings: Finding[]
  /** Places where a nearer level takes back what a farther one says, or a check is switched off. For `check`, `diff`. */
  widenings: Finding[]
  /** Absolute paths of the files read besides those of the configuration: to be watched. Found or not. */
  files: string[]
  /** What the configuration says must come of some requests; run by whoever wants to know, see pipeline/policy-tests.ts. */
  tests: PolicyTest[]
  /** What holds for the route at a position in `plan.routes`, each line with where it comes from. For `show`. */
  linesOf(route: number): EffectiveLine[]
}

/** Compiles what `loadConfig` read. Never throws for what is wrong with a configuration: that is in `findings`. */
export function compilePlan(loaded: Loaded, options: CompileOptions): Compiled {
  const { config } = loaded
  const report = new Report(
    (path) => loaded.where(path),
    (path) => loaded.isPlaceholder(path),
    (path) => loaded.isSecret(path)
  )
  const documents = new Documents(report, (path) => loaded.dirOf(path))

  const levels = new Levels(config)
  const copies = {
    documents,
    report,
    directory: join(options.stateDir, 'tls'),
    writeFiles: options.writeFiles,
    now: Date.now()
  }
  const listeners = compileListeners(config, copies)
  const certificates = compileCertificates(config.tls?.certificates ?? [], ['tls', 'certificates'], copies)
  const upstreams = new Upstreams(config, report)
  const issuers = new Issuers(config.issuers ?? [], documents, upstreams, report)
  const consumers = compileConsumers(config.consumers ?? [], issuers.plans, new ConsumerKeys(documents, report), report)
  const schemas = new Schemas(loaded.dirOf([]), documents, report)
  const openapi = new OpenApiDocuments(schemas, documents, report)
  const routes = new Routes(config, levels, listeners, upstreams, { schemas, openapi }, report)
  const tests = compileTests(config, report)

  const plan: Omit<Plan, 'digest'> = {
    generation: options.generation,
    listeners,
    certificates,
    gatewayIp: compileGatewayIp(levels.gateway, report),
    threats: compileThreats(config, { listeners, routes: routes.plans }, report),
    crowdsec: compileCrowdsec(config, report),
    issuers: issuers.plans,
    upstreams: upstreams.plans,
    log: compileLog(config.log, documents),
    // The checker has read it once already.
    metrics: config.metrics ? parseAddress(config.metrics.address) : null,
    admin: compileAdmin(config.admin),
    redact: redactedHeaders(config.log, routes.plans),
    schemas: schemas.modules,
    openapi: openapi.plans,
    cluster: compileCluster(config.cluster, documents, report),
    routes: routes.plans,
    consumers,
    revocations: compileRevocations(config.revocations ?? [], report, Date.now())
  }
  return {
    plan: report.failed ? null : { ...plan, digest: digestOf(plan, issuers.contents) },
    findings: report.findings(),
    widenings: report.widenings(),
    files: documents.files,
    tests,
    linesOf(route) {
      const source = routes.sources[route]
      return source ? effectiveLines(source.blocks, loaded) : []
    }
  }
}

/** Absolute path of `state.dir`; by default `var` beside the configuration file. */
export function stateDirOf(loaded: Loaded): string {
  const dir = loaded.config.state?.dir
  return dir === undefined ? join(loaded.dirOf([]), 'var') : resolve(loaded.dirOf(['state', 'dir']), dir)
}

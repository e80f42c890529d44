import type { Beats } from '../memory/beats.ts'
import type { PlanBody } from '../plan/plan.ts'
import { gatehouseVersion } from '../version.ts'
import type { LastReload, StatusReport } from './admin/report.ts'
import type { Defence } from './bans/defence.ts'
import type { ClusterLink } from './cluster/link.ts'
import type { Durable } from './durable.ts'
import type { KeyStore } from './keys/key-store.ts'
import type { Observation } from './observation.ts'
import type { WorkerStates } from './worker-states.ts'

/** Whom `gatehouse status` asks. What is null has not come up yet, or is not in the configuration. */
export interface StatusSources {
  configName: string
  startedAt: Date
  /** What serves, and since when. */
  plan: PlanBody | null
  since: Date | null
  ports: readonly number[]
  adminPort: number | null
  lastReload: LastReload | null
  beats: Beats
  workers: WorkerStates
  keys: KeyStore | null
  durable: Durable
  cluster: ClusterLink | null
  defence: Defence
  observation: Observation
}

export function statusOf(sources: StatusSources): StatusReport {
  const { plan, ports, adminPort, beats, durable } = sources
  return {
    version: gatehouseVersion(),
    pid: process.pid,
    startedAt: sources.startedAt.toISOString(),
    configFile: sources.configName,
    generation: plan?.generation ?? 0,
    digest: plan?.digest ?? '',
    since: sources.since?.toISOString() ?? null,
    ready: beats.isReady() && !beats.isDraining(),
    draining: beats.isDraining(),
    workers: sources.workers.report(beats),
    listeners: (plan?.listeners ?? []).map(({ name, host, tls }, i) => ({ name, host, tls, port: ports[i] ?? 0 })),
    admin: plan?.admin ? { host: plan.admin.host, port: adminPort ?? 0, tls: plan.admin.tls } : null,
    issuers: (sources.keys?.status() ?? []).map(({ issuer, keys, age, stale, error }) => ({
      name: issuer,
      keys,
      keyAge: age,
      stale,
      error
    })),
    certificates: (plan?.certificates ?? []).map(({ hosts, notAfter }) => ({
      hosts,
      notAfter: new Date(notAfter).toISOString()
    })),
    store: durable.store?.health() ?? null,
    firewall: sources.defence.firewall.report(),
    crowdsec: sources.defence.crowdsec.report(),
    limitTables: sources.observation.limitTables(),
    revocations: durable.revocations?.counts() ?? null,
    cluster: sources.cluster?.report() ?? null,
    lastReload: sources.lastReload
  }
}

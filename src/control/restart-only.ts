import type { PlanBody } from '../plan/plan.ts'

/** What a running process can't change: its ports and its state. @returns the first that differs, by its key. */
export function restartOnly(before: PlanBody, after: PlanBody, stateBefore: string, stateAfter: string): string | null {
  if (stateBefore !== stateAfter) return 'state.dir'
  const key = (plan: PlanBody): string =>
    JSON.stringify(plan.listeners.map(({ name, host, port, tls }) => [name, host, port, tls]))
  if (key(before) !== key(after)) return 'listen'
  if (JSON.stringify(before.cluster) !== JSON.stringify(after.cluster)) return 'cluster'
  if (JSON.stringify(before.metrics) !== JSON.stringify(after.metrics)) return 'metrics.address'
  const door = ({ admin }: PlanBody): string =>
    admin === null ? '' : JSON.stringify([admin.host, admin.port, admin.tls])
  return door(before) === door(after) ? null : 'admin'
}

import type { StrictStore } from '../cluster/strict-store.ts'
import { newLimitVerdict, type Limit, type LimitVerdict, type OpenCost } from '../limits/limiter.ts'
import { questionOf, storeKeyOf, tell } from '../limits/shared.ts'
import { wallMs } from '../memory/clock.ts'
import { COUNTER } from '../memory/counters.ts'
import { refuse, type Refusal } from '../problems.ts'
import type { Exchange } from './exchange.ts'

/**
 * Asks the store about one request. Its answer is charged to this host's own table as well, so that a host which must
 * decide alone a moment later knows at least what it let in itself.
 *
 * @returns null when no answer came: `onFailure` decides then
 */
export async function askStore(x: Exchange, store: StrictStore, key: OpenCost): Promise<LimitVerdict | null> {
  const { limiter, counters, monotonic, prefix, verdict } = x.tables.services
  const { limit } = key
  const wall = wallMs()
  counters.add(COUNTER.strictDecisions)
  const answer = await store.ask(storeKeyOf(prefix, limit.counted, key, wall), questionOf(limit, wall))
  if (answer === null) {
    counters.add(COUNTER.strictFailures)
    return null
  }
  const told = newLimitVerdict()
  tell(limit, answer, wall, told)
  if (told.admitted) limiter.chargeHere(key, limit.plan.cost?.units ?? 1, monotonic(), verdict)
  else counters.add(COUNTER.limitRefusals)
  return told
}

/** What holds for a limit of the cluster while the store is away: null, this host's own count. */
export function withoutStore(x: Exchange, { plan }: Limit, trouble: string): 'admit' | Refusal | null {
  const { name, where, cluster } = plan
  if (cluster === undefined || cluster.onFailure === 'local') return null
  const reason = `limit ${name}: the store of the cluster is away (${trouble})`
  if (cluster.onFailure === 'open') {
    x.note('limits', 'pass', 'limits', name, where, reason)
    return 'admit'
  }
  return refuse('limit-unavailable', 'limits', reason, { rule: name, where, headers: ['retry-after', '1'] })
}

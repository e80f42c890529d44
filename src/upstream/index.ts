import type { UpstreamPlan } from '../plan/upstream.ts'
import type { Transport, UpstreamCounts } from './transport.ts'
import { WireTransport } from './wire/transport.ts'

/**
 * The transport for an upstream of the plan; throws when it has no target. Connects to nothing yet. undici.ts is the
 * reference that wire is tested against; a worker never loads it, which spares each of them 100 ms at its start.
 */
export function createTransport(plan: UpstreamPlan, counts: UpstreamCounts): Transport {
  return new WireTransport(plan, counts)
}

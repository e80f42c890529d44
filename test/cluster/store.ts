/** A connection to a Redis of the test's own, as a host has it. */
import { Connection } from '../../src/cluster/connection.ts'
import type { ClusterPlan } from '../../src/plan/cluster.ts'
import type { RedisServer } from '../e2e/cluster/redis-server.ts'
import type { Owner } from '../e2e/gateway.ts'
import { PATIENCE } from '../e2e/patience.ts'

export function planOf({ port }: RedisServer, more: Partial<ClusterPlan> = {}): ClusterPlan {
  return {
    kind: 'single',
    addresses: [{ host: '127.0.0.1', port }],
    master: '',
    tls: null,
    username: '',
    password: '',
    sentinelPassword: '',
    database: 0,
    prefix: 'test',
    secret: '',
    interval: 50,
    timeout: 10_000,
    where: 'g.yaml:1:1',
    ...more
  }
}

/** Changes of its state go to `states`, `up` or why not; what it finds to hash with to `seeds`. */
export async function connected(
  t: Owner,
  plan: ClusterPlan,
  told: { states?: string[]; seeds?: string[]; seed?: string } = {}
): Promise<Connection> {
  const { states = [], seeds = [], seed = '00112233445566778899aabbccddeeff' } = told
  const connection = new Connection(plan, () => seed, plan.timeout, {
    changed: (up, reason) => states.push(up ? 'up' : reason),
    seed: (found) => seeds.push(found)
  })
  t.teardown(() => connection.close())
  for (const until = Date.now() + PATIENCE; !connection.up; await new Promise((resolve) => setTimeout(resolve, 10)))
    if (Date.now() > until) throw new Error(`not connected: ${connection.trouble}`)
  return connection
}

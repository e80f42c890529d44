/** Two hosts' shared memory and exchanges on a real store, in one thread: what each learns of the other, and when in doubt. */
import t, { type Test } from 'tap'
import { LimitExchange } from '../../../src/control/cluster/exchange.ts'
import { Limiter, newLimitVerdict, type Limit } from '../../../src/limits/limiter.ts'
import { monotonicNs } from '../../../src/memory/clock.ts'
import { Counters } from '../../../src/memory/counters.ts'
import { allocateShared, clusterHeard, setClusterSeed } from '../../../src/memory/shared.ts'
import type { AmountPlan, LimitPlan } from '../../../src/plan/limit.ts'
import type { Plan } from '../../../src/plan/plan.ts'
import { connected, planOf } from '../../cluster/store.ts'
import { noRedis, startRedis, type RedisServer } from '../../e2e/cluster/redis-server.ts'

if (noRedis) {
  t.plan(0, noRedis)
  process.exit(0)
}

const AMOUNTS: readonly AmountPlan[] = [
  { kind: 'rate', count: 100, period: 3_600_000, burst: 100 },
  { kind: 'sliding', count: 100, period: 3_600_000 },
  { kind: 'quota', count: 100, per: 'month' }
]

interface Host {
  exchange: LimitExchange
  heard: () => boolean
  /** How many of so many requests are admitted. */
  ask(times: number): number
}

async function hosts(t: Test, amount: AmountPlan): Promise<[RedisServer, Host, Host]> {
  const redis = await startRedis(t)
  const plan: LimitPlan = {
    name: 'l',
    level: 'gateway',
    by: [{ kind: 'all' }],
    amount,
    cluster: { strict: false, onFailure: 'local' },
    needsCaller: false,
    mode: 'enforce',
    where: 'g.yaml:1:1'
  }
  const host = async (): Promise<Host> => {
    const memory = allocateShared({ workers: 1, limitSlots: 1024, ringBytes: 1 << 16 })
    setClusterSeed(memory, new Uint8Array(16))
    const exchange = new LimitExchange(planOf(redis), memory, await connected(t, planOf(redis)))
    exchange.use({ routes: [{ limits: [plan] }] } as unknown as Plan, false)
    const limiter = new Limiter(memory, 0, new Counters(memory, 0))
    const limit: Limit = limiter.prepare(plan)
    const verdict = newLimitVerdict()
    return {
      exchange,
      heard: clusterHeard(memory),
      ask: (times) => {
        let admitted = 0
        for (let i = 0; i < times; i++) {
          limiter.take(limit, 'all', false, monotonicNs(), verdict)
          if (verdict.admitted) admitted++
        }
        return admitted
      }
    }
  }
  return [redis, await host(), await host()]
}

for (const amount of AMOUNTS) {
  t.test(`${amount.kind}: the sum is one limit's, exchange by exchange`, async (t) => {
    const [, a, b] = await hosts(t, amount)
    t.equal(a.ask(30), 30)
    await a.exchange.round()
    t.ok(a.heard())
    t.equal(b.ask(10), 10)
    await b.exchange.round()
    t.equal(b.ask(100), 60, 'of the 100 a has had 30, and b 10')
    await b.exchange.round()
    await a.exchange.round()
    t.equal(a.ask(100), 0)
  })

  t.test(`${amount.kind}: a store that was emptied is told again, and nothing counts twice`, async (t) => {
    const [redis, a, b] = await hosts(t, amount)
    t.equal(a.ask(40), 40)
    await a.exchange.round()
    t.equal(b.ask(1), 1)
    await b.exchange.round()
    redis.cli('flushall')
    t.equal(b.ask(1), 1)
    for (let i = 0; i < 3; i++) {
      await b.exchange.round()
      await a.exchange.round()
    }
    const left = a.ask(100)
    t.ok(left >= 56 && left <= 58, `${left} of the 58 left`)
  })
}

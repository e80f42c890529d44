import { setTimeout as pause } from 'node:timers/promises'
import t from 'tap'
import { KeyUses, type KeptUses } from '../../../src/control/api-keys/uses.ts'
import type { KeyUseRow } from '../../../src/control/store/key-uses.ts'
import { packConsumers } from '../../../src/plan/packed-consumers.ts'
import type { PackedPlan } from '../../../src/plan/plan.ts'
import { PATIENCE } from '../../e2e/patience.ts'
import { apiKeyPlan, consumerPlan } from '../../identity/kit.ts'

const NOW = Date.UTC(2027, 0, 1)
const MINUTE = 60_000

/** What the store holds, and how often it was told of it. */
class Kept implements KeptUses {
  readonly rows = new Map<string, KeyUseRow>()
  puts = 0

  async all(): Promise<KeyUseRow[]> {
    return [...this.rows.values()]
  }

  put(row: KeyUseRow): void {
    this.puts++
    this.rows.set(row.id, row)
  }

  remove(id: string): void {
    this.rows.delete(id)
  }
}

type Consumers = Pick<PackedPlan, 'consumers'>

const acme = (...ids: string[]): Consumers => ({
  consumers: packConsumers([consumerPlan('acme', { keys: ids.map((id) => apiKeyPlan(id, '0'.repeat(64))) })])
})

function used(credential: string, time: number, authMethod = 'key'): Parameters<KeyUses['record']> {
  return [{ authMethod, credential }, time]
}

async function started(kept: Kept, plan: Consumers, now = NOW): Promise<KeyUses> {
  const uses = new KeyUses(() => now)
  await uses.restore(kept)
  uses.use(plan)
  // Whoever asks has the keys looked at.
  uses.list()
  return uses
}

const seen = (uses: KeyUses): unknown => uses.list().map(({ id, known, used }) => [id, Date.parse(known), used])
const iso = (time: number): string => new Date(time).toISOString()

t.test('the newest use of each key, in the order of the configuration', async (t) => {
  const uses = await started(new Kept(), acme('b', 'a'))
  uses.record(...used('a', NOW + 2))
  // Workers' rings are read one after the other.
  uses.record(...used('a', NOW + 1))
  t.same(seen(uses), [
    ['b', NOW, null],
    ['a', NOW, iso(NOW + 2)]
  ])
})

t.test('nothing but a key of the configuration is a key', async (t) => {
  const kept = new Kept()
  const uses = await started(kept, acme('a'))
  uses.record(...used('a', NOW + 1, 'basic'))
  uses.record(...used('nobody', NOW + 1))
  uses.record(...used('', NOW + 1))
  t.same(seen(uses), [['a', NOW, null]])
  t.same([...kept.rows.keys()], ['a'])
})

t.test('it outlives a restart, with when the key was known first', async (t) => {
  const kept = new Kept()
  const first = await started(kept, acme('a', 'b'))
  first.record(...used('a', NOW + 1))
  first.flush()
  const second = await started(kept, acme('a', 'b', 'c'), NOW + 5)
  t.same(seen(second), [
    ['a', NOW, iso(NOW + 1)],
    ['b', NOW, null],
    ['c', NOW + 5, null]
  ])
})

t.test('the store is told once a minute of a busy key, and of the last use at the end', async (t) => {
  const kept = new Kept()
  const uses = await started(kept, acme('a'))
  const before = kept.puts
  uses.record(...used('a', NOW))
  for (let at = 1; at < MINUTE; at += 100) uses.record(...used('a', NOW + at))
  t.equal(kept.puts, before + 1, 'N-1: within the minute')
  uses.record(...used('a', NOW + MINUTE))
  t.equal(kept.puts, before + 2, 'N')
  uses.record(...used('a', NOW + MINUTE + 1))
  t.equal(kept.puts, before + 2, 'N+1')
  uses.flush()
  t.equal(kept.rows.get('a')?.used, NOW + MINUTE + 1)
  uses.flush()
  t.equal(kept.puts, before + 3, 'nothing new is nothing to write')
})

t.test('a reload keeps what is known, and forgets keys that are gone', async (t) => {
  const kept = new Kept()
  const uses = await started(kept, acme('a', 'b'))
  uses.record(...used('a', NOW + 1))
  uses.record(...used('b', NOW + 1))
  uses.use(acme('a'))
  t.same(seen(uses), [['a', NOW, iso(NOW + 1)]])
  t.same([...kept.rows.keys()], ['a'])
  uses.record(...used('b', NOW + 2))
  t.same([...kept.rows.keys()], ['a'], 'a record of the generation before brings nothing back')
  uses.use(acme('a', 'b'))
  t.same(seen(uses), [
    ['a', NOW, iso(NOW + 1)],
    ['b', NOW, null]
  ])
})

t.test('what the configuration forgot while the gateway was down leaves the store', async (t) => {
  const kept = new Kept()
  kept.put({ id: 'gone', known: 1, used: 2 })
  await started(kept, acme('a'))
  t.same([...kept.rows.keys()], ['a'])
})

t.test('whose it is, and until when', async (t) => {
  const key = apiKeyPlan('a', 'f'.repeat(64))
  const plan = (expires: number | null) => ({
    consumers: packConsumers([consumerPlan('acme', { keys: [{ ...key, expires }] })])
  })
  for (const [expires, expired] of [
    [null, false],
    [NOW + 1, false],
    [NOW, true],
    [NOW - 1, true]
  ] as const) {
    const [report] = (await started(new Kept(), plan(expires))).list()
    t.match(report, { consumer: 'acme', expires: expires === null ? null : iso(expires), expired, where: key.where })
    t.notMatch(JSON.stringify(report), /ffff/, 'its hash is nobody’s business')
  }
})

t.test('the keys of a plan are looked at though nobody asks, and not while its start waits', async (t) => {
  const kept = new Kept()
  let now = NOW
  const uses = new KeyUses(() => now)
  await uses.restore(kept)
  uses.use(acme('a'))
  t.equal(kept.puts, 0)
  now += 700
  for (const until = Date.now() + PATIENCE; kept.puts === 0 && Date.now() < until;) await pause(25)
  t.same([...kept.rows.values()], [{ id: 'a', known: NOW, used: null }], 'known since the plan came')
})

t.test('a plan that was replaced before anybody looked has been there', async (t) => {
  const kept = new Kept()
  const uses = new KeyUses(() => NOW)
  await uses.restore(kept)
  kept.put({ id: 'b', known: 1, used: 2 })
  uses.use(acme('a'))
  uses.use(acme('b'))
  t.same(seen(uses), [['b', NOW, null]])
  t.same([...kept.rows.keys()], ['b'])
})

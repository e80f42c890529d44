import t, { type Test } from 'tap'
import { readEnv } from '../../src/env.ts'
import { allocateShared } from '../../src/memory/shared.ts'
import { SameThreadSignatures } from '../../src/pipeline/same-thread-signatures.ts'
import { WorkerServices } from '../../src/pipeline/services.ts'
import { packConsumers } from '../../src/plan/packed-consumers.ts'
import type { Apps } from '../../src/worker/apps.ts'
import { Staging } from '../../src/worker/staging.ts'
import { planOf } from '../control/compile/configuration.ts'
import { consumerPlan } from '../identity/kit.ts'

const YAML = `version: 1
listen: [ { address: "127.0.0.1:0" } ]
services:
  - { name: s, url: "http://127.0.0.1:9", policies: { auth: public }, routes: [ { name: r, match: { paths: ["/*"] } } ] }
`
const names = (count: number): string[] => Array.from({ length: count }, (_, n) => `c${n}`)
const consumers = (all: string[], part: number) =>
  packConsumers(
    all.map((name) => consumerPlan(name)),
    part
  )

function stagingOf(t: Test): Staging {
  const services = new WorkerServices({
    memory: allocateShared({ workers: 1, limitSlots: 4096, ringBytes: 1 << 16 }),
    index: 0,
    env: readEnv({}).env,
    events: { unknownKid: () => {} },
    signatures: new SameThreadSignatures()
  })
  t.teardown(() => services.close())
  const apps = { prepare() {}, cancel() {} } as unknown as Apps
  return new Staging(services, apps, () => {})
}

t.test('consumers are taken up part by part, with a turn for requests after each', async (t) => {
  const staging = stagingOf(t)
  const { routes, ...plan } = planOf(YAML)
  let turns = 0
  let done = false
  const turn = (): void => {
    if (done) return
    turns++
    setImmediate(turn)
  }
  setImmediate(turn)
  await staging.begin({ ...plan, generation: 7 }, consumers(names(50), 10))
  done = true
  t.ok(turns >= 5, `${turns} turns`)
  staging.add({ generation: 7, routes })
  await staging.finish(7)
  const tables = staging.commit(7)
  t.same(
    names(50).map((name) => tables?.directory.byName(name)?.name),
    names(50)
  )
})

t.test('a generation that was cancelled meanwhile, or replaced by the next, is not begun', async (t) => {
  const staging = stagingOf(t)
  const { routes: _, ...plan } = planOf(YAML)
  const cancelled = staging.begin({ ...plan, generation: 1 }, consumers(names(3), 1))
  staging.cancel(1)
  await t.rejects(cancelled, /generation 1 was cancelled/)
  const replaced = staging.begin({ ...plan, generation: 2 }, consumers(names(3), 1))
  const next = staging.begin({ ...plan, generation: 3 }, consumers(names(3), 1))
  await t.rejects(replaced, /generation 2 was cancelled/)
  await next
})

t.test('two consumers that one credential would name keep a generation from beginning', async (t) => {
  const staging = stagingOf(t)
  const { routes: _, ...plan } = planOf(YAML)
  await t.rejects(staging.begin({ ...plan, generation: 1 }, consumers(['a', 'b', 'a'], 2)), /two consumers are named a/)
})

import { mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { serialize } from 'node:v8'
import t, { type Test } from 'tap'
import { readLastGood, saveLastGood } from '../../src/control/last-good.ts'
import { packConsumers } from '../../src/plan/packed-consumers.ts'
import type { PackedPlan } from '../../src/plan/plan.ts'
import { consumerPlan } from '../identity/kit.ts'

function folder(t: Test): string {
  const dir = mkdtempSync(join(tmpdir(), 'gatehouse-last-good-'))
  t.teardown(() => rmSync(dir, { recursive: true }))
  return dir
}

const plan = {
  generation: 3,
  digest: 'd',
  key: new Uint8Array([1, 2]),
  limit: Infinity,
  consumers: packConsumers(
    ['a', 'b', 'c'].map((name) => consumerPlan(name)),
    2
  )
} as unknown as PackedPlan

void t.test('what was saved is read, and is for the gateway alone', async (t) => {
  const dir = folder(t)
  saveLastGood(dir, { plan, files: ['/a.yaml'] })
  saveLastGood(dir, { plan, files: ['/a.yaml'] })
  t.same(readLastGood(dir), { plan, files: ['/a.yaml'] })
  t.same(readdirSync(dir), ['last-good.plan'], 'no half-written file stays')
  t.equal(statSync(join(dir, 'last-good.plan')).mode & 0o777, 0o600)
})

void t.test('what cannot be used is as if there were none', async (t) => {
  const dir = folder(t)
  t.equal(readLastGood(dir), null, 'none')
  saveLastGood(dir, { plan, files: ['/a.yaml'] })
  const whole = readFileSync(join(dir, 'last-good.plan'))
  const bad: [string, Buffer][] = [
    ['empty', Buffer.alloc(0)],
    ['not serialized', Buffer.from('version: 1')],
    ['of another format', serialize({ format: 0, plan: {} })],
    ['cut short', whole.subarray(0, -20)]
  ]
  for (const [what, content] of bad) {
    writeFileSync(join(dir, 'last-good.plan'), content)
    t.equal(readLastGood(dir), null, what)
  }
})

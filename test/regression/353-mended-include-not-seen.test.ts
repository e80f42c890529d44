/**
 * On the last configuration that ran well only the root file was watched: whoever mended the file that it includes had to
 * ask for a reload.
 */
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { saveLastGood } from '../../src/control/last-good.ts'
import { ConfigurationReader } from '../../src/control/reading.ts'
import { ConfigurationSource } from '../../src/control/source.ts'
import type { Log } from '../../src/observe/log.ts'
import { packConsumers } from '../../src/plan/packed-consumers.ts'
import type { PackedPlan } from '../../src/plan/plan.ts'
import { eventually } from '../e2e/visitors.ts'

t.test('a file that the configuration includes is mended', async (t) => {
  const stateDir = t.testdir({ 'gatehouse.yaml': 'version: 1', 'consumers.yaml': 'broken' })
  const at = (name: string): string => join(stateDir, name)
  const plan = { generation: 3, consumers: packConsumers([], 2) } as unknown as PackedPlan
  saveLastGood(stateDir, { plan, files: [at('gatehouse.yaml'), at('consumers.yaml')] })
  let changes = 0
  const source = new ConfigurationSource({
    configFile: at('gatehouse.yaml'),
    configName: 'gatehouse.yaml',
    lastGoodIn: stateDir,
    reader: new ConfigurationReader(),
    log: () => ({ error: () => {} }) as unknown as Log,
    changed: () => changes++
  })
  t.teardown(() => source.close())
  t.match(await source.first(7), { lastGood: true, plan: { generation: 7 } })
  source.watch()
  writeFileSync(at('consumers.yaml'), 'mended')
  await eventually(() => changes === 1, 'the change is told')
})

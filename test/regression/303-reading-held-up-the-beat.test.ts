/**
 * The configuration was compiled in the control thread, which beats for the guard: 10,000 routes took six seconds, and
 * the guard killed the gateway after three, again and again.
 */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import t from 'tap'
import { ConfigurationReader } from '../../src/control/reading.ts'
import { consumersFile, largeConfiguration } from '../prove/large.ts'

void t.test('a large configuration is read beside the thread that asks for it', async (t) => {
  const dir = mkdtempSync(join(tmpdir(), 'gatehouse-reading-'))
  t.teardown(() => rmSync(dir, { recursive: true }))
  const configFile = join(dir, 'gatehouse.yaml')
  writeFileSync(configFile, largeConfiguration(150, 'http://127.0.0.1:9', 'x'))
  writeFileSync(join(dir, 'consumers.jsonl'), consumersFile(150))
  let turns = 0
  const ticking = setInterval(() => turns++, 10)
  const reader = new ConfigurationReader()
  t.teardown(() => reader.close())
  const { plan, findings, stateDir } = await reader.read({
    configFile,
    configName: 'gatehouse.yaml',
    generation: 7
  })
  clearInterval(ticking)
  t.same(findings, [])
  t.equal(plan?.generation, 7)
  t.equal(plan?.routes.length, 151)
  t.equal(stateDir, join(dir, 'var'))
  t.ok(turns > 10, `this thread went on meanwhile: ${turns} turns`)
})

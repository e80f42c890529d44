/**
 * A file that changed after it was read, while the configuration was still being compiled or the gateway still
 * starting, counted as seen: the change was never read.
 */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import t from 'tap'
import { FileWatch } from '../../src/control/watch.ts'
import { eventually, pause } from '../e2e/visitors.ts'

void t.test('a change between reading and watching is told', async (t) => {
  const dir = mkdtempSync(join(tmpdir(), 'gatehouse-watch-'))
  t.teardown(() => rmSync(dir, { recursive: true }))
  const [first, second] = [join(dir, 'first'), join(dir, 'second')]
  writeFileSync(first, 'a')
  writeFileSync(second, 'a')
  let changes = 0
  const watch = new FileWatch(() => changes++)
  t.teardown(() => watch.stop())
  await new Promise((resolve) => setTimeout(resolve, 30))
  /** How many were told once there are `least`, and nothing more has come for a second. */
  const noticed = async (least: number): Promise<number> => {
    await eventually(() => changes >= least, `${least} are told`)
    await pause(1_000)
    return changes
  }

  const seen = watch.reading()
  writeFileSync(first, 'b')
  seen([first])
  watch.begin()
  t.equal(await noticed(1), 1, 'of a file that was not watched before')

  const again = watch.reading()
  again([first])
  t.equal(await noticed(1), 1, 'nothing changed since: nothing is told')

  const third = watch.reading()
  writeFileSync(first, 'c')
  third([first, second])
  t.equal(await noticed(2), 2, 'of one that was')
})

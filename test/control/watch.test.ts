import { mkdirSync, mkdtempSync, renameSync, rmSync, symlinkSync, utimesSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import t from 'tap'
import { FileWatch } from '../../src/control/watch.ts'
import { eventually, pause } from '../e2e/visitors.ts'

const LONG_ENOUGH = 1_000

void t.test('what is told as a change', async (t) => {
  const dir = mkdtempSync(join(tmpdir(), 'gatehouse-watch-'))
  t.teardown(() => rmSync(dir, { recursive: true }))
  const at = (name: string): string => join(dir, name)
  for (const name of ['written', 'moved', 'removed', 'target-1', 'target-2', 'size']) writeFileSync(at(name), '1')
  symlinkSync(at('target-1'), at('link'))
  mkdirSync(at('folder'))
  await pause(30)

  const places = ['written', 'moved', 'removed', 'absent', 'link', 'folder'].map(at)
  const changes = new Map<string, number>()
  for (const place of places) {
    const watch = new FileWatch(() => changes.set(place, (changes.get(place) ?? 0) + 1))
    t.teardown(() => watch.stop())
    watch.reading()([place])
    watch.begin()
  }
  await pause(LONG_ENOUGH)
  t.equal(changes.size, 0, 'nothing, when nothing changed')

  writeFileSync(at('written'), '2')
  writeFileSync(at('new'), '2')
  utimesSync(at('new'), 1, 1)
  renameSync(at('new'), at('moved'))
  rmSync(at('removed'))
  writeFileSync(at('absent'), 'now there')
  symlinkSync(at('target-2'), at('link-new'))
  renameSync(at('link-new'), at('link'))
  writeFileSync(join(dir, 'folder', 'new'), '')
  await eventually(() => changes.size === places.length, 'all are told')
  await pause(LONG_ENOUGH)
  t.same(
    places.map((place) => changes.get(place)),
    [1, 1, 1, 1, 1, 1],
    'written, moved into place (even with an old date), removed, appeared, linked elsewhere, a folder: once each'
  )
})

void t.test('what somebody has read meanwhile is no news', async (t) => {
  const dir = mkdtempSync(join(tmpdir(), 'gatehouse-watch-'))
  t.teardown(() => rmSync(dir, { recursive: true }))
  const file = join(dir, 'file')
  writeFileSync(file, '1')
  await pause(30)
  let told = 0
  const watch = new FileWatch(() => told++)
  t.teardown(() => watch.stop())
  watch.reading()([file])
  t.notOk(watch.differs(), 'read just now')
  watch.begin()

  writeFileSync(file, '2')
  t.ok(watch.differs(), 'at once, whether or not it has settled')
  // Its own look comes between now and half a second on, and it waits for 300 ms then: this falls into both.
  for (let i = 0; i < 20; i++) {
    await pause(40)
    watch.reading()([file])
  }
  t.notOk(watch.differs())
  await pause(LONG_ENOUGH)
  t.equal(told, 0)
})

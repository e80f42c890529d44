/**
 * A pipe or a device where a watched file had been stopped the control thread for good, and the guard killed the gateway for
 * it, with every connection; a key set in such a place was waited for without end.
 */
import { spawnSync } from 'node:child_process'
import { renameSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { KeySource } from '../../src/control/keys/key-source.ts'
import { FileWatch } from '../../src/control/watch.ts'
import { issuerPlan } from '../identity/kit.ts'
import { eventually } from '../e2e/visitors.ts'

function pipe(path: string): void {
  rmSync(path, { force: true })
  const { status, stderr } = spawnSync('mkfifo', [path], { encoding: 'utf8' })
  if (status !== 0) throw new Error(stderr)
}

t.test('a watched file that becomes a pipe or a device is a change, and so is its return', async (t) => {
  const file = join(t.testdir(), 'consumers.yaml')
  writeFileSync(file, 'one')
  let changes = 0
  const watch = new FileWatch(() => changes++)
  t.teardown(() => watch.stop())
  watch.reading()([file])
  watch.begin()
  pipe(file)
  await eventually(() => changes === 1, 'the pipe')
  symlinkSync('/dev/zero', `${file}.new`)
  renameSync(`${file}.new`, file)
  await eventually(() => changes === 2, 'the device')
  rmSync(file)
  writeFileSync(file, 'two')
  await eventually(() => changes === 3, 'the file')
})

t.test('a key set that is a pipe is an error', async (t) => {
  const stateDir = t.testdir()
  const path = join(stateDir, 'keys.json')
  pipe(path)
  const notes: string[] = []
  const source = new KeySource(issuerPlan({ jwks: { kind: 'file', path } }), {
    fetchJson: () => Promise.reject(new Error('nobody is asked')),
    stateDir,
    clock: Date.now,
    onChange: () => {},
    onNote: (_level, text) => notes.push(text)
  })
  await source.load()
  t.match(notes, [/keys\.json is not an ordinary file; there are no keys$/])
})

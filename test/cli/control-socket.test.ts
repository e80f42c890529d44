import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { controlSocketOf } from '../../src/cli/control-socket.ts'
import { folder } from './kit.ts'

t.test('beside the file, unless state.dir says otherwise', async (t) => {
  const dir = folder(t)
  const file = join(dir, 'g.yaml')
  const of = (text: string): Promise<string> => {
    writeFileSync(file, text)
    return controlSocketOf({ file, name: 'g.yaml' })
  }
  t.equal(await of('version: 1\n'), join(dir, 'var/control.sock'))
  t.equal(await of('state: { dir: ../elsewhere }\n'), join(dir, '../elsewhere/control.sock'))
  t.equal(await of('state: { dir: /run/gatehouse }\n'), '/run/gatehouse/control.sock')
  t.equal(await of('state: { dir: "${env:NOBODY_HAS_THIS:-/x}" }\n'), '/x/control.sock')
})

t.test('a file with mistakes elsewhere still says it', async (t) => {
  const dir = folder(t)
  const file = join(dir, 'g.yaml')
  writeFileSync(file, 'version: 9\nunknown: 1\nstate: { dir: here }\nlisten: nothing\n')
  t.equal(await controlSocketOf({ file, name: 'g.yaml' }), join(dir, 'here/control.sock'))
})

t.test('and so does one that is no YAML at all', async (t) => {
  const dir = folder(t)
  const file = join(dir, 'g.yaml')
  for (const state of [
    'state: { dir: here }',
    'state:\n  # kept over restarts\n  dir: "here"',
    'state : {dir: ./here}'
  ]) {
    writeFileSync(file, `version: 1\nlisten: [\n${state}\nservices:\n\t- x\n`)
    t.equal(await controlSocketOf({ file, name: 'g.yaml' }), join(dir, 'here/control.sock'), state)
  }
  writeFileSync(file, '')
  t.equal(await controlSocketOf({ file, name: 'g.yaml' }), join(dir, 'var/control.sock'))
})

t.test('a state.dir that cannot be read is said', async (t) => {
  const dir = folder(t)
  const file = join(dir, 'g.yaml')
  for (const text of [
    'state: { dir: "${env:NOBODY_HAS_THIS}" }\n',
    'state: { dir: [1] }\n',
    'state: { file: none.yaml }\n'
  ]) {
    writeFileSync(file, text)
    await t.rejects(controlSocketOf({ file, name: 'g.yaml' }), { message: /gatehouse check says/ }, text)
  }
})

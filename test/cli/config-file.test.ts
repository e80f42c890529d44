import { mkdirSync, symlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { UsageError } from '../../src/cli/command.ts'
import { findConfigFile } from '../../src/cli/config-file.ts'
import { folder } from './kit.ts'

t.test('the argument, --config, GATEHOUSE_CONFIG, ./gatehouse.yaml: the first that is said', async (t) => {
  const dir = folder(t)
  const before = process.cwd()
  process.chdir(dir)
  t.teardown(() => process.chdir(before))
  for (const name of ['a.yaml', 'b.yaml', 'c.yaml', 'gatehouse.yaml']) writeFileSync(join(dir, name), '')
  const find = (argument?: string, option?: string, variable?: string): string => {
    if (variable === undefined) delete process.env['GATEHOUSE_CONFIG']
    else process.env['GATEHOUSE_CONFIG'] = variable
    return findConfigFile(argument, option).name
  }
  t.teardown(() => void delete process.env['GATEHOUSE_CONFIG'])
  t.equal(find('a.yaml', undefined, 'c.yaml'), 'a.yaml')
  t.equal(find('a.yaml', 'a.yaml', 'c.yaml'), 'a.yaml')
  t.equal(find(undefined, 'b.yaml', 'c.yaml'), 'b.yaml')
  t.equal(find(undefined, undefined, 'c.yaml'), 'c.yaml')
  t.equal(find(undefined, undefined, ''), 'gatehouse.yaml')
  t.equal(find(), 'gatehouse.yaml')
  t.equal(findConfigFile('a.yaml', undefined).file, join(process.cwd(), 'a.yaml'))
})

t.test('what is said but not there is not replaced by another', async (t) => {
  const dir = folder(t)
  mkdirSync(join(dir, 'd'))
  symlinkSync(join(dir, 'nowhere'), join(dir, 'dangling'))
  for (const [name, why] of [
    [join(dir, 'none.yaml'), 'there is no file'],
    [join(dir, 'd'), 'is not a file'],
    [join(dir, 'dangling'), 'there is no file']
  ] as const) {
    t.throws(() => findConfigFile(name, undefined), { message: new RegExp(why), constructor: UsageError })
  }
  process.env['GATEHOUSE_CONFIG'] = join(dir, 'none.yaml')
  t.teardown(() => void delete process.env['GATEHOUSE_CONFIG'])
  t.throws(() => findConfigFile(undefined, undefined), { message: /from GATEHOUSE_CONFIG/ })
  t.throws(() => findConfigFile('a', 'b'), { message: /two configuration files/ })
})

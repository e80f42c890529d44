import t from 'tap'
import { pathText } from '../../../src/control/config/findings.ts'
import { type Finding, printFindings } from '../../../src/control/config/load.ts'

const error = (n: number): Finding => ({ severity: 'error', where: `g.yaml:${n}:1`, path: 'a.b', message: 'wrong' })

t.test('one line each: place, key path, message', async (t) => {
  t.equal(
    printFindings([error(1), { ...error(2), path: '' }], { color: false }),
    'g.yaml:1:1  a.b  wrong\ng.yaml:2:1  wrong\n'
  )
  t.equal(printFindings([], { color: false }), '')
})

t.test('errors come first, and warnings say what they are', async (t) => {
  const warning: Finding = { ...error(1), severity: 'warning' }
  t.equal(
    printFindings([warning, error(2)], { color: false }),
    'g.yaml:2:1  a.b  wrong\ng.yaml:1:1  a.b  warning: wrong\n'
  )
})

t.test('at most 100, and how many more', async (t) => {
  const lines = (n: number) =>
    printFindings(
      Array.from({ length: n }, (_, i) => error(i)),
      { color: false }
    ).split('\n')
  t.equal(lines(100).length, 101)
  t.equal(lines(101).at(-2), 'and 1 more')
  t.equal(lines(250).at(-2), 'and 150 more')
})

t.test('colour only when asked for', async (t) => {
  t.ok(printFindings([error(1)], { color: true }).includes('\u001b['))
  t.notOk(printFindings([error(1)], { color: false }).includes('\u001b['))
})

t.test('key paths quote what is no plain word', async (t) => {
  t.equal(pathText(['services', 0, 'match', 'headers', 'x-beta']), 'services[0].match.headers.x-beta')
  t.equal(pathText(['equal', 'a.b', '\u001b[31m']), 'equal["a.b"]["\\u001b[31m"]')
})

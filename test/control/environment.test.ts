import t from 'tap'
import { unknownSettings } from '../../src/control/environment.ts'

t.test('a setting that nobody reads is a warning, with the one that was meant', (t) => {
  const found = unknownSettings(
    { GATEHOUSE_WORKER: '4', GATEHOUSE_WORKERS: '4', GATEHOUSE_ZZZZZZ_QQQQQ: '', HOME: '/' },
    []
  )
  t.match(found, [
    {
      severity: 'warning',
      path: 'GATEHOUSE_WORKER',
      message: 'there is no such setting: did you mean GATEHOUSE_WORKERS?'
    },
    { path: 'GATEHOUSE_ZZZZZZ_QQQQQ', message: 'there is no such setting' }
  ])
  t.equal(found.length, 2)
  t.end()
})

t.test('what the configuration refers to is used', (t) => {
  t.same(unknownSettings({ GATEHOUSE_SECRET: 'x' }, ['GATEHOUSE_SECRET']), [])
  t.end()
})

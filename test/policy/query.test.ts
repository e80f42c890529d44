import t from 'tap'
import { MALFORMED, queryParameter, queryParameters, TWICE, withoutParameters } from '../../src/policy/query.ts'

t.test('one parameter', async (t) => {
  for (const [query, expected] of [
    ['', undefined],
    ['a=1', '1'],
    ['b=2&a=1', '1'],
    ['a', ''],
    ['a=', ''],
    ['a=1=2', '1=2'],
    ['%61=x', 'x'],
    ['a=x+y%2B%C3%A9', 'x y+é'],
    ['&&a=1&&', '1'],
    ['ab=1&=2', undefined],
    ['a=1&a=2', TWICE],
    ['a=1&%61=2', TWICE],
    ['a=%', MALFORMED],
    ['a=%C3', MALFORMED],
    ['%=1&a=2', MALFORMED],
    ['b=%zz&a=2', '2']
  ] as const) {
    t.equal(queryParameter(query, 'a'), expected, query)
  }
})

t.test('all parameters', async (t) => {
  t.same(
    queryParameters('a=1&b=%20&c'),
    new Map([
      ['a', '1'],
      ['b', ' '],
      ['c', '']
    ])
  )
  t.equal(queryParameters('a=1&b=2&a=3'), TWICE)
  t.equal(queryParameters('a=%zz'), MALFORMED)
})

t.test('taking parameters out leaves the rest as it came', async (t) => {
  for (const [query, expected] of [
    ['token=x', ''],
    ['a=1&token=x&b=%zz', 'a=1&b=%zz'],
    ['%74oken=x&a=1', 'a=1'],
    ['token&a&token=y', 'a'],
    ['a=1&&b=2', 'a=1&&b=2'],
    ['tokens=1', 'tokens=1']
  ] as const) {
    t.equal(withoutParameters(query, ['token']), expected, query)
  }
})

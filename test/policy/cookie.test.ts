import t from 'tap'
import { cookieValue, withoutCookies } from '../../src/policy/cookie.ts'

t.test('one cookie', async (t) => {
  for (const [header, expected] of [
    ['sid=1', '1'],
    ['a=2; sid=1', '1'],
    ['a=2;sid=1;b=3', '1'],
    ['xsid=2; sid = 1 ', '1'],
    ['sid=a=b', 'a=b'],
    ['SID=1', undefined],
    ['sid', undefined],
    ['', undefined],
    ['a=sid=1', undefined],
    ['sid=1; sid=2', '1']
  ] as const) {
    t.equal(cookieValue(header, 'sid'), expected, header)
  }
})

t.test('taking cookies out', async (t) => {
  for (const [header, expected] of [
    ['sid=1', ''],
    ['a=2; sid=1; b=3', 'a=2; b=3'],
    ['sid=1; sid=2', ''],
    [' sid = 1 ;a=1', 'a=1'],
    ['a=1;b=2', 'a=1;b=2'],
    ['sidx=1; sid', 'sidx=1']
  ] as const) {
    t.equal(withoutCookies(header, ['sid']), expected, header)
  }
})

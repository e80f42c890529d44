import t from 'tap'
import { FORMATS } from '../../../src/policy/validation/formats.ts'

const CASES: Record<string, [good: string[], bad: string[]]> = {
  date: [['2024-02-29'], ['2023-02-29', '2024-2-29', '']],
  time: [
    ['12:00:00Z', '23:59:60Z'],
    ['12:00:00', '24:00:00Z']
  ],
  'date-time': [['2026-11-26T10:00:00Z'], ['2026-11-26', '2026-11-26T10:00:00']],
  duration: [
    ['P1Y2M3DT4H5M6S', 'P4W', 'PT1S'],
    ['P', 'PT', 'P1', 'P1Y4W', '1D']
  ],
  email: [['a.b@example.com'], ['a@', '@b', 'a b@c.de']],
  hostname: [
    ['a.example.com', 'a'],
    ['-a', 'a..b', `${'a'.repeat(64)}.b`, `${'a.'.repeat(130)}a`]
  ],
  ipv4: [['192.0.2.1'], ['192.0.2.01', '192.0.2', '::1', '256.0.0.1']],
  ipv6: [
    ['::1', '2001:db8::192.0.2.1'],
    ['192.0.2.1', '12345::', ':::1', '::1%eth0']
  ],
  uri: [
    ['https://a.example/b?c#d', 'urn:a:b'],
    ['/a', 'a b:c', '//a', 'http://a b']
  ],
  'uri-reference': [
    ['/a', '', 'a?b'],
    ['a b', '\\']
  ],
  'uri-template': [['/a/{b}'], ['/a/{b']],
  uuid: [['8a6e0804-2bd0-4672-b79d-d97027f9071a'], ['8a6e0804']],
  'json-pointer': [
    ['', '/a~1b'],
    ['a', '/~2']
  ],
  'relative-json-pointer': [
    ['0#', '1/a'],
    ['/a', '01']
  ],
  regex: [['^a+$'], ['(']],
  byte: [
    ['aGk=', ''],
    ['a', 'aGk=\nx', '!!!!']
  ]
}

t.test('each takes what its standard says', async (t) => {
  for (const [name, [good, bad]] of Object.entries(CASES)) {
    const format = FORMATS[name]
    if (typeof format !== 'function') throw new Error(`no format ${name}`)
    for (const text of good) t.equal(format(text), true, `${name}: ${text}`)
    for (const text of bad) t.equal(format(text), false, `${name}: ${text}`)
  }
  const { int32 } = FORMATS
  if (typeof int32 !== 'object') throw new Error('int32 checks numbers')
  t.same([2 ** 31 - 1, 2 ** 31, -(2 ** 31), -(2 ** 31) - 1, 0.5].map(int32.validate), [true, false, true, false, false])
})

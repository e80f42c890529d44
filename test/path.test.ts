import fc from 'fast-check'
import t from 'tap'
import { normalisePath, pathFault } from '../src/path.ts'
import { decodePercent } from '../src/percent.ts'

t.test('normal paths come back as they are', async (t) => {
  for (const path of [
    '/',
    '/a',
    '/a/',
    '/a/b.c',
    '/.well-known/x',
    '/a/..b',
    '/a/...',
    '/a;v=1/b',
    '/a/;x',
    '/%20',
    '/%C3%A9',
    "/@:!$&'()*+,=",
    '/"<>[]^`{|}'
  ])
    t.equal(normalisePath(path), path, path)
})

t.test('every spelling of a path becomes one', async (t) => {
  const cases: [string, string][] = [
    ['//', '/'],
    ['//a///b//', '/a/b/'],
    ['/./a/./b', '/a/b'],
    ['/a/../b', '/b'],
    ['/a/b/..', '/a/'],
    ['/a/.', '/a/'],
    ['/a/..', '/'],
    ['/.', '/'],
    ['/a//../b', '/b'],
    ['/%2e/a', '/a'],
    ['/a/%2E%2e/b', '/b'],
    ['/a/.%2e/b', '/b'],
    ['/%61%62%7e%5F%2D', '/ab~_-'],
    ['/%41', '/A'],
    ['/%c3%a9', '/%C3%A9'],
    ['/a%3ab', '/a%3Ab'],
    ['/%252e%252e/x', '/%252e%252e/x'],
    ['/%25%32%65', '/%252e'],
    ['/%ff', '/%FF'],
    ['/a;%2e', '/a;.']
  ]
  for (const [raw, normal] of cases) {
    t.equal(normalisePath(raw), normal, raw)
    t.equal(pathFault(raw), '', raw)
  }
})

t.test('ambiguous and malformed paths are refused with a reason', async (t) => {
  const cases: [string, RegExp][] = [
    ['', /start with/],
    ['a', /start with/],
    ['*', /start with/],
    ['http://x/', /start with/],
    ['/..', /above the root/],
    ['/a/../..', /above the root/],
    ['/%2e%2e/etc', /above the root/],
    ['/a//../../b', /above the root/],
    ['/%', /two hex/],
    ['/%4', /two hex/],
    ['/%zz', /two hex/],
    ['/%4/1', /two hex/],
    ['/%%41', /two hex/],
    ['/%u0041', /two hex/],
    ['/% 1', /two hex|0x21/],
    ['/a%2fb', /encoded slash/],
    ['/a%2Fb', /encoded slash/],
    ['/a%5cb', /encoded backslash/],
    ['/a\\b', /a backslash/],
    ['/a%00', /control/],
    ['/a%0d%0a', /control/],
    ['/a%1f', /control/],
    ['/a%7F', /control/],
    ['/a b', /0x21-0x7E/],
    ['/a\tb', /0x21-0x7E/],
    ['/a\u007f', /0x21-0x7E/],
    ['/a\u0000', /0x21-0x7E/],
    ['/é', /0x21-0x7E/],
    ['/\ufffd', /0x21-0x7E/],
    ['/a#b', /raw #/],
    ['/a?b', /raw \?/],
    ['/a/..;/b', /; parameter/],
    ['/a/.;x=1/b', /; parameter/],
    ['/a/%2e%2e;/b', /; parameter/],
    ['/a/..%3b/b', /; parameter/],
    ['/%c0%af', /overlong/],
    ['/%C1%9C', /overlong/],
    ['/%e0%80%af', /overlong/],
    ['/%f0%80%80%af', /overlong/]
  ]
  for (const [raw, reason] of cases) {
    t.equal(normalisePath(raw), null, JSON.stringify(raw))
    t.match(pathFault(raw), reason, JSON.stringify(raw))
  }
})

const PIECES = [
  '/',
  '/',
  '.',
  '..',
  '%2e',
  '%2E',
  '%25',
  '%2',
  'e',
  'a',
  'B',
  '~',
  ';',
  '%3b',
  '%c3%a9',
  '%41',
  '%2f',
  '%',
  '*',
  '%7e',
  '\\',
  '//'
]
const path = fc.array(fc.constantFrom(...PIECES), { maxLength: 14 }).map((pieces) => `/${pieces.join('')}`)

t.test('what is normal stays as it is, and holds nothing to resolve', async () => {
  fc.assert(
    fc.property(path, (raw) => {
      const normal = normalisePath(raw)
      if (normal === null) return pathFault(raw) !== ''
      const segments = normal.slice(1).split('/')
      return (
        normalisePath(normal) === normal &&
        pathFault(raw) === '' &&
        !normal.includes('//') &&
        !segments.includes('.') &&
        !segments.includes('..') &&
        /^(?:[^%]|%(?!2[DEF]|5[CF]|7[EF]|[01]|[46][1-9A-F]|[57][0-9A])[0-9A-F]{2})*$/.test(normal)
      )
    }),
    { seed: 11, numRuns: 20_000 }
  )
})

t.test('agrees with the URL parser of the platform where both accept', async (t) => {
  let compared = 0
  fc.assert(
    fc.property(path, (raw) => {
      const normal = normalisePath(raw)
      // WHATWG leaves `//`, `;` and most escapes alone and climbs no higher than the root: compare the rest.
      if (normal === null || raw.includes('//') || raw.includes(';') || decodePercent(normal) === undefined) return true
      compared++
      const url = new URL(`http://h${raw}`).pathname
      return decodePercent(url) === decodePercent(normal)
    }),
    { seed: 12, numRuns: 5000 }
  )
  t.ok(compared > 300, `${compared} compared`)
})

t.test('a long path costs one pass', async (t) => {
  const climbing = `${'/a'.repeat(50_000)}${'/..'.repeat(50_000)}`
  t.equal(normalisePath(climbing), '/')
  t.equal(normalisePath(`/${'/'.repeat(100_000)}x`), '/x')
  t.equal(normalisePath('/%41'.repeat(20_000)), '/A'.repeat(20_000))
})

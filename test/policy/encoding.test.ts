import fc from 'fast-check'
import t from 'tap'
import { encodeComponent, encodeHeaderText, isFieldValue, isToken, toLatin1 } from '../../src/policy/encoding.ts'
import { decodePercent } from '../../src/percent.ts'

t.test('header text', async (t) => {
  for (const [text, expected] of [
    ['abc~!"#$&\'()*+-./:;<=>?@[\\]^_`{|}', 'abc~!"#$&\'()*+-./:;<=>?@[\\]^_`{|}'],
    ['a b', 'a%20b'],
    ['a,b%c', 'a%2Cb%25c'],
    ['a\r\nb', 'a%0D%0Ab'],
    ['é€😀', '%C3%A9%E2%82%AC%F0%9F%98%80'],
    ['\ud800', '%EF%BF%BD'],
    ['\x7f\x80', '%7F%C2%80']
  ] as const) {
    t.equal(encodeHeaderText(text), expected)
  }
})

t.test('both encodings come back with one decode, and hold only what they may', async (t) => {
  const holds = () =>
    fc.assert(
      fc.property(fc.string({ unit: 'grapheme' }), (text) => {
        return (
          decodePercent(encodeHeaderText(text)) === text &&
          decodePercent(encodeComponent(text)) === text &&
          /^[\x21-\x2b\x2d-\x7e]*$/.test(encodeHeaderText(text)) &&
          /^[A-Za-z0-9\-._~%]*$/.test(encodeComponent(text))
        )
      }),
      { seed: 5, numRuns: 500 }
    )
  t.doesNotThrow(holds)
})

t.test('percent-encoding that is broken decodes to nothing', async (t) => {
  for (const text of ['%', '%4', '%zz', '%C3', '%C0%80', '%ED%A0%80']) t.equal(decodePercent(text), undefined, text)
})

t.test('what may be a header value, and a name', async (t) => {
  for (const text of ['', 'a b\tc', 'caf\xe9', '\x80\xff']) t.equal(isFieldValue(text), true, JSON.stringify(text))
  for (const text of ['a\r', 'a\n', 'a\0', '\x7f', '\x1b[0m', 'Ā'])
    t.equal(isFieldValue(text), false, JSON.stringify(text))
  for (const text of ['x-a', 'X_b', "a!#$%&'*+.^`|~"]) t.equal(isToken(text), true, text)
  for (const text of ['', 'a b', 'a:', 'a\n', 'é', 'a(b)']) t.equal(isToken(text), false, JSON.stringify(text))
})

t.test('text of the configuration as header bytes', async (t) => {
  t.equal(toLatin1('plain'), 'plain')
  t.equal(toLatin1('é'), '\xc3\xa9')
})

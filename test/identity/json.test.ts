import t from 'tap'
import fc from 'fast-check'
import { MAX_DEPTH, parseObject } from '../../src/identity/json.ts'

function read(text: string | Uint8Array): Record<string, unknown> | string {
  const parsed = parseObject(Buffer.from(text), 'payload')
  return parsed.ok ? parsed.value : parsed.reason
}

t.test('takes an object with every kind of value', async (t) => {
  const text = ' { "a" : [1, -2.5e3, "x,{}[]:\\"\\\\", true, null], "b": {"a": {}}, "\\u0063": "\\ud83d\\ude00é" }\n'
  t.strictSame(read(text), JSON.parse(text))
})

t.test('refuses what is not a JSON object', async (t) => {
  for (const text of ['', '[]', '[{}]', '"a"', '1', 'null', '{', '}', '{"a":1}}', '{"a":1,}', "{'a':1}", '{"a"}']) {
    t.type(read(text), 'string', text)
  }
  t.match(read('[{}]'), /not a JSON object/)
})

t.test('refuses a member named twice, at every level and in every spelling', async (t) => {
  for (const text of [
    '{"a":1,"a":1}',
    '{"a":1,"b":2,"a":3}',
    '{"a":1,"\\u0061":2}',
    '{"x":{"a":1,"a":2}}',
    '{"x":[{"a":1},{"a":1,"a":2}]}',
    '{"x":[1,{"b":[],"b":{}}]}',
    '{"a\\"b":1,"a\\u0022b":2}'
  ]) {
    t.match(read(text), /member twice/, text)
  }
})

t.test('the same name in different objects, or as a value, is no repeat', async (t) => {
  for (const text of [
    '{"a":{"a":{"a":1}}}',
    '{"x":[{"a":1},{"a":2}],"a":3}',
    '{"a":"a","b":"a"}',
    '{"a":["b","b"],"b":1}'
  ]) {
    t.strictSame(read(text), JSON.parse(text), text)
  }
})

t.test(`nesting is taken up to ${MAX_DEPTH} and refused beyond, before it is parsed`, async (t) => {
  const nested = (depth: number): string => `${'{"a":'.repeat(depth - 1)}{}${'}'.repeat(depth - 1)}`
  t.type(read(nested(MAX_DEPTH)), 'object')
  t.match(read(nested(MAX_DEPTH + 1)), /nested deeper/)
  t.match(read(`{"a":${'['.repeat(5000)}${']'.repeat(5000)}}`), /nested deeper/)
})

t.test('refuses a byte order mark, bytes that are not UTF-8, and __proto__', async (t) => {
  t.match(read('\ufeff{"a":1}'), /not JSON/)
  t.match(read(Buffer.from([0x7b, 0x22, 0xff, 0x22, 0x3a, 0x31, 0x7d])), /not UTF-8/)
  t.match(read('{"__proto__":{"admin":true}}'), /__proto__/)
  t.match(read('{"\\u005f_proto__":{"admin":true}}'), /__proto__/)
})

t.test('refuses half of a surrogate pair, which has no form in UTF-8', async (t) => {
  for (const half of ['\\ud800', '\\udc00', '\\ud800x', '\\ud800\\n', '\\ud800\\ud800', '\\uDFFF\\uD800']) {
    t.match(read(`{"a":"${half}"}`), /surrogate/, half)
  }
})

t.test('agrees with JSON.parse on every object without repeats', async () => {
  fc.assert(
    fc.property(fc.dictionary(fc.string(), fc.jsonValue({ maxDepth: 4 }), { maxKeys: 6 }), (value) => {
      fc.pre(!Object.hasOwn(value, '__proto__') && !JSON.stringify(value).includes('__proto__'))
      const text = JSON.stringify(value)
      const parsed = parseObject(Buffer.from(text), 'payload')
      // JSON.stringify escapes exactly the halves of pairs that lack the other half.
      return parsed.ok ? JSON.stringify(parsed.value) === text : text.includes('\\ud')
    }),
    { numRuns: 300, seed: 7 }
  )
})

t.test('never takes text that JSON.parse refuses', async () => {
  const piece = fc.constantFrom('{', '}', '[', ']', ',', ':', '"', '\\', '"a"', '1', 'null', ' ', '\\u00')
  fc.assert(
    fc.property(fc.array(piece, { maxLength: 12 }), (pieces) => {
      const text = pieces.join('')
      const parsed = parseObject(Buffer.from(text), 'payload')
      if (!parsed.ok) return true
      JSON.parse(text)
      return true
    }),
    { numRuns: 2000, seed: 7 }
  )
})

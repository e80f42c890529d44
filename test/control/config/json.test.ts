import fc from 'fast-check'
import t from 'tap'
import { parseJson } from '../../../src/control/config/json.ts'
import { lineStartsOf, plain, type SourceFile, whereOf } from '../../../src/control/config/nodes.ts'

const fileOf = (text: string): SourceFile => ({ path: '/x.json', shown: 'x.json', lineStarts: lineStartsOf(text) })
const parse = (text: string) => parseJson(fileOf(text), text)

t.test('reads what JSON.parse reads, as it reads it', async () => {
  fc.assert(
    fc.property(fc.json({ maxDepth: 5 }), fc.constantFrom(0, 2), (text, indent) => {
      const value: unknown = JSON.parse(text)
      if (text.includes('__proto__')) return
      const node = parse(JSON.stringify(value, null, indent))
      // JSON.stringify again: -0 and 0 are one number in JSON.
      t.equal(JSON.stringify(plain(node)), JSON.stringify(value))
    }),
    { numRuns: 300, seed: 1 }
  )
})

t.test('refuses what JSON.parse refuses', async () => {
  const pieces = [
    '{',
    '}',
    '[',
    ']',
    ',',
    ':',
    '"a"',
    '1',
    '-',
    '01',
    '1.',
    '.5',
    '1e',
    'true',
    'nul',
    ' ',
    '"',
    '\\',
    '\n',
    '\u0001'
  ]
  fc.assert(
    fc.property(fc.array(fc.constantFrom(...pieces), { maxLength: 8 }), (parts) => {
      const text = parts.join('')
      let readable = true
      try {
        JSON.parse(text)
      } catch {
        readable = false
      }
      const { problems = [] } = parse(text)
      t.equal(
        problems.every((problem) => problem.message.includes('twice')),
        readable,
        JSON.stringify(text)
      )
    }),
    { numRuns: 2000, seed: 1 }
  )
})

t.test('every value knows its place', async (t) => {
  const text = '{\n  "a": [1,\n    "b"]\n}'
  const node = parse(text)
  const list = node.kind === 'mapping' ? node.entries.get('a')?.value : undefined
  const item = list?.kind === 'list' ? list.items[1] : undefined
  t.equal(item && whereOf(item.file, item.offset), 'x.json:3:5')
})

for (const [name, text, place, message] of [
  ['a repeated key', '{"a":1,"a":2}', 7, /twice/],
  ['__proto__', '{"__proto__":{"x":1}}', 1, /not allowed/],
  ['depth', '['.repeat(70), 65, /deeper/],
  ['a line break in a string', '"a\nb"', 2, /end on its line/],
  ['more than one value', '1 2', 2, /follows/],
  ['nothing', '', 0, /found the end/],
  ['a lone surrogate escape', '"\\u12"', 1, /four hex/]
] as const) {
  t.test(`names ${name}`, async (t) => {
    const { problems = [] } = parse(text)
    t.equal(problems[0]?.offset, place)
    t.match(problems[0]?.message, message)
  })
}

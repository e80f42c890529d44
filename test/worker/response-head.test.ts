import t from 'tap'
import { type AnswerFields, SharedFields } from '../../src/answer-fields.ts'
import { fieldBytes, firstName, textBytes } from '../../src/worker/response-head.ts'

const fields = (shared: string[], own: string[], again = false): AnswerFields => ({
  shared: new SharedFields(shared, again),
  own
})
/** As uWS writes it. */
const sent = (of: AnswerFields): string => `${firstName(of)}: ${Buffer.from(fieldBytes(of)).toString('latin1')}\r\n`

t.test('all fields stand in one value behind the first name', (t) => {
  t.equal(sent(fields(['a', '1', 'b', '2'], ['c', '3'])), 'a: 1\r\nb: 2\r\nc: 3\r\n')
  t.equal(sent(fields([], ['c', '3', 'd', '4'])), 'c: 3\r\nd: 4\r\n')
  t.equal(sent(fields(['a', '1'], [])), 'a: 1\r\n')
  t.equal(sent(fields(['a', ''], ['b', ''])), 'a: \r\nb: \r\n')
  t.equal(firstName(fields([], [])), '')
  t.equal(fieldBytes(fields([], [])).length, 0)
  t.end()
})

t.test('what comes again is kept as bytes, and sent the same', (t) => {
  const shared = new SharedFields(['a', '1', 'b', 'é'], true)
  const once = sent({ shared, own: ['x-request-id', 'one'] })
  t.ok(shared.bytes !== null)
  t.equal(once, 'a: 1\r\nb: é\r\nx-request-id: one\r\n')
  t.equal(sent({ shared, own: ['x-request-id', 'two'] }), 'a: 1\r\nb: é\r\nx-request-id: two\r\n')
  t.equal(sent({ shared, own: [] }), 'a: 1\r\nb: é\r\n')
  const changing = new SharedFields(['a', '1'], false)
  sent({ shared: changing, own: [] })
  t.equal(changing.bytes, null)
  t.end()
})

t.test('a byte above ASCII is one byte, not two', (t) => {
  t.same([...fieldBytes(fields([], ['a', '\xe9\xff']))], [0xe9, 0xff])
  t.end()
})

t.test('longer than the thread’s own memory', (t) => {
  const long = 'v'.repeat(40_000)
  t.equal(sent(fields(['a', long], ['b', long])), `a: ${long}\r\nb: ${long}\r\n`)
  t.end()
})

t.test('a character that would end the line, or is no byte, is an exception', (t) => {
  for (const bad of ['\r', '\n', '\0', '\x7f', '\u010a', '\u{1f600}']) {
    t.throws(() => fieldBytes(fields([], ['a', `x${bad}y`])), /cannot be sent/, JSON.stringify(bad))
    t.throws(() => fieldBytes(fields(['a', `x${bad}y`], [], true)), /cannot be sent/, JSON.stringify(bad))
  }
  t.throws(() => fieldBytes(fields(['a', '1', 'x\r\ny', '2'], [])), /cannot be sent/, 'in a name')
  t.equal(sent(fields(['a', 'x\ty'], [])), 'a: x\ty\r\n')
  t.equal(sent(fields(['a', '1'], [])), 'a: 1\r\n', 'and the next answer has nothing of it')
  t.end()
})

t.test('texts as UTF-8, whatever their length', (t) => {
  for (const text of ['', 'short', 'é', `${'x'.repeat(100)}€`, 'x'.repeat(2048), 'x'.repeat(2049), '\ud800']) {
    t.same(Buffer.from(textBytes(text)), Buffer.from(text), text.slice(0, 10))
  }
  t.end()
})

import t from 'tap'
import { type AnswerFields, SharedFields } from '../../src/answer-fields.ts'
import { headBytes, textBytes } from '../../src/worker/response-head.ts'

const fields = (shared: string[], own: string[], again = false): AnswerFields => ({
  shared: new SharedFields(shared, again),
  own
})
/** As uWS writes it, behind the version. */
const head = (of: AnswerFields, status = 200): string => `${Buffer.from(headBytes(status, of)).toString('latin1')}\r\n`
/** The fields alone. */
const sent = (of: AnswerFields): string => {
  const text = head(of)
  t.ok(text.startsWith('200 OK\r\n'))
  return text.slice('200 OK\r\n'.length)
}

t.test('status line and fields in one piece', (t) => {
  t.equal(sent(fields(['a', '1', 'b', '2'], ['c', '3'])), 'a: 1\r\nb: 2\r\nc: 3\r\n')
  t.equal(sent(fields([], ['c', '3', 'd', '4'])), 'c: 3\r\nd: 4\r\n')
  t.equal(sent(fields(['a', '1'], [])), 'a: 1\r\n')
  t.equal(sent(fields(['a', ''], ['b', ''])), 'a: \r\nb: \r\n')
  t.equal(head(fields([], []), 404), '404 Not Found\r\n')
  t.equal(head(fields([], ['a', '1']), 599), '599 Unknown\r\na: 1\r\n')
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

t.test('what is kept goes by the status', (t) => {
  const shared = new SharedFields(['a', '1'], true)
  for (const status of [401, 403, 401, 403, 403])
    t.equal(head({ shared, own: [] }, status), `${status} ${status === 401 ? 'Unauthorized' : 'Forbidden'}\r\na: 1\r\n`)
  t.end()
})

t.test('an answer has nothing of the one before it', (t) => {
  const one = new SharedFields(['a', '1'], true)
  const other = new SharedFields(['b', '2'], true)
  const list = ['x-request-id', 'ratelimit-policy', 'ratelimit']
  const values = ['id-1', 'id-2', 'a much longer id than that', 'é'.repeat(26), '']
  let random = 1
  const draw = (n: number): number => (random = (random * 48271) % 0x7fffffff) % n
  for (let i = 0; i < 2000; i++) {
    const shared = draw(3) === 0 ? other : one
    const own = list.slice(0, draw(4)).flatMap((name) => [name, values[draw(values.length)] ?? ''])
    const status = draw(9) === 0 ? 403 : 401
    let expected = `${status} ${status === 401 ? 'Unauthorized' : 'Forbidden'}\r\n`
    for (const [j, text] of [...shared.list, ...own].entries()) expected += text + (j % 2 === 0 ? ': ' : '\r\n')
    if (draw(20) === 0) t.throws(() => headBytes(status, { shared, own: [...own.slice(0, draw(6)), 'x\ny'] }))
    const text = head({ shared, own }, status)
    if (text !== expected) {
      t.equal(text, expected, `answer ${i}`)
      break
    }
  }
  t.end()
})

t.test('a byte above ASCII is one byte, not two', (t) => {
  for (const value of ['\xe9\xff', `${'x'.repeat(30)}\xe9`, `\xe9${'x'.repeat(30)}`, '\xe9'.repeat(30)])
    t.equal(sent(fields([], ['a', value, 'b', '2'])), `a: ${value}\r\nb: 2\r\n`)
  t.end()
})

t.test('longer than the thread’s own memory', (t) => {
  const long = 'v'.repeat(40_000)
  t.equal(sent(fields(['a', long], ['b', long])), `a: ${long}\r\nb: ${long}\r\n`)
  t.end()
})

t.test('a character that would end the line, or is no byte, is an exception', (t) => {
  for (const bad of ['\r', '\n', '\0', '\x7f', '\u010a', '\u{1f600}']) {
    t.throws(() => headBytes(200, fields([], ['a', `x${bad}y`])), /cannot be sent/, JSON.stringify(bad))
    t.throws(() => headBytes(200, fields(['a', `x${bad}y`], [], true)), /cannot be sent/, JSON.stringify(bad))
  }
  t.throws(() => headBytes(200, fields(['a', '1', 'x\r\ny', '2'], [])), /cannot be sent/, 'in a name')
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

import fc from 'fast-check'
import t from 'tap'
import { ResponseParser } from '../../../src/upstream/wire/response-parser.ts'

/** What the head of an answer says, parsed by a connection of its own. */
function headOf(answer: string): { status: number; headers: readonly string[]; keepAlive: boolean; body: string } {
  const seen = { status: 0, headers: [] as readonly string[], keepAlive: false, body: '', error: '' }
  const parser = new ResponseParser({
    onHead: (status, headers) => void Object.assign(seen, { status, headers }),
    onBody: (chunk) => {
      seen.body += chunk.toString('latin1')
      return true
    }
  })
  parser.begin(false)
  const bytes = Buffer.from(answer, 'latin1')
  parser.execute(bytes, 0, bytes.length)
  return Object.assign(seen, { keepAlive: parser.keepAlive, error: parser.failed ? parser.error : '' })
}

const HEADS = [
  'HTTP/1.1 200 OK\r\nContent-Type: a/b\r\nContent-Length: 5\r\n\r\n',
  'HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 5\r\n\r\n',
  'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nX-Id: 12345\r\n\r\n5\r\n',
  'HTTP/1.0 404 No\r\nContent-Length: 5\r\n\r\n',
  'HTTP/1.1 200 OK\r\nKeep-Alive: timeout=5\r\nConnection: x\r\nX: y\r\nContent-Length: 5\r\n\r\n',
  'HTTP/1.1 103 Hints\r\nLink: x\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n'
]

t.test('a head says the same the first time and every time after', async (t) => {
  for (const head of HEADS) {
    const first = headOf(`${head}hello`)
    for (let i = 0; i < 4; i++) t.same(headOf(`${head}hello`), first)
    t.equal(first.body, 'hello')
  }
})

t.test('a head that comes again is the same list, which nobody can change', async (t) => {
  const answer = 'HTTP/1.1 200 OK\r\nX-Again: 1\r\nContent-Length: 0\r\n\r\n'
  headOf(answer)
  const second = headOf(answer).headers
  const third = headOf(answer).headers
  headOf('HTTP/1.1 200 OK\r\nX-Again: 2\r\nContent-Length: 0\r\n\r\n')
  t.equal(third, second)
  t.throws(() => (third as string[]).push('x', 'y'), TypeError)
})

t.test('one byte of difference makes another head, wherever it stands', async (t) => {
  const head = `HTTP/1.1 200 OK\r\nX-Long: ${'a'.repeat(300)}\r\nContent-Length: 5\r\n\r\n`
  for (let i = 0; i < 3; i++) headOf(`${head}hello`)
  for (let at = head.indexOf('aaa'); at < head.lastIndexOf('a'); at++) {
    const other = `${head.slice(0, at)}b${head.slice(at + 1)}`
    t.equal(headOf(`${other}hello`).headers[1]?.indexOf('b'), at - head.indexOf('aaa'))
  }
  t.equal(headOf(`${head.replace(': 5', ': 4')}hello`).body, 'hell')
})

t.test('any mixture of heads, seen before or not, reads as it would alone', async (t) => {
  const id = fc.integer({ min: 0, max: 40 })
  const answer = fc
    .record({
      id,
      status: fc.constantFrom(200, 201, 404),
      close: fc.boolean(),
      length: fc.integer({ min: 0, max: 12 })
    })
    .map((it) => ({
      ...it,
      text: `HTTP/1.1 ${it.status} OK\r\nX-Id: ${it.id}\r\n${it.close ? 'Connection: close\r\n' : ''}Content-Length: ${it.length}\r\n\r\n${'b'.repeat(it.length)}`
    }))
  fc.assert(
    fc.property(fc.array(answer, { minLength: 1, maxLength: 60 }), (answers) => {
      for (const { text, ...it } of answers) {
        const got = headOf(text)
        t.same(
          [got.status, got.headers, got.keepAlive, got.body],
          [it.status, ['x-id', String(it.id), 'content-length', String(it.length)], !it.close, 'b'.repeat(it.length)]
        )
      }
    }),
    { seed: 11, numRuns: 60 }
  )
})

t.test('a head that is refused is refused every time', async (t) => {
  for (let i = 0; i < 4; i++) {
    const seen = headOf('HTTP/1.1 200 OK\r\nContent-Length: 5\r\nContent-Length: 5\r\n\r\nhello')
    t.match(seen, { status: 0, error: /content-length/ })
  }
})

import fc from 'fast-check'
import t from 'tap'
import { ResponseParser } from '../../../src/upstream/wire/response-parser.ts'

/** Everything that comes of `pieces`, and where the parser stopped. */
function parse(pieces: readonly Buffer[], more: { head?: boolean; stopAt?: number } = {}) {
  const seen = { heads: [] as [number, readonly string[]][], body: '', calls: 0 }
  const parser = new ResponseParser({
    onHead: (status, headers) => void seen.heads.push([status, headers]),
    onBody: (chunk) => {
      seen.body += chunk.toString('latin1')
      return ++seen.calls !== more.stopAt
    }
  })
  parser.begin(more.head === true)
  let consumed = 0
  for (const piece of pieces) {
    let at = 0
    while (at < piece.length && !parser.done && !parser.failed) {
      const next = parser.execute(piece, at, piece.length)
      if (next === at) break
      at = next
    }
    consumed += at
  }
  const finished = parser.finish()
  return { ...seen, parser, consumed, finished, done: parser.done, error: parser.failed ? parser.error : '' }
}

const bytes = (text: string): Buffer => Buffer.from(text, 'latin1')

const ANSWERS = [
  'HTTP/1.1 200 OK\r\nA: b\r\nContent-Length: 5\r\n\r\nhello',
  'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nConnection: close, X\r\nX: y\r\n\r\n5;a="b\\"c";d\r\nhello\r\nA\r\n0123456789\r\n0\r\nT: u\r\n\r\n',
  'HTTP/1.1 103 Hints\r\nLink: x\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n',
  'HTTP/1.0 404 \r\n\r\nuntil the end',
  'HTTP/1.1 304 Not Modified\r\nETag: "x"\r\nContent-Length: 9\r\n\r\n',
  'HTTP/1.1 200 OK\r\nContent-Length: 5\r\nContent-Length: 5\r\n\r\nhello',
  'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhelloX\r\n',
  'HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello and more'
]

t.test('any cutting into pieces gives the same', async (t) => {
  fc.assert(
    fc.property(
      fc.constantFrom(...ANSWERS),
      fc.array(fc.integer({ min: 1, max: 120 }), { maxLength: 8 }),
      (answer, cuts) => {
        const whole = parse([bytes(answer)])
        const edges = [...new Set([0, ...cuts.filter((cut) => cut < answer.length), answer.length])].toSorted(
          (a, b) => a - b
        )
        const pieces = edges.slice(1).map((edge, i) => bytes(answer.slice(edges[i], edge)))
        const cut = parse(pieces)
        t.same(
          [cut.heads, cut.body, cut.error, cut.done && cut.consumed],
          [whole.heads, whole.body, whole.error, whole.done && whole.consumed]
        )
      }
    ),
    { seed: 7, numRuns: 300 }
  )
})

t.test('an answer with one byte changed never makes the parser read past it or throw', async (t) => {
  fc.assert(
    fc.property(
      fc.constantFrom(...ANSWERS),
      fc.nat(200),
      fc.constantFrom(0, 9, 10, 13, 32, 34, 44, 48, 58, 59, 127, 128, 255),
      (answer, at, byte) => {
        const mutated = bytes(answer)
        if (at < mutated.length) mutated[at] = byte
        const { consumed, done, error, heads, body } = parse([mutated])
        t.ok(consumed <= mutated.length)
        t.ok(!(done && error !== ''))
        t.ok(heads.length <= 1)
        t.ok(heads.length === 1 || body === '')
      }
    ),
    { seed: 7, numRuns: 500 }
  )
})

t.test('says where the answer ended when more came', async (t) => {
  const { consumed, done } = parse([bytes(ANSWERS[7] ?? '')])
  t.ok(done)
  t.equal(consumed, (ANSWERS[7] ?? '').length - ' and more'.length)
})

t.test('stops behind a chunk that the reader does not want more of', async (t) => {
  const parser = new ResponseParser({ onHead: () => {}, onBody: () => false })
  const answer = bytes('HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1\r\na\r\n1\r\nb\r\n0\r\n\r\n')
  parser.begin(false)
  const first = parser.execute(answer, 0, answer.length)
  t.equal(answer.toString('latin1', first, first + 2), '\r\n')
  const second = parser.execute(answer, first, answer.length)
  t.equal(answer.toString('latin1', second - 1, second), 'b')
  t.notOk(parser.done)
  t.equal(parser.execute(answer, second, answer.length), answer.length)
  t.ok(parser.done)
})

t.test('reads only the part of the buffer that is its own', async (t) => {
  const answer = ANSWERS[0] ?? ''
  const shared = bytes(`GARBAGE${answer}HTTP/1.1 500 stale bytes of an earlier read\r\n\r\n`)
  let body = ''
  const parser = new ResponseParser({
    onHead: () => {},
    onBody: (chunk) => {
      body += chunk.toString('latin1')
      return true
    }
  })
  parser.begin(false)
  t.equal(parser.execute(shared, 7, 7 + answer.length), 7 + answer.length)
  t.equal(body, 'hello')
})

for (const [name, answer, keep] of [
  ['HTTP/1.1', 'HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n', true],
  ['HTTP/1.0', 'HTTP/1.0 200 OK\r\nContent-Length: 0\r\n\r\n', false],
  ['close', 'HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 0\r\n\r\n', false],
  ['Close among others', 'HTTP/1.1 200 OK\r\nConnection: x , Close\r\nContent-Length: 0\r\n\r\n', false],
  ['keep-alive', 'HTTP/1.1 200 OK\r\nConnection: keep-alive\r\nContent-Length: 0\r\n\r\n', true],
  ['closed with close', 'HTTP/1.1 200 OK\r\nConnection: x-closed\r\nContent-Length: 0\r\n\r\n', true],
  ['a 204 with a length', 'HTTP/1.1 204 No Content\r\nContent-Length: 5\r\n\r\n', false],
  ['a 304 with chunks', 'HTTP/1.1 304 Not Modified\r\nTransfer-Encoding: chunked\r\n\r\n', false],
  ['a 304 with a length', 'HTTP/1.1 304 Not Modified\r\nContent-Length: 5\r\n\r\n', true]
] as const) {
  t.test(`keep-alive of ${name}: ${keep}`, async (t) => {
    const { parser, done } = parse([bytes(answer)])
    t.ok(done)
    t.equal(parser.keepAlive, keep)
  })
}

for (const [value, seconds] of [
  ['timeout=5, max=100', 5],
  ['max=100, Timeout=7', 7],
  ['timeout=', -1],
  ['timeout=-5', -1],
  ['5', -1]
] as const) {
  t.test(`Keep-Alive: ${value}`, async (t) => {
    const { parser } = parse([bytes(`HTTP/1.1 200 OK\r\nKeep-Alive: ${value}\r\nContent-Length: 0\r\n\r\n`)])
    t.equal(parser.keepAliveSeconds, seconds)
  })
}

t.test('one answer says nothing about the next', async (t) => {
  const heads: (readonly string[])[] = []
  const parser = new ResponseParser({ onHead: (_status, headers) => void heads.push(headers), onBody: () => true })
  for (const answer of [
    'HTTP/1.1 200 OK\r\nConnection: close\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n',
    'HTTP/1.1 200 OK\r\nKeep-Alive: timeout=9\r\nContent-Length: 1\r\n\r\nx',
    'HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n'
  ]) {
    parser.begin(false)
    t.equal(parser.execute(bytes(answer), 0, answer.length), answer.length)
    t.ok(parser.done)
  }
  t.same(heads, [[], ['content-length', '1'], ['content-length', '0']])
  t.ok(parser.keepAlive)
  t.equal(parser.keepAliveSeconds, -1)
})

t.test('names are recognised whatever their case, and never mistaken for each other', async (t) => {
  const names = ['X-A', 'x-a', 'X^', 'X~', 'X_', 'X-', 'X|', 'X`', 'ETag', 'etag', 'Et-g', 'y'.repeat(200)]
  for (let round = 0; round < 3; round++) {
    const fields = names.map((name) => `${name}: v\r\n`).join('')
    const { heads } = parse([bytes(`HTTP/1.1 200 OK\r\n${fields}Content-Length: 0\r\n\r\n`)])
    t.same(
      heads[0]?.[1].filter((_, i) => i % 2 === 0),
      [...names.map((name) => name.toLowerCase()), 'content-length']
    )
  }
})

t.test('a head of single bytes is the head', async (t) => {
  const head = bytes(`HTTP/1.1 200 OK\r\nX: ${'y'.repeat(15_000)}\r\nContent-Length: 0\r\n\r\n`)
  const { done, heads } = parse(Array.from(head, (_, i) => head.subarray(i, i + 1)))
  t.ok(done)
  t.same(heads, parse([head]).heads)
})

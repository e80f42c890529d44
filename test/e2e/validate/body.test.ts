/** What a body holds decides whether it reaches the service: bad bodies of every kind, over real sockets. */
import t from 'tap'
import { connect, exchange, type RawResponse } from '../connection.ts'
import { startGateway } from '../gateway.ts'
import { PATIENCE } from '../patience.ts'
import { startUpstream } from '../upstream.ts'

const service = await startUpstream(t)

const ORDER = {
  $schema: 'https://json-schema.org/draft/2020-12/schema',
  type: 'object',
  required: ['id', 'items'],
  additionalProperties: false,
  properties: {
    id: { type: 'string', pattern: '^(a+)+$', maxLength: 200_000 },
    amount: { type: 'number', maximum: 1000 },
    when: { type: 'string', format: 'date-time' },
    items: { type: 'array', uniqueItems: true, items: { $ref: 'parts/item.json#/$defs/item' } },
    note: { type: 'string' },
    tree: { $ref: '#/$defs/tree' }
  },
  $defs: { tree: { type: 'object', properties: { down: { $ref: '#/$defs/tree' } } } }
}
const ITEM = {
  $defs: {
    item: { type: 'object', required: ['sku'], properties: { sku: { type: 'string' }, n: { type: 'integer' } } }
  }
}

const gateway = await startGateway(
  t,
  `
version: 1
listen: [ { name: plain, address: "127.0.0.1:0" } ]
profiles: [ { name: open, policies: { auth: public } } ]
services:
  - name: main
    url: ${service.url}
    use: [open]
    routes:
      - name: orders
        match: { paths: ["/orders"] }
        policies: { validate: { body: { schema: order.json, maxSize: 4mb } } }
      - name: slow
        match: { paths: ["/slow"] }
        policies: { validate: { body: { schema: order.json } }, timeouts: { request: 500ms } }
      - name: bounds
        match: { paths: ["/bounds"] }
        policies: { validate: { body: { json: { depth: 4, keys: 3, items: 5 } } } }
      - name: tried
        match: { paths: ["/tried"] }
        policies: { validate: { mode: shadow, body: { schema: order.json, maxSize: 1kb } } }
      - name: list
        match: { paths: ["/list/{size}"] }
        policies:
          validate:
            query:
              schema:
                type: object
                required: [limit]
                additionalProperties: false
                properties: { limit: { type: integer, maximum: 100 }, tag: { type: array, items: { enum: [a, b] } }, all: { type: boolean } }
            path: { schema: { properties: { size: { enum: [small, large] } } } }
`,
  {
    workers: 1,
    files: { 'order.json': JSON.stringify(ORDER), 'parts/item.json': JSON.stringify(ITEM) },
    env: { GATEHOUSE_BODY_MEMORY: '6mb', GATEHOUSE_BODY_CLIENT_SHARE: '100' }
  }
)
const { port } = gateway

interface Problem {
  status: number
  instance: string
  errors?: { in: string; pointer: string }[]
}

const head = (path: string, length: number, more = 'Content-Type: application/json\r\n'): string =>
  `POST ${path} HTTP/1.1\r\nHost: a.test\r\n${more}Content-Length: ${length}\r\n\r\n`

async function post(path: string, body: string | Buffer, more?: string): Promise<RawResponse> {
  const bytes = Buffer.from(body)
  const connection = await connect(port)
  const answer = await connection
    .send(head(path, bytes.length, more))
    .send(bytes)
    .response('POST')
  connection.close()
  return answer
}

const GOOD = { id: 'aaa', items: [{ sku: 'x', n: 2 }] }
const good = JSON.stringify(GOOD)

t.test('a body that fits arrives as it was sent, with its length, in chunks too', async (t) => {
  const spaced = `  ${good}\n`
  const answer = await post('/orders', spaced)
  t.equal(answer.status, 200, answer.body)
  t.equal(JSON.parse(answer.body).body, spaced)
  const connection = await connect(port)
  connection.send(
    'POST /orders HTTP/1.1\r\nHost: a.test\r\nContent-Type: application/json; charset=UTF-8\r\nTransfer-Encoding: chunked\r\n\r\n'
  )
  for (const part of [good.slice(0, 5), good.slice(5)]) connection.send(`${part.length.toString(16)}\r\n${part}\r\n`)
  const chunked = await connection.send('0\r\n\r\n').response('POST')
  t.equal(chunked.status, 200)
  const seen = JSON.parse(chunked.body)
  t.equal(seen.body, good)
  t.equal(seen.headers['content-length'], String(good.length), 'the service is told its length')
  t.notHas(seen.headers, 'transfer-encoding')
})

const many = (n: number, of: (i: number) => string): string => Array.from({ length: n }, (_, i) => of(i)).join(',')

const REFUSED: [string, string | Buffer, number, string[]?][] = [
  ['truncated', good.slice(0, -1), 400],
  ['nothing but white space', '   ', 400],
  ['two values', `${good} ${good}`, 400],
  ['text before', `x${good}`, 400],
  ['invalid UTF-8', Buffer.concat([Buffer.from('{"id":"'), Buffer.from([0xff, 0xfe]), Buffer.from('"}')]), 400],
  ['an overlong encoding', Buffer.concat([Buffer.from('{"id":"'), Buffer.from([0xc0, 0xaf]), Buffer.from('"}')]), 400],
  ['a byte order mark', `\ufeff${good}`, 400],
  ['UTF-16', Buffer.from(good, 'utf16le'), 400],
  ['NaN', '{"id":"a","items":[],"amount":NaN}', 400],
  ['a trailing comma', '{"id":"a","items":[],}', 400],
  ['comments', `/* hello */${good}`, 400],
  ['single quotes', good.replaceAll('"', "'"), 400],
  ['a member twice', '{"id":"b","id":"a","items":[]}', 400],
  ['a member twice, once escaped', '{"id":"b","\\u0069d":"a","items":[]}', 400],
  ['__proto__', '{"id":"a","items":[],"__proto__":{"admin":true}}', 400],
  ['half a surrogate pair', '{"id":"\\ud800","items":[]}', 400],
  ['a control character', '{"id":"a\u0001","items":[]}', 400],
  ['another kind of value', '[1]', 422, ['']],
  ['null', 'null', 422, ['']],
  ['a missing member', '{"id":"a"}', 422, ['']],
  ['a member too many', '{"id":"a","items":[],"admin/~":1}', 422, ['/admin~1~0']],
  ['constructor', '{"id":"a","items":[],"constructor":1}', 422, ['/constructor']],
  ['a number past all numbers', '{"id":"a","items":[],"amount":1e999}', 422, ['/amount']],
  ['a huge number', `{"id":"a","items":[],"amount":${'9'.repeat(400)}}`, 422, ['/amount']],
  ['a wrong item', '{"id":"a","items":[{"sku":"x"},{"sku":5}]}', 422, ['/items/1/sku']],
  ['a date that is none', '{"id":"a","items":[],"when":"2026-02-30T00:00:00Z"}', 422, ['/when']],
  ['an item twice', '{"id":"a","items":[{"sku":"x"},{"sku":"x"}]}', 422, ['/items']],
  ['depth without end', `{"id":"a","items":[],"tree":${'{"down":'.repeat(5_000)}1${'}'.repeat(5_000)}}`, 422, ['']],
  ['a list without end', `{"id":"a","items":[${many(100_001, () => '1')}]}`, 422, ['']],
  ['a pattern made to backtrack', JSON.stringify({ ...GOOD, id: `${'a'.repeat(5_000)}!` }), 422, ['/id']],
  ['comparisons without end', `{"id":"a","items":[${many(2_000, (i) => `{"sku":"${i}"}`)}]}`, 422, ['']]
]

t.test('bad bodies', async (t) => {
  const before = service.seen.length
  for (const [name, body, status, pointers] of REFUSED) {
    const answer = await post('/orders', body)
    t.equal(answer.status, status, `${name}: ${answer.body.slice(0, 300)}`)
    t.same(answer.values('content-type'), ['application/problem+json'])
    const problem = JSON.parse(answer.body) as Problem
    t.same(
      problem.errors?.map(({ in: place, pointer }) => `${place} ${pointer}`),
      pointers?.map((each) => `body ${each}`),
      name
    )
    t.notMatch(answer.body, /pattern|required|must|a\+/, 'nothing of the schema')
  }
  t.equal(service.seen.length, before, 'none of them reached the service')
  t.equal((await post('/orders', good)).status, 200, 'and the next one does')
})

t.test('the owner learns what was wrong, and which line decided', async (t) => {
  const { instance } = JSON.parse((await post('/orders', '{"id":"a","items":[{"n":1.5,"sku":"x"}]}')).body) as Problem
  const line = await gateway.line((l) => l['id'] === instance)
  t.match(line, {
    problem: 'invalid',
    policy: 'validate',
    where: /gatehouse\.yaml:\d+:\d+$/,
    reason: /at \/items\/0\/n: must be integer/
  })
})

t.test('content types and codings', async (t) => {
  const cases: [string, number][] = [
    ['Content-Type: application/json\r\n', 200],
    ['Content-Type: application/vnd.order+json; v=1\r\n', 200],
    ['Content-Type: application/json; charset="utf-8"\r\n', 200],
    ['', 415],
    ['Content-Type: text/plain\r\n', 415],
    ['Content-Type: text/json\r\n', 415],
    ['Content-Type: application/jsonp\r\n', 415],
    ['Content-Type: application/json, text/plain\r\n', 415],
    ['Content-Type: application/json\r\nContent-Type: text/plain\r\n', 415],
    ['Content-Type: application/json; charset=utf-16\r\n', 415],
    ['Content-Type: application/json; charset=utf-8; charset=utf-7\r\n', 415],
    ['Content-Type: application/x-www-form-urlencoded\r\n', 415],
    ['Content-Type: application/json\r\nContent-Encoding: gzip\r\n', 415],
    ['Content-Type: application/json\r\nContent-Encoding: identity\r\n', 200]
  ]
  for (const [fields, status] of cases) t.equal((await post('/orders', good, fields)).status, status, fields)
  const none = await exchange(port, 'POST /orders HTTP/1.1\r\nHost: a.test\r\nContent-Length: 0\r\n\r\n')
  t.equal(none.status, 422, 'no body at all')
  t.equal((await exchange(port, 'GET /orders HTTP/1.1\r\nHost: a.test\r\n\r\n')).status, 200, 'GET has none to judge')
})

t.test('bounds of JSON, at N-1, N and N+1', async (t) => {
  const nested = (n: number): string => '['.repeat(n) + ']'.repeat(n)
  const keys = (n: number): string => `{${many(n, (i) => `"k${i}":${i}`)}}`
  const items = (n: number): string => `[${many(n, (i) => `"a,${i}"`)}]`
  for (const [of, most] of [
    [nested, 4],
    [keys, 3],
    [items, 5]
  ] as const) {
    for (const n of [most - 1, most]) t.equal((await post('/bounds', of(n))).status, 200, of(n))
    t.equal((await post('/bounds', of(most + 1))).status, 422, of(most + 1))
  }
  t.equal((await post('/bounds', '{"a":1,"a":2}')).status, 400)
})

t.test('a large body is judged beside the worker, which answers others meanwhile', async (t) => {
  const large = JSON.stringify({
    ...GOOD,
    items: Array.from({ length: 60_000 }, (_, i) => ({ sku: 's', n: i })).slice(0, 1),
    note: 'n'.repeat(1_500_000)
  })
  const answer = await post('/orders', large)
  t.equal(answer.status, 200)
  t.equal(JSON.parse(answer.body).body.length, large.length)
  const wrong = await post('/orders', large.replace('"sku":"s"', '"sku":7'))
  t.equal(wrong.status, 422)
  t.same((JSON.parse(wrong.body) as Problem).errors, [{ in: 'body', pointer: '/items/0/sku' }])
  t.equal((await post('/orders', large.slice(0, -1))).status, 400)
})

t.test('bodies that come slowly, stop or break off', async (t) => {
  const before = service.seen.length
  const slow = await connect(port)
  slow.send(head('/slow', good.length) + good.slice(0, 4))
  const broken = await connect(port)
  broken.send(head('/orders', good.length) + good.slice(0, 4))
  broken.socket.destroy()
  const late = await slow.response('POST')
  t.equal(late.status, 408)
  t.equal((await post('/orders', 'x'.repeat(4 * 1024 * 1024 + 1))).status, 413, 'over maxSize, as declared')
  const chunks = await connect(port)
  chunks.send(
    'POST /orders HTTP/1.1\r\nHost: a.test\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n'
  )
  chunks.send(`400001\r\n${' '.repeat(0x400001)}\r\n0\r\n\r\n`)
  t.equal((await chunks.response('POST')).status, 413, 'over maxSize, as it comes')
  t.equal(service.seen.length, before)
  await gateway.line((l) => l['status'] === 499)
})

t.test('what bodies hold together is bounded: 503, and then room again', async (t) => {
  const held = await connect(port)
  held.send(head('/orders', 3_500_000) + ' '.repeat(3_400_000))
  let status = 200
  for (const until = Date.now() + PATIENCE; status !== 503 && Date.now() < until;) {
    const other = await connect(port)
    const answer = await other.send(head('/orders', 3_500_000) + ' '.repeat(3_500_000)).response('POST')
    status = answer.status
    if (status === 503) t.same(answer.values('retry-after'), ['1'])
    other.close()
  }
  t.equal(status, 503, 'while another holds more than half')
  held.socket.destroy()
  for (const until = Date.now() + PATIENCE; status !== 400 && Date.now() < until;)
    status = (await post('/orders', ' '.repeat(3_500_000))).status
  t.equal(status, 400, 'once that is gone')
})

t.test('in shadow everything passes, and is written down', async (t) => {
  const cases: [string, string | Buffer, string?][] = [
    ['not JSON', '{"id":'],
    ['not UTF-8', Buffer.from([0x22, 0xff, 0x22])],
    ['does not fit', '{"id":5}'],
    ['too large', JSON.stringify({ note: 'n'.repeat(2000) })],
    ['not called JSON', good, 'Content-Type: text/plain\r\n']
  ]
  for (const [name, body, fields] of cases) {
    const answer = await post('/tried', body, fields)
    t.equal(answer.status, 200, name)
    t.equal(
      JSON.parse(Buffer.from(answer.body, 'latin1').toString()).body,
      Buffer.from(body).toString('latin1'),
      'as it was sent'
    )
    const id = answer.values('x-request-id')[0]
    t.match(await gateway.line((l) => l['id'] === id), { shadow: 'validate', status: 200 }, name)
  }
  const fine = await post('/tried', good)
  t.notMatch(await gateway.line((l) => l['id'] === fine.values('x-request-id')[0]), { shadow: 'validate' })
})

t.test('query and path', async (t) => {
  const get = async (target: string): Promise<[number, string[]]> => {
    const answer = await exchange(port, `GET /list/${target} HTTP/1.1\r\nHost: a.test\r\n\r\n`)
    const { errors = [] } = JSON.parse(answer.body) as Problem
    return [answer.status, errors.map(({ in: place, pointer }) => `${place} ${pointer}`)]
  }
  for (const target of [
    'small?limit=5',
    'large?limit=100&tag=a&tag=b&all=true',
    'small?limit=1e1',
    'sm%61ll?l%69mit=5'
  ])
    t.same(await get(target), [200, []], target)
  const cases: [string, string[]][] = [
    ['medium?limit=5', ['path /size']],
    ['small', ['query ']],
    ['small?limit=101', ['query /limit']],
    ['small?limit=0x10', ['query /limit']],
    ['small?limit=%205', ['query /limit']],
    ['small?limit=', ['query /limit']],
    ['small?limit=5&limit=6', ['query /limit']],
    ['small?limit=5&tag=c', ['query /tag/0']],
    ['small?limit=5&all=1', ['query /all']],
    ['small?limit=5&other=1', ['query /other']],
    ['small?limit=5&__proto__=1', ['query /__proto__']],
    ['small?limit=%zz', ['query ']]
  ]
  for (const [target, pointers] of cases) t.same(await get(target), [422, pointers], target)
})

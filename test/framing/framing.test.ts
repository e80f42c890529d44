import t, { type Test as T } from 'tap'
import { HeaderList } from '../../src/headers.ts'
import type { ProblemCode, Refusal } from '../../src/problems.ts'
import { checkFraming, Framing } from '../../src/framing/framing.ts'

interface Head {
  method?: string
  path?: string
  query?: string
  /** Flat name, value pairs after `host: h`. */
  fields?: string[]
  /** Leaves `host: h` out. */
  noHost?: boolean
  chunked?: 'accept' | 'refuse'
}

function check(head: Head): { refusal: Refusal | null; framing: Framing; headers: HeaderList } {
  const headers = new HeaderList()
  if (!head.noHost) headers.add('host', 'h')
  const flat = head.fields ?? []
  for (let i = 0; i + 1 < flat.length; i += 2) headers.add(flat[i] ?? '', flat[i + 1] ?? '')
  const framing = new Framing()
  const options = { chunked: head.chunked ?? 'accept' }
  const refusal = checkFraming(head.method ?? 'GET', head.path ?? '/', head.query ?? '', headers, options, framing)
  return { refusal, framing, headers }
}

function passes(t: T, head: Head, expected: Partial<Framing> = {}): void {
  const { refusal, framing } = check(head)
  t.equal(refusal, null, refusal?.reason ?? JSON.stringify(head))
  t.match(framing, expected)
}

function refuses(t: T, head: Head, code: ProblemCode, reason: RegExp): void {
  const { refusal } = check(head)
  t.match(refusal, { problem: { code }, policy: 'framing', close: true, reason }, JSON.stringify(head).slice(0, 120))
}

t.test('an ordinary request', async (t) => {
  passes(
    t,
    { path: '/a/%7eb', query: 'x=%zz&y=[]', fields: ['user-agent', 'curl/8', 'accept', '*/*', 'x-empty', ''] },
    {
      path: '/a/~b',
      host: 'h',
      port: -1,
      authority: 'h',
      bodyLength: 0,
      closes: false,
      dropped: 0
    }
  )
})

t.test('Content-Length', async (t) => {
  const post = (...values: string[]): Head => ({ method: 'POST', fields: values.flatMap((v) => ['content-length', v]) })
  passes(t, post('0'), { bodyLength: 0 })
  passes(t, post('12'), { bodyLength: 12 })
  passes(t, post('007'), { bodyLength: 7 })
  passes(t, post('999999999999999'), { bodyLength: 999_999_999_999_999 })
  refuses(t, post('5', '5'), 'malformed', /more than once/)
  refuses(t, post('5', '6'), 'malformed', /more than once/)
  for (const bad of ['', ' 5', '5 ', '+5', '-5', '5,5', '5, 5', '0x5', '5.0', '1e3', '1000000000000000', '\t5', '５'])
    refuses(t, post(bad), 'malformed', /digits|0x20-0x7E/)
})

t.test('Transfer-Encoding', async (t) => {
  const post = (...values: string[]): Head => ({
    method: 'POST',
    fields: values.flatMap((v) => ['transfer-encoding', v])
  })
  passes(t, post('chunked'), { bodyLength: -1 })
  passes(t, post('Chunked'), { bodyLength: -1 })
  for (const bad of [
    '',
    'xchunked',
    'gzip, chunked',
    'chunked, chunked',
    'identity',
    'chunked;q=1',
    ' chunked',
    'chunked ',
    '"chunked"',
    'chunked\t'
  ])
    refuses(t, post(bad), 'malformed', /not exactly chunked/)
  refuses(t, post('chunked', 'chunked'), 'malformed', /more than once/)
  refuses(t, post('chunked', 'identity'), 'malformed', /more than once/)
  refuses(
    t,
    { method: 'POST', fields: ['content-length', '5', 'transfer-encoding', 'chunked'] },
    'malformed',
    /together/
  )
  refuses(
    t,
    { method: 'POST', fields: ['transfer-encoding', 'chunked', 'content-length', '0'] },
    'malformed',
    /together/
  )
  for (const method of ['GET', 'HEAD', 'DELETE', 'OPTIONS', 'CONNECT', 'TRACE'])
    refuses(t, { method, fields: ['transfer-encoding', 'chunked'] }, 'malformed', /chunked body on/)
  for (const method of ['PUT', 'PATCH'])
    passes(t, { method, fields: ['transfer-encoding', 'chunked'] }, { bodyLength: -1 })
  refuses(t, { ...post('chunked'), chunked: 'refuse' }, 'length-required', /client\.chunked/)
  passes(t, { method: 'POST', fields: ['content-length', '3'], chunked: 'refuse' }, { bodyLength: 3 })
})

t.test('a length on methods that rarely have one', async (t) => {
  passes(t, { method: 'GET', fields: ['content-length', '4'] }, { bodyLength: 4 })
  passes(t, { method: 'TRACE', fields: ['content-length', '0'] })
  refuses(t, { method: 'TRACE', fields: ['content-length', '4'] }, 'malformed', /body on TRACE/)
})

t.test('Host', async (t) => {
  const host = (value: string): Head => ({ noHost: true, fields: ['host', value] })
  const good: [string, string, number][] = [
    ['api.example.com', 'api.example.com', -1],
    ['API.Example.com:8443', 'api.example.com', 8443],
    ['example.com.', 'example.com', -1],
    ['example.com.:80', 'example.com', 80],
    ['localhost:1', 'localhost', 1],
    ['a-b.c', 'a-b.c', -1],
    ['127.0.0.1:65535', '127.0.0.1', 65535],
    ['[::1]', '::1', -1],
    ['[2001:DB8:0::1]:80', '2001:db8::1', 80]
  ]
  for (const [value, name, port] of good) passes(t, host(value), { host: name, port, authority: value })
  const bad = [
    '',
    ' ',
    '.',
    '..',
    '.a',
    'a..b',
    'a..',
    ':80',
    '.:80',
    'a:',
    'a:b',
    'a:65536',
    'a:123456',
    'a:-1',
    'a:80:80',
    'a,b',
    'a, b',
    'u@a',
    'a/b',
    'http://a',
    'a b',
    'a\tb',
    'a_b',
    'a%41',
    '*.a',
    'a?b',
    'a#b',
    'a\\b',
    '::1',
    '[::1',
    '[]',
    '[1.2.3.4]',
    '[::1]x',
    '[::1]:',
    '[::1]:x',
    '[::g]',
    '[fe80::1%25eth0]',
    '[[::1]]',
    'é.com',
    'a\u007f'
  ]
  for (const value of bad) refuses(t, host(value), 'malformed', /host|Host/)
  for (const value of ['a.example:1', 'a.example:1', bad[0] ?? '', bad[0] ?? '', 'a.example:1', 'b.example'])
    if (value === bad[0]) refuses(t, host(value), 'malformed', /host|Host/)
    else passes(t, host(value), { host: value.slice(0, 9), port: value.endsWith(':1') ? 1 : -1, authority: value })
  refuses(t, { noHost: true }, 'malformed', /no Host/)
  refuses(t, { fields: ['host', 'h'] }, 'malformed', /Host stands more than once/)
})

t.test('methods', async (t) => {
  for (const method of ['GET', 'HEAD', 'POST', 'PUT', 'DELETE', 'PATCH', 'OPTIONS', 'TRACE', 'CONNECT'])
    passes(t, { method })
  for (const method of ['get', 'Get', 'G"ET', 'G(T', '', 'PROPFIND', 'PRI', 'GETX', 'GET '])
    refuses(t, { method }, 'unknown-method', /none of RFC 9110/)
})

t.test('request targets', async (t) => {
  for (const path of [
    '',
    '*',
    'a',
    'http://h/',
    'h:443',
    '?x',
    '/a#b',
    '/a\\b',
    '/a%00',
    '/a%0a',
    '/a b',
    '/é',
    '/a\u007f',
    '/%',
    '/..',
    '/a%2fb',
    '/a%5Cb'
  ])
    refuses(t, { path }, 'bad-path', /./)
  for (const query of ['a#b', 'a\\b', 'a%00b', 'a b', 'é', 'a\u0000', 'a\u001f', 'a\u007f', 'a\ufffd', 'a\r\nb'])
    refuses(t, { query }, 'malformed', /query/)
  for (const query of ['', '?', 'a=b&c=d%20e+f', '100%', '%zz', '%2500', '"<>[]^`{|}', '//../%2e%2f'])
    passes(t, { query })
  passes(t, { path: '//a/../b/' }, { path: '/b/' })
})

t.test('header names', async (t) => {
  refuses(t, { fields: ['', 'x'] }, 'malformed', /no name/)
  for (const name of ['a b', 'a:', 'a\u0000', 'a"', 'a(b', 'é', 'a\u007f', 'a,b', 'content-length ', 'a_b c'])
    refuses(t, { fields: [name, 'x'] }, 'malformed', /field name/)
  passes(t, { fields: ["a!#$%&'*+-.^`|~1", 'x'] })
})

t.test('fields with an underscore are dropped and counted, the others keep their order', async (t) => {
  const { refusal, framing, headers } = check({
    method: 'POST',
    fields: [
      'x-a',
      '1',
      'x_consumer',
      'root',
      'x-b',
      '2',
      '_',
      '3',
      'content_length',
      '9',
      'x-some-longer_name',
      '\u0000',
      'x-c',
      '4'
    ]
  })
  t.equal(refusal, null)
  t.equal(framing.dropped, 4)
  t.equal(framing.bodyLength, 0)
  t.same(headers.names, ['host', 'x-a', 'x-b', 'x-c'])
  t.same(headers.values, ['h', '1', '2', '4'])
})

t.test('header values: tab and 0x20-0x7E', async (t) => {
  passes(t, { fields: ['x', 'a\tb', 'y', ' ~!"\'', 'z', `${'v'.repeat(5000)}`] })
  for (const bad of ['\u007f', 'a\u0000', '\u0001', 'a\r', 'a\nb', '\u001f', '\u0080', 'é', '\u00ff', '\ufffd', '😀']) {
    refuses(t, { fields: ['x-short', bad] }, 'malformed', /x-short holds a byte/)
    refuses(t, { fields: ['x-long', `${'v'.repeat(60)}${bad}`] }, 'malformed', /x-long holds a byte/)
    refuses(t, { fields: ['x-huge', `${bad}${'v'.repeat(6000)}`] }, 'malformed', /x-huge holds a byte/)
  }
})

t.test('a value is judged by every character, whatever was seen before', async (t) => {
  const good = 'Mozilla/5.0 (X11; Linux x86_64) Gecko'
  for (let i = 0; i < good.length; i++) {
    passes(t, { fields: ['user-agent', good] })
    refuses(t, { fields: ['user-agent', `${good.slice(0, i)}\u0007${good.slice(i + 1)}`] }, 'malformed', /user-agent/)
  }
})

t.test('a reason never repeats a value', async (t) => {
  const { refusal } = check({ fields: ['authorization', 'Bearer secret\u0001'] })
  t.notMatch(JSON.stringify(refusal), /secret/)
})

t.test('Connection may not name what must reach the service', async (t) => {
  for (const name of [
    'host',
    'content-length',
    'transfer-encoding',
    'authorization',
    'cookie',
    'x-consumer',
    'x-consumer-groups',
    'x-subject',
    'x-issuer',
    'x-scopes',
    'x-auth-method',
    'x-credential',
    'x-request-id',
    'traceparent',
    'x-forwarded-for',
    'x-forwarded-proto',
    'x-forwarded-host',
    'forwarded',
    'content-type',
    'x-api-key'
  ])
    refuses(t, { fields: ['connection', name] }, 'malformed', /Connection names/)
  for (const value of ['close, X-Consumer', 'Authorization', 'keep-alive,\tcookie\t', ',,host,', 'te,cookie,close'])
    refuses(t, { fields: ['connection', value] }, 'malformed', /Connection names/)
  refuses(t, { fields: ['connection', 'close', 'connection', 'cookie'] }, 'malformed', /Connection names/)
  for (const value of ['keep-alive', 'Keep-Alive', '', ',', 'te', 'x-custom', 'http2-settings'])
    passes(t, { fields: ['connection', value] }, { closes: false })
})

t.test('what else Connection names is told, in lower case', async (t) => {
  passes(t, { fields: ['connection', 'Close, X-Hop , te'] }, { named: ['close', 'x-hop', 'te'] })
  passes(
    t,
    { fields: ['connection', 'x-a', 'connection', 'keep-alive', 'connection', 'x-b'] },
    { named: ['x-a', 'x-b'] }
  )
  passes(t, { fields: ['connection', 'Keep-Alive'] }, { named: null })
})

t.test('a wish to close is seen among other options', async (t) => {
  for (const value of ['close', 'Close', 'close, te', 'te ,\tCLOSE', 'keep-alive, close'])
    passes(t, { fields: ['connection', value] }, { closes: true })
  passes(t, { fields: ['connection', 'close', 'connection', 'te'] }, { closes: true })
  passes(t, { fields: ['connection', 'closed'] }, { closes: false })
})

t.test('Upgrade is said, and not with a body', async (t) => {
  passes(t, { fields: ['upgrade', 'websocket', 'connection', 'Upgrade'] })
  passes(t, { method: 'POST', fields: ['upgrade', 'h2c', 'content-length', '0'] })
  refuses(
    t,
    { method: 'POST', fields: ['upgrade', 'h2c', 'content-length', '1'] },
    'malformed',
    /Upgrade on a request with a body/
  )
  refuses(
    t,
    { method: 'POST', fields: ['transfer-encoding', 'chunked', 'upgrade', 'websocket'] },
    'malformed',
    /Upgrade on a request with a body/
  )
})

t.test('Expect', async (t) => {
  passes(t, { method: 'POST', fields: ['expect', '100-continue', 'content-length', '1'] })
  passes(t, { method: 'POST', fields: ['expect', '100-Continue', 'content-length', '1'] })
  for (const value of ['', '100', '100-continue, x', '100-continue=1', 'gzip'])
    refuses(t, { fields: ['expect', value] }, 'expectation-failed', /100-continue/)
  refuses(t, { fields: ['expect', '100-continue', 'expect', 'x'] }, 'expectation-failed', /100-continue/)
})

t.test('a result used again keeps nothing of the request before', async (t) => {
  const framing = new Framing()
  const headers = new HeaderList()
  for (const [name, value] of [
    ['host', 'a:1'],
    ['expect', '100-continue'],
    ['connection', 'close'],
    ['x_y', ''],
    ['transfer-encoding', 'chunked']
  ] as const)
    headers.add(name, value)
  t.equal(checkFraming('POST', '/a', '', headers, { chunked: 'accept' }, framing), null)
  const next = new HeaderList()
  next.add('host', 'b')
  t.equal(checkFraming('GET', '/b', '', next, { chunked: 'accept' }, framing), null)
  t.same(
    { ...framing },
    {
      path: '/b',
      host: 'b',
      port: -1,
      authority: 'b',
      bodyLength: 0,
      closes: false,
      named: null,
      dropped: 0
    }
  )
})

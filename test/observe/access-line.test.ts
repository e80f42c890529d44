import t from 'tap'
import fc from 'fast-check'
import { AccessLines, ClientText, labelsJson, OutcomeText } from '../../src/observe/access-line.ts'
import { CAPS } from '../../src/observe/layout.ts'
import { emptyRecord, type AccessRecord } from '../../src/observe/record.ts'
import { accessLine, accessLines } from './ring.ts'

const FORWARDED: AccessRecord = {
  ...emptyRecord(),
  time: Date.UTC(2027, 0, 2, 3, 4, 5, 6),
  duration: 12_345.6,
  upstreamTime: 9_000,
  status: 200,
  bytesIn: 0,
  bytesOut: 512,
  worker: 1,
  generation: 3,
  id: '01J0000000000000000000000A',
  traceId: '4bf92f3577b34da6a3ce929d0e0e4736',
  method: 'GET',
  scheme: 'https',
  host: 'api.example.com',
  path: '/orders/7',
  query: 'page=2&token=***',
  clientIp: '203.0.113.9',
  listener: 'public',
  userAgent: 'curl/8.5.0',
  route: 'orders.read',
  service: 'orders',
  decision: 'forward',
  shadow: 'ip,plan',
  authMethod: 'jwt',
  consumer: 'acme',
  subject: 'user-1',
  issuer: 'corp',
  target: '10.0.0.5:8080'
}

const DENIED: AccessRecord = {
  ...emptyRecord(),
  time: Date.UTC(2027, 0, 2, 3, 4, 5, 99),
  duration: 80,
  status: 403,
  id: '01J0000000000000000000000B',
  method: 'DELETE',
  scheme: 'http',
  host: 'api.example.com',
  path: '/orders/7',
  clientIp: '2001:db8::1',
  listener: 'plain',
  route: 'orders.drop',
  service: 'orders',
  decision: 'deny',
  problem: 'not-allowed',
  policy: 'authorize',
  rule: 'staff',
  where: 'gatehouse.yaml:40:9',
  reason: 'staff only',
  authMethod: 'key',
  consumer: 'acme',
  credential: 'acme-2026'
}

/** A record's own part with an id of two letters. */
const OWN = {
  time: 0,
  duration: 0,
  upstreamTime: -1,
  bytesIn: 0,
  bytesOut: 0,
  textAt: 0,
  idLength: 2,
  traceIdLength: 0,
  pathLength: 0,
  queryLength: 0
}

/** Whether all of a text was kept, or as much as its cap leaves of it. */
function isKept(kept: unknown, text: string, cap: number): boolean {
  if (Buffer.byteLength(text) <= cap) return kept === text
  return typeof kept === 'string' && text.startsWith(kept) && Buffer.byteLength(kept) > cap - 4
}

/** Lone surrogates replaced, as UTF-8 does. */
function wellFormed(text: string): string {
  return Buffer.from(text).toString()
}

t.test('golden: a forwarded request, with labels', async (t) => {
  t.equal(
    accessLine(FORWARDED, labelsJson({ team: 'orders', tier: 'a"b' })),
    '{"time":"2027-01-02T03:04:05.006Z","id":"01J0000000000000000000000A","client":"203.0.113.9","method":"GET",' +
      '"scheme":"https","host":"api.example.com","path":"/orders/7","query":"page=2&token=***","status":200,' +
      '"decision":"forward","route":"orders.read","service":"orders","shadow":"ip,plan","auth":"jwt","consumer":"acme",' +
      '"subject":"user-1","issuer":"corp","target":"10.0.0.5:8080","ms":12.346,"upstreamMs":9,"bytesIn":0,' +
      '"bytesOut":512,"trace":"4bf92f3577b34da6a3ce929d0e0e4736","agent":"curl/8.5.0","listener":"public","worker":1,' +
      '"generation":3,"labels":{"team":"orders","tier":"a\\"b"}}\n'
  )
})

t.test('golden: a refusal, down to the line of the configuration', async (t) => {
  t.equal(
    accessLine(DENIED),
    '{"time":"2027-01-02T03:04:05.099Z","id":"01J0000000000000000000000B","client":"2001:db8::1","method":"DELETE",' +
      '"scheme":"http","host":"api.example.com","path":"/orders/7","status":403,"decision":"deny","route":"orders.drop",' +
      '"service":"orders","problem":"not-allowed","policy":"authorize","rule":"staff","where":"gatehouse.yaml:40:9",' +
      '"reason":"staff only","auth":"key","consumer":"acme","credential":"acme-2026","ms":0.08,"bytesIn":0,"bytesOut":0,' +
      '"listener":"plain","worker":0,"generation":0}\n'
  )
})

t.test('golden: next to nothing known', async (t) => {
  t.equal(
    accessLine({ ...emptyRecord(), decision: 'error' }),
    '{"time":"1970-01-01T00:00:00.000Z","status":0,"decision":"error","ms":0,"bytesIn":0,"bytesOut":0,"worker":0,"generation":0}\n'
  )
})

t.test('hostile text stays inside its string', async (t) => {
  const cases: [string, string][] = [
    ['"', '\\"'],
    ['\\', '\\\\'],
    ['","decision":"forward', '\\",\\"decision\\":\\"forward'],
    ['a\nb\r\n{"x":1}', 'a\\u000ab\\u000d\\u000a{\\"x\\":1}'],
    ['\0\x1b[31m\x7f\x9b', '\\u0000\\u001b[31m\\u007f\\u009b'],
    ['\u2028\u2029\u202e\ufeff', '\\u2028\\u2029\\u202e\\ufeff'],
    ['é𝒳', '\\u00e9\\ud835\\udcb3'],
    ['\ud800', '\\ufffd'],
    ['\udc00x', '\\ufffdx'],
    ['\ud800\ud800\udc00', '\\ufffd\\ud800\\udc00'],
    ['</script>', '</script>']
  ]
  for (const [i, [text, written]] of cases.entries()) {
    const line = accessLine({ ...DENIED, userAgent: text })
    t.ok(line.includes(`"agent":"${written}"`), `case ${i}`)
  }
})

t.test('any text in any field: one line of ASCII that parses back to what was put in', async (t) => {
  const fields = {
    id: 'id',
    clientIp: 'client',
    method: 'method',
    host: 'host',
    path: 'path',
    query: 'query',
    reason: 'reason',
    subject: 'subject',
    userAgent: 'agent',
    traceId: 'trace'
  }
  fc.assert(
    fc.property(
      fc.constantFrom(...(Object.entries(fields) as [keyof typeof CAPS, string][])),
      fc.string({ unit: 'binary' }),
      ([name, key], text) => {
        const line = accessLine({ ...FORWARDED, [name]: text })
        const parsed = JSON.parse(line) as Record<string, unknown>
        return (
          /^[\x20-\x7e]+\n$/.test(line) &&
          isKept(parsed[key] ?? '', wellFormed(text), CAPS[name]) &&
          parsed['status'] === 200
        )
      }
    ),
    { numRuns: 200 }
  )
  t.pass()
})

t.test('times keep their milliseconds from second to second', async (t) => {
  for (const time of [0, 999, 1000, 1_790_000_000_999.9, 1_790_000_001_000, 5]) {
    const { time: text } = JSON.parse(accessLine({ ...DENIED, time })) as { time: string }
    t.equal(text, new Date(Math.floor(time)).toISOString())
  }
})

t.test('no labels, no field', async (t) => {
  t.equal(labelsJson({}), '')
  t.notMatch(accessLine(DENIED, labelsJson({})), /labels/)
})

t.test('numbers are written as JSON has them', async (t) => {
  const numbers = [0, 1, 9, 10, 99, 100, 12_345, 999_999_999, 2 ** 31 - 1, 2 ** 31, 2 ** 40, 2 ** 53, 1e21, 1.5]
  for (const n of numbers) {
    const line = accessLine({ ...DENIED, bytesIn: n, bytesOut: n, status: 0 })
    t.match(line, `"bytesIn":${n},"bytesOut":${n},`)
  }
  for (const us of [0, 1, 9, 10, 100, 999, 1000, 1001, 1010, 12_345.6, 999_999.5, 2 ** 31 - 1, 2 ** 31, 2 ** 40]) {
    const ms = Math.round(us) / 1000
    t.match(accessLine({ ...DENIED, duration: us, upstreamTime: us }), `"ms":${ms},"upstreamMs":${ms},`)
  }
})

t.test('lines stand one behind the other until they are taken, however many and long they are', async (t) => {
  const records: AccessRecord[] = []
  for (let n = 0; n < 300; n++) {
    records.push({ ...FORWARDED, id: String(n), reason: '\u{1f600}'.repeat(n % 128), query: 'q"'.repeat(n) })
  }
  t.equal(accessLines(records).toString('latin1'), records.map((record) => accessLine(record)).join(''))
})

t.test('what was taken is the taker’s', async (t) => {
  const lines = new AccessLines()
  const outcome = new OutcomeText()
  const client = new ClientText()
  outcome.write(DENIED, '')
  client.write(DENIED)
  const own = { ...OWN, bytes: Buffer.from('id') }
  t.equal(lines.take(), null)
  lines.add(own, outcome, client)
  lines.add(own, outcome, client)
  t.equal(lines.count, 2)
  const taken = lines.take()
  const text = taken?.toString('latin1')
  t.equal(lines.count, 0)
  t.equal(lines.take(), null)
  lines.add({ ...own, bytes: Buffer.from('di') }, outcome, client)
  t.equal(taken?.toString('latin1'), text)
  t.equal(text?.split('\n').length, 3)
})

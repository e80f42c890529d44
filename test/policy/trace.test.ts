import t from 'tap'
import { isTraceparent, newRequestId, nextTraceparent, requestIdFor, traceIdOf } from '../../src/policy/trace.ts'

const GOOD = '00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01'

t.test('strict traceparent', async (t) => {
  for (const value of [GOOD, GOOD.replace(/01$/, '00'), `cc${GOOD.slice(2)}`, `01${GOOD.slice(2)}-what-the-future`]) {
    t.equal(isTraceparent(value), true, value)
  }
  for (const value of [
    '',
    GOOD.toUpperCase(),
    `ff${GOOD.slice(2)}`,
    `${GOOD}-x`,
    `${GOOD} `,
    ` ${GOOD}`,
    `01${GOOD.slice(2)}x`,
    GOOD.replace('4bf92f3577b34da6a3ce929d0e0e4736', '0'.repeat(32)),
    GOOD.replace('00f067aa0ba902b7', '0'.repeat(16)),
    GOOD.replace('-01', '-0g'),
    GOOD.replaceAll('-', '_'),
    GOOD.slice(0, -1),
    `${GOOD}, ${GOOD}`
  ]) {
    t.equal(isTraceparent(value), false, value)
  }
})

t.test('a trusted proxy’s trace goes on with a span of our own', async (t) => {
  const next = nextTraceparent(GOOD, true)
  t.equal(isTraceparent(next), true)
  t.equal(traceIdOf(next), traceIdOf(GOOD))
  t.not(next.slice(36, 52), GOOD.slice(36, 52))
  t.match(next, /-01$/)
  t.match(nextTraceparent(GOOD.replace(/01$/, '00'), true), /-00$/)
  t.match(nextTraceparent(`cc${GOOD.slice(2)}-more`, true), /^00-4bf9.{46}01$/, 'sent on as version 00')
})

t.test('anyone else’s, or a broken one, is left', async (t) => {
  for (const [value, trusted] of [
    [GOOD, false],
    ['nonsense', true],
    [undefined, true]
  ] as const) {
    const next = nextTraceparent(value, trusted)
    t.equal(isTraceparent(next), true)
    t.not(traceIdOf(next), traceIdOf(GOOD))
    t.match(next, /-00$/)
  }
})

t.test('new traces are unique, however many are drawn', async (t) => {
  const fields = Array.from({ length: 2000 }, () => nextTraceparent(undefined, false))
  t.equal(new Set(fields.map(traceIdOf)).size, 2000)
  t.equal(new Set(fields.map((field) => field.slice(36, 52))).size, 2000)
  for (const field of fields) if (field.length !== 55 || !isTraceparent(field)) t.fail(field)
})

t.test('request ids are unique, sortable and of one form', async (t) => {
  const ids = Array.from({ length: 2000 }, () => newRequestId())
  t.equal(new Set(ids).size, 2000)
  for (const id of ids) if (!/^[0-9A-HJKMNP-TV-Z]{26}$/.test(id)) t.fail(id)
  t.equal(newRequestId(0).slice(0, 10), '0000000000')
  t.equal(newRequestId(1469918176385).slice(0, 10), '01ARYZ6S41', 'the time as ULID writes it')
  t.ok(newRequestId(1000) < newRequestId(2000))
})

t.test('a received id is kept from trusted proxies when it is harmless', async (t) => {
  t.equal(requestIdFor('abc-1.2_3~x/y+z=:@', true), 'abc-1.2_3~x/y+z=:@')
  t.equal(requestIdFor('x'.repeat(128), true), 'x'.repeat(128))
  for (const id of ['', 'x'.repeat(129), 'a b', 'a"b', 'a\nb', 'é', 'a,b', '<b>', 'a%41']) {
    t.match(requestIdFor(id, true), /^[0-9A-Z]{26}$/, JSON.stringify(id))
  }
  t.match(requestIdFor('abc', false), /^[0-9A-Z]{26}$/)
  t.match(requestIdFor(undefined, true), /^[0-9A-Z]{26}$/)
})

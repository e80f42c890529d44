/**
 * A service that told its limits by an older draft (`RateLimit: limit=100, remaining=50`) made the gateway's `RateLimit`
 * unreadable: lines of a field are one list, and clients discard a list with something else in it.
 */
import t from 'tap'
import { allFields } from '../../src/answer-fields.ts'
import { isLimitList } from '../../src/policy/limit-list.ts'
import { prepareResponseHeaders, responseHeaders } from '../../src/policy/response-headers.ts'
import { requestView } from '../policy/view.ts'

const NONE = { remove: [], rename: [], set: [], default: [], append: [] }

function received(limited: boolean, answered: string[], own: string[]): string[] | string {
  const prepared = prepareResponseHeaders({ security: false, request: NONE, response: NONE }, null, limited)
  const fields = responseHeaders(prepared, requestView({}), answered, undefined, own)
  return typeof fields === 'string' ? fields : allFields(fields)
}

t.test('what a service tells stands before the gateway’s where it can be read with it', async (t) => {
  const older = ['ratelimit', 'limit=100, remaining=50, reset=5', 'ratelimit-policy', '100;w=900', 'x-a', '1']
  const present = ['ratelimit', '"up";r=1;t=5', 'ratelimit-policy', '"up";q=1;w=60']
  const own = ['ratelimit-policy', '"l";q=10;w=3600', 'ratelimit', '"l";r=9;t=360']
  t.same(received(true, older, own), ['x-a', '1', ...own])
  t.same(received(true, present, own), [...present, ...own])
  t.same(received(false, older, []), older, 'a route without limits leaves it alone')
})

t.test('lists of strings with parameters', async (t) => {
  for (const list of [
    '"a"',
    ' "a";r=1',
    '"a";r=1;t=30, "b";r=0',
    '"a";q=10; qu="content-bytes";w=1\t,\t"b";pk=:cHsdsRa894==:',
    '"a\\"b\\\\";x;y=?1;z=*token/1;n=-1.5;big=999999999999999'
  ])
    t.ok(isLimitList(list), list)
  for (const no of [
    '',
    '100',
    '100;w=60',
    'limit=100',
    'a;r=1',
    '"a',
    '"a";r=',
    '"a";R=1',
    '"a",',
    '"a" "b"',
    '"\u00e9"',
    '"a";r=1234567890123456',
    '"a";r=1.2345',
    '"a\\b"'
  ])
    t.notOk(isLimitList(no), no)
})

t.test('in linear time', async (t) => {
  const began = process.cpuUsage()
  for (const part of ['"', '\\"', '"a",', '; ', ';a', ';a=1', ' ', '"a" ,', ':', '1', '=']) {
    isLimitList(part.repeat(100_000))
    isLimitList(`"a";a=${part.repeat(100_000)}`)
    isLimitList(`"${part.repeat(100_000)}`)
  }
  t.ok(process.cpuUsage(began).user < 5e6, 'of megabytes, in seconds at most')
})

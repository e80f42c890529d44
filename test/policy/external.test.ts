import t from 'tap'
import type { ExternalPlan } from '../../src/plan/external.ts'
import { decisionOf, questionOf } from '../../src/policy/external.ts'
import { RepeatedFields } from '../../src/repeated-fields.ts'
import type { RequestView } from '../../src/request.ts'
import { requestView, type ViewParts } from './view.ts'

const PLAN: ExternalPlan = {
  url: 'http://auth.internal/check',
  upstream: 0,
  path: '/check',
  headers: ['authorization', 'cookie'],
  copyBack: ['x-tenant'],
  cache: 10_000,
  timeout: 1000,
  onFailure: 'closed',
  mode: 'enforce',
  level: 'gateway',
  where: 'g.yaml:1:1'
}

const HOP = {
  host: 'auth.internal',
  authority: 'api.example',
  before: '',
  peerIp: '192.0.2.1',
  trustedPeer: false,
  traceparent: '00-0123456789abcdef0123456789abcdef-0123456789abcdef-00',
  identity: new RepeatedFields(['x-consumer', 'acme']),
  authorization: ''
}

function request(headers: [string, string][] = [], more: ViewParts = {}): RequestView {
  return requestView({ method: 'POST', headers, ...more })
}

t.test('the question tells what the policy names and where the request was going, and nothing else', (t) => {
  const { headers } = questionOf(
    PLAN,
    request([
      ['authorization', 'Bearer x'],
      ['x-secret', 's'],
      ['cookie', 'a=1'],
      ['x-consumer', 'evil'],
      ['x-forwarded-uri', '/evil']
    ]),
    HOP,
    'a=b'
  )
  t.same(headers.slice(0, 14), [
    'host',
    'auth.internal',
    'authorization',
    'Bearer x',
    'cookie',
    'a=1',
    'x-consumer',
    'acme',
    'x-forwarded-method',
    'POST',
    'x-forwarded-uri',
    '/orders/7?a=b',
    'x-forwarded-for',
    '192.0.2.1'
  ])
  t.match(headers.join('\n'), /x-forwarded-proto\nhttps\nx-forwarded-host\napi\.example\nx-request-id\n.*\ntraceparent/)
  t.notMatch(headers.join('\n'), /evil|x-secret/)
  t.end()
})

t.test('questions are equal exactly when all that is told is equal, but for the ids', (t) => {
  const base = questionOf(PLAN, request([['authorization', 'a']]), HOP, 'q').key
  t.equal(
    questionOf(PLAN, request([['authorization', 'a']], { id: 'another' }), { ...HOP, traceparent: 'x' }, 'q').key,
    base
  )
  t.equal(
    questionOf(
      PLAN,
      request([
        ['authorization', 'a'],
        ['x-other', '1']
      ]),
      HOP,
      'q'
    ).key,
    base,
    'not told'
  )
  const others = [
    questionOf(PLAN, request([['authorization', 'b']]), HOP, 'q'),
    questionOf(PLAN, request([]), HOP, 'q'),
    questionOf(PLAN, request([['authorization', '']]), HOP, 'q'),
    questionOf(
      PLAN,
      request([
        ['authorization', 'a'],
        ['authorization', 'a']
      ]),
      HOP,
      'q'
    ),
    questionOf(PLAN, request([['cookie', 'a']]), HOP, 'q'),
    questionOf(PLAN, request([['authorization', 'a']], { method: 'GET' }), HOP, 'q'),
    questionOf(PLAN, request([['authorization', 'a']], { method: 'HEAD' }), HOP, 'q'),
    questionOf(PLAN, request([['authorization', 'a']], { path: '/orders/8' }), HOP, 'q'),
    questionOf(PLAN, request([['authorization', 'a']], { scheme: 'http' }), HOP, 'q'),
    questionOf(PLAN, request([['authorization', 'a']]), HOP, 'r'),
    questionOf(PLAN, request([['authorization', 'a']]), HOP, ''),
    questionOf(PLAN, request([['authorization', 'a']]), { ...HOP, peerIp: '192.0.2.2' }, 'q'),
    questionOf(PLAN, request([['authorization', 'a']]), { ...HOP, authority: 'b.example' }, 'q'),
    questionOf(
      PLAN,
      request([['authorization', 'a']]),
      { ...HOP, identity: new RepeatedFields(['x-consumer', 'other']) },
      'q'
    ),
    questionOf(PLAN, request([['authorization', 'a']]), { ...HOP, identity: new RepeatedFields([]) }, 'q'),
    questionOf({ ...PLAN, url: 'http://other/check' }, request([['authorization', 'a']]), HOP, 'q'),
    questionOf({ ...PLAN, copyBack: [] }, request([['authorization', 'a']]), HOP, 'q'),
    questionOf({ ...PLAN, cache: 9_000 }, request([['authorization', 'a']]), HOP, 'q')
  ].map(({ key }) => key)
  t.equal(new Set([base, ...others]).size, others.length + 1)
  t.notMatch(base, 'a=', 'no part of a credential is in it')
  t.equal(questionOf({ ...PLAN, cache: null }, request(), HOP, '').key, '', 'nothing is cached')
  t.end()
})

t.test('what an answer means', (t) => {
  for (const [status, headers, kind, keep] of [
    [200, [], 'admit', true],
    [204, [], 'admit', true],
    [299, [], 'admit', true],
    [200, ['cache-control', 'private, No-Store'], 'admit', false],
    [401, [], 'unidentified', true],
    [403, [], 'deny', true],
    [400, [], 'deny', false],
    [404, [], 'deny', false],
    [408, [], 'none', false],
    [429, [], 'none', false],
    [302, ['location', 'https://login.example/'], 'redirect', false],
    [307, ['location', '/login'], 'redirect', false],
    [302, [], 'none', false],
    [302, ['location', '/a', 'location', '/b'], 'none', false],
    [302, ['location', `/${'x'.repeat(4095)}`], 'redirect', false],
    [302, ['location', `/${'x'.repeat(4096)}`], 'none', false],
    [304, ['location', '/a'], 'none', false],
    [300, ['location', '/a'], 'none', false],
    [500, [], 'none', false],
    [503, [], 'none', false]
  ] as const)
    t.match(decisionOf(PLAN, status, headers), { kind, keep }, `${status} ${headers.join(' ').slice(0, 40)}`)
  t.end()
})

t.test('only what was named is copied, and only a challenge or a Location is passed on', (t) => {
  const answer = ['x-tenant', 'a', 'set-cookie', 's=1', 'x-tenant', 'b', 'x-other', '1', 'www-authenticate', 'Basic']
  t.same(decisionOf(PLAN, 200, answer).fields, ['x-tenant', 'a', 'x-tenant', 'b'])
  t.same(decisionOf(PLAN, 401, answer).fields, ['www-authenticate', 'Basic'])
  t.same(decisionOf(PLAN, 403, answer).fields, [])
  t.match(decisionOf(PLAN, 200, ['x-tenant', 'a\r\nx-admin: 1']), { kind: 'none', fields: [] })
  t.end()
})

import t from 'tap'
import type { HeaderOperations } from '../../src/plan/headers.ts'
import { identityFields } from '../../src/policy/identity-fields.ts'
import {
  type Hop,
  prepareRequestHeaders,
  repeats,
  requestHeaders,
  requestOperationsProblem,
  requestQuery,
  tellOrigin
} from '../../src/policy/request-headers.ts'
import { RepeatedFields } from '../../src/repeated-fields.ts'
import { requestView, type ViewParts } from './view.ts'

const NOWHERE = { header: [], cookie: [], query: [] }
const NONE: HeaderOperations = { remove: [], rename: [], set: [], default: [], append: [] }
const TRACE = '00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-00'

interface Case {
  view?: ViewParts
  operations?: Partial<HeaderOperations>
  headers?: boolean
  credentials?: 'strip' | 'forward'
  places?: typeof NOWHERE | { header: string[]; cookie: string[]; query: string[] }
  hop?: Partial<Hop>
}

function sent({ view = {}, operations = {}, headers = true, credentials = 'strip', places = NOWHERE, hop = {} }: Case) {
  const prepared = prepareRequestHeaders({ ...NONE, ...operations }, { headers, credentials }, places)
  const request = requestView(view)
  const all: Hop = {
    host: 'upstream:8080',
    authorization: '',
    authority: 'api.example.com:8443',
    before: '',
    peerIp: '192.0.2.1',
    trustedPeer: false,
    traceparent: TRACE,
    identity: new RepeatedFields(identityFields(request.caller)),
    ...hop
  }
  const fields = requestHeaders(prepared, request, all)
  if (repeats(prepared)) {
    fields.push(...all.identity.list)
    tellOrigin(fields, request, all)
  }
  const pairs: [string, string][] = []
  for (let i = 0; i < fields.length; i += 2) pairs.push([fields[i] ?? '', fields[i + 1] ?? ''])
  return pairs
}

function values(pairs: [string, string][], name: string): string[] {
  return pairs.filter(([own]) => own === name).map(([, value]) => value)
}

t.test('what is told, and nothing for what is absent', async (t) => {
  t.same(sent({ view: { headers: [['accept', '*/*']] } }), [
    ['host', 'upstream:8080'],
    ['accept', '*/*'],
    ['x-request-id', '01ARZ3NDEKTSV4RRFFQ69G5FAV'],
    ['traceparent', TRACE],
    ['x-auth-method', 'public'],
    ['x-forwarded-for', '192.0.2.1'],
    ['x-forwarded-proto', 'https'],
    ['x-forwarded-host', 'api.example.com:8443']
  ])
  const caller = {
    method: 'jwt' as const,
    consumer: 'acme',
    groups: ['staff', 'a,b'],
    subject: 'Zoë',
    issuer: 'corp',
    scopes: ['orders:read', 'a b'],
    credential: 'k%1'
  }
  const told = sent({ view: { caller } }).slice(3, 10)
  t.same(told, [
    ['x-consumer', 'acme'],
    ['x-consumer-groups', 'staff,a%2Cb'],
    ['x-subject', 'Zo%C3%AB'],
    ['x-issuer', 'corp'],
    ['x-scopes', 'orders:read a%20b'],
    ['x-auth-method', 'jwt'],
    ['x-credential', 'k%251']
  ])
})

t.test('client copies of what is told never get through', async (t) => {
  const names = [
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
    'x-forwarded-port',
    'x-forwarded-client-cert',
    'forwarded',
    'x-real-ip',
    'x-original-url',
    'x-rewrite-url',
    'x-http-method-override',
    'proxy'
  ]
  const headers = names.flatMap((name) => [
    [name, 'forged'] as const,
    [name.replaceAll('-', '_'), 'forged'] as const,
    [name.replace('-', '_'), 'forged'] as const
  ])
  for (const tell of [true, false]) {
    const pairs = sent({ view: { headers }, headers: tell })
    t.same(
      pairs.filter(([, value]) => value === 'forged'),
      [],
      `identity.headers: ${tell}`
    )
  }
  t.same(sent({ view: { headers }, headers: false }), [['host', 'upstream:8080']])
})

t.test('fields of the connection stay behind', async (t) => {
  const pairs = sent({
    headers: false,
    view: {
      headers: [
        ['connection', 'Close, X-Hop'],
        ['keep-alive', '1'],
        ['proxy-authorization', '1'],
        ['proxy-connection', '1'],
        ['te', 'gzip, Trailers'],
        ['trailer', 'x'],
        ['transfer-encoding', 'chunked'],
        ['upgrade', 'websocket'],
        ['http2-settings', 'x'],
        ['expect', '100-continue'],
        ['content-length', '5'],
        ['host', 'api.example.com'],
        ['x-stays', '1']
      ]
    }
  })
  t.same(pairs, [
    ['host', 'upstream:8080'],
    ['te', 'trailers'],
    ['x-stays', '1']
  ])
  t.same(sent({ headers: false, view: { headers: [['te', 'gzip']] } }), [['host', 'upstream:8080']])
})

t.test('whose address a client writes into fields of other proxies is not passed on', async (t) => {
  const claims: [string, string][] = [
    ['cf-connecting-ip', '6.6.6.6'],
    ['true-client-ip', '6.6.6.6'],
    ['x-client-ip', '6.6.6.6'],
    ['x-client_ip', '6.6.6.6'],
    ['x-forwarded', 'for=6.6.6.6']
  ]
  const view = { headers: [...claims, ['client-version', '1'] as [string, string]] }
  const kept = sent({ headers: false, view }).map(([name]) => name)
  t.same(kept, ['host', 'client-version'])
  t.equal(sent({ headers: false, view, hop: { trustedPeer: true } }).length, 2 + claims.length)
})

t.test('a trusted proxy is appended to, anyone else replaced', async (t) => {
  const view: ViewParts = {
    scheme: 'http',
    headers: [
      ['x-forwarded-for', '203.0.113.5'],
      ['x-forwarded-proto', 'https'],
      ['x-forwarded-host', 'www.example.com'],
      ['traceparent', TRACE],
      ['tracestate', 'a=1']
    ]
  }
  const trusted = sent({ view, hop: { trustedPeer: true, before: '203.0.113.5', peerIp: '10.0.0.2' } })
  t.same(values(trusted, 'x-forwarded-for'), ['203.0.113.5, 10.0.0.2'])
  t.same(values(trusted, 'x-forwarded-proto'), ['https'])
  t.same(values(trusted, 'x-forwarded-host'), ['www.example.com'])
  t.same(values(trusted, 'tracestate'), ['a=1'])
  const other = sent({ view, hop: { peerIp: '198.51.100.7' } })
  t.same(values(other, 'x-forwarded-for'), ['198.51.100.7'])
  t.same(values(other, 'x-forwarded-proto'), ['http'])
  t.same(values(other, 'x-forwarded-host'), ['api.example.com:8443'])
  t.same(values(other, 'tracestate'), [], 'without its trace the state says nothing')
})

t.test('nonsense of a trusted proxy is not passed on', async (t) => {
  for (const said of ['javascript', 'https, http', '']) {
    t.same(
      values(
        sent({ view: { headers: [['x-forwarded-proto', said]] }, hop: { trustedPeer: true } }),
        'x-forwarded-proto'
      ),
      ['https'],
      said
    )
  }
  for (const said of ['a b', 'a,b', 'http://a', '', 'x'.repeat(300)]) {
    const view: ViewParts = { headers: [['x-forwarded-host', said]] }
    t.same(values(sent({ view, hop: { trustedPeer: true } }), 'x-forwarded-host'), ['api.example.com:8443'], said)
  }
})

t.test('credentials are taken out of header, cookie and query', async (t) => {
  const places = { header: ['authorization', 'x-api-key'], cookie: ['session'], query: ['token'] }
  const view: ViewParts = {
    query: 'a=1&token=t',
    headers: [
      ['authorization', 'Bearer t'],
      ['x-api-key', 'k'],
      ['cookie', 'session=s; theme=dark'],
      ['x-a', '1']
    ]
  }
  t.same(sent({ view, places, headers: false }), [
    ['host', 'upstream:8080'],
    ['cookie', 'theme=dark'],
    ['x-a', '1']
  ])
  t.same(sent({ view: { headers: [['cookie', 'session=s']] }, places, headers: false }), [['host', 'upstream:8080']])
  t.equal(sent({ view, places, headers: false, credentials: 'forward' }).length, 5)
  const prepare = (credentials: 'strip' | 'forward') =>
    prepareRequestHeaders(NONE, { headers: true, credentials }, places)
  t.equal(requestQuery(prepare('strip'), requestView(view)), 'a=1')
  t.equal(requestQuery(prepare('forward'), requestView(view)), 'a=1&token=t')
})

t.test('operations run in order, over what is told too', async (t) => {
  const pairs = sent({
    view: {
      headers: [
        ['x-drop', '1'],
        ['x-old', 'o'],
        ['x-new', 'client'],
        ['x-set', 'client'],
        ['x-default', 'client'],
        ['x-list', 'a']
      ],
      caller: { claims: { tenant: 'acme\r\n' } }
    },
    headers: false,
    operations: {
      remove: ['x-drop'],
      rename: [
        { from: 'x-old', to: 'x-new' },
        { from: 'x-absent', to: 'x-set' }
      ],
      set: [
        { name: 'x-set', value: [{ kind: 'claim', name: 'tenant' }] },
        { name: 'x-none', value: [{ kind: 'claim', name: 'none' }] }
      ],
      default: [
        { name: 'x-default', value: ['d'] },
        { name: 'x-other', value: ['d'] }
      ],
      append: [{ name: 'x-list', value: ['b'] }]
    }
  })
  t.same(pairs, [
    ['host', 'upstream:8080'],
    ['x-new', 'o'],
    ['x-default', 'client'],
    ['x-list', 'a'],
    ['x-set', 'acme%0D%0A'],
    ['x-other', 'd'],
    ['x-list', 'b']
  ])
})

t.test('a set value that comes out empty removes the client’s copy', async (t) => {
  const operations = { set: [{ name: 'x-tenant', value: [{ kind: 'claim' as const, name: 'tenant' }] }] }
  t.same(sent({ view: { headers: [['x-tenant', 'forged']] }, headers: false, operations }), [['host', 'upstream:8080']])
})

t.test('operations that would break or forge are errors', async (t) => {
  for (const [operations, message] of [
    [{ rename: [{ from: 'x-mine', to: 'x-consumer' }] }, /renamed to x-consumer/],
    [{ rename: [{ from: 'x-mine', to: 'x_consumer' }] }, /renamed to x_consumer/],
    [{ set: [{ name: 'x-subject', value: [{ kind: 'header', name: 'x-a' }] }] }, /x-subject can’t hold/],
    [{ append: [{ name: 'x-consumer-groups', value: ['a', { kind: 'path-name', name: 'id' }] }] }, /can’t hold/],
    [{ set: [{ name: 'content-length', value: ['5'] }] }, /content-length can’t be changed/],
    [{ set: [{ name: 'transfer-encoding', value: ['chunked'] }] }, /can’t be changed/],
    [{ set: [{ name: 'host', value: ['x'] }] }, /host can’t be changed/],
    [{ remove: ['connection'] }, /can’t be changed/],
    [{ set: [{ name: 'x y', value: ['x'] }] }, /no header name/]
  ] as [Partial<HeaderOperations>, RegExp][]) {
    t.match(requestOperationsProblem({ ...NONE, ...operations }), message)
    t.throws(() => sent({ operations }), message)
  }
  t.equal(requestOperationsProblem({ ...NONE, set: [{ name: 'x-consumer', value: ['fixed'] }] }), null)
  t.throws(() => sent({ operations: { set: [{ name: 'x-a', value: ['a\nb'] }] } }), /control characters/)
})

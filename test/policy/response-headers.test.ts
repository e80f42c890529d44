import t from 'tap'
import { allFields } from '../../src/answer-fields.ts'
import type { CorsPlan } from '../../src/plan/cors.ts'
import type { HeaderOperations, HeadersPlan } from '../../src/plan/headers.ts'
import { prepareCors } from '../../src/policy/cors.ts'
import {
  prepareResponseHeaders,
  refusedHeaders,
  responseHeaders,
  responseOperationsProblem
} from '../../src/policy/response-headers.ts'
import { refuse } from '../../src/problems.ts'
import { requestView, type ViewParts } from './view.ts'

const NONE: HeaderOperations = { remove: [], rename: [], set: [], default: [], append: [] }
const CORS: CorsPlan = {
  origins: ['https://app.example.com'],
  methods: ['GET'],
  headers: [],
  expose: [],
  credentials: false,
  maxAge: null,
  where: 'x:1:1'
}

interface Case {
  answered?: string[]
  plan?: Partial<HeadersPlan>
  cors?: CorsPlan | null
  origin?: string
  own?: string[]
  view?: ViewParts
}

function received({ answered = [], plan = {}, cors = null, origin, own = [], view = {} }: Case): string[] | string {
  const headers = { security: false, request: NONE, response: NONE, ...plan }
  const prepared = prepareResponseHeaders(headers, cors === null ? null : prepareCors(cors))
  const fields = responseHeaders(prepared, requestView(view), answered, origin, own)
  return typeof fields === 'string' ? fields : allFields(fields)
}

t.test('what tells of the connection or the inside stays behind', async (t) => {
  const inside = [
    'connection',
    'keep-alive',
    'transfer-encoding',
    'te',
    'trailer',
    'upgrade',
    'proxy-authenticate',
    'date',
    'content-length',
    'server',
    'via',
    'x-powered-by',
    'x-aspnet-version',
    'x-served-by',
    'x-envoy-upstream-service-time',
    'x-kong-proxy-latency',
    'x-accel-redirect',
    'alt-svc'
  ].flatMap((name) => [name, 'x'])
  t.same(received({ answered: [...inside, 'content-type', 'text/plain', 'set-cookie', 'a=1', 'set-cookie', 'b=2'] }), [
    'content-type',
    'text/plain',
    'set-cookie',
    'a=1',
    'set-cookie',
    'b=2'
  ])
})

t.test('an answer that would split is refused', async (t) => {
  for (const [name, value] of [
    ['x-a', 'a\r\nset-cookie: b'],
    ['x-a', 'a\nb'],
    ['x-a', 'a\0b'],
    ['x-a', 'a\x7f'],
    ['x-a', 'Ā'],
    ['x a', 'b'],
    ['', 'b'],
    ['x-a\r\n', 'b'],
    ['server', 'a\r\nb']
  ] as const) {
    t.match(received({ answered: [name, value] }), /^the answer/, JSON.stringify([name, value]))
  }
  t.same(received({ answered: ['x-a', 'caf\xe9\tb'] }), ['x-a', 'caf\xe9\tb'])
})

t.test('the security preset fills what is lacking', async (t) => {
  const preset = [
    'x-content-type-options',
    'nosniff',
    'referrer-policy',
    'no-referrer',
    'x-permitted-cross-domain-policies',
    'none',
    'x-frame-options',
    'DENY',
    'content-security-policy',
    "default-src 'none'; frame-ancestors 'none'"
  ]
  const plan = { security: true }
  t.same(received({ plan }), ['strict-transport-security', 'max-age=31536000', ...preset])
  t.same(received({ plan, view: { scheme: 'http' } }), preset, 'no HSTS without TLS')
  const own = ['strict-transport-security', 'max-age=1', ...preset.map((text, i) => (i % 2 === 0 ? text : 'own'))]
  t.same(received({ plan, answered: own }), own)
  const html = received({ plan, answered: ['content-type', 'text/html; charset=utf-8'] })
  t.ok(html.includes("frame-ancestors 'none'"))
  const frames = received({ plan, answered: ['x-frame-options', 'SAMEORIGIN'] })
  t.notOk(frames.includes('content-security-policy'), 'a page that allows frames isn’t overruled')
  const policy = received({ plan, answered: ['content-security-policy', 'frame-ancestors https://a'] })
  t.notOk(policy.includes('x-frame-options'))
})

t.test('operations come after the preset, and can’t touch framing', async (t) => {
  const response = { ...NONE, remove: ['x-frame-options'], set: [{ name: 'referrer-policy', value: ['origin'] }] }
  const fields = received({ plan: { security: true, response } })
  t.notOk(fields.includes('x-frame-options'))
  t.ok(fields.includes('origin'))
  t.notOk(fields.includes('no-referrer'))
  t.match(responseOperationsProblem({ ...NONE, set: [{ name: 'content-length', value: ['1'] }] }), /can’t be changed/)
  t.equal(responseOperationsProblem(response), null)
})

t.test('CORS fields replace the upstream’s, and go on refusals', async (t) => {
  const answered = ['access-control-allow-origin', '*', 'access-control-allow-credentials', 'true', 'vary', 'accept']
  const origin = 'https://app.example.com'
  t.same(received({ answered, cors: CORS, origin }), [
    'vary',
    'accept',
    'access-control-allow-origin',
    origin,
    'vary',
    'origin'
  ])
  t.same(received({ cors: CORS, origin, own: ['www-authenticate', 'Bearer'] }), [
    'access-control-allow-origin',
    origin,
    'vary',
    'origin',
    'www-authenticate',
    'Bearer'
  ])
  t.same(received({ answered, cors: CORS, origin: 'https://evil.com' }), ['vary', 'accept', 'vary', 'origin'])
  t.same(received({ answered: ['vary', 'Accept, Origin'], cors: CORS }), ['vary', 'Accept, Origin'], 'said once')
  t.same(received({ answered: ['vary', '*'], cors: CORS }), ['vary', '*'])
  t.same(received({ answered }), answered, 'without cors they pass')
})

t.test('our own fields come last', async (t) => {
  t.same(received({ answered: ['x-a', '1'], own: ['ratelimit', '"plan";r=9;t=1'] }), [
    'x-a',
    '1',
    'ratelimit',
    '"plan";r=9;t=1'
  ])
})

t.test('of a list that comes again, what all its answers share is made once, and told apart by scheme', (t) => {
  const prepared = prepareResponseHeaders({ security: true, request: NONE, response: NONE } as HeadersPlan, null)
  const list = Object.freeze(['content-type', 'text/plain'])
  const shared = (answered: readonly string[], scheme: 'http' | 'https') => {
    const fields = responseHeaders(prepared, requestView({ scheme }), answered, undefined, ['x-request-id', 'a'])
    return typeof fields === 'string' ? null : fields.shared
  }
  t.equal(shared(list, 'http'), shared(list, 'http'))
  t.equal(shared(list, 'https'), shared(list, 'https'))
  t.ok(shared(list, 'https')?.list.includes('strict-transport-security'))
  t.notOk(shared(list, 'http')?.list.includes('strict-transport-security'))
  const changing = [...list]
  t.not(shared(changing, 'http'), shared(changing, 'http'), 'a list that may change is looked at each time')
  t.equal(shared(changing, 'http')?.again, false)
  t.end()
})

t.test('where an operation reads the request, nothing is shared between requests', (t) => {
  const plan = (value: HeaderOperations['set'][number]['value']): HeadersPlan =>
    ({ security: false, request: NONE, response: { ...NONE, set: [{ name: 'x-a', value }] } }) as unknown as HeadersPlan
  const list = Object.freeze([])
  const value = (prepared: ReturnType<typeof prepareResponseHeaders>, path: string): string[] | string => {
    const fields = responseHeaders(prepared, requestView({ path }), list, undefined, [])
    return typeof fields === 'string' ? fields : allFields(fields)
  }
  const reading = prepareResponseHeaders(plan([{ kind: 'path' }]), null)
  t.same(value(reading, '/a'), ['x-a', '/a'])
  t.same(value(reading, '/b'), ['x-a', '/b'])
  const constant = prepareResponseHeaders(plan(['one']), null)
  t.same(value(constant, '/a'), ['x-a', 'one'])
  t.same(value(constant, '/b'), ['x-a', 'one'])
  t.end()
})

t.test('a refusal that comes again: fields of the first, none of another status or scheme', async (t) => {
  const prepared = prepareResponseHeaders({ security: true, request: NONE, response: NONE }, null)
  const challenge = Object.freeze(['www-authenticate', 'Bearer'])
  const told = (code: 'bad-credential' | 'not-allowed', headers: readonly string[], view: ViewParts = {}) => {
    const fields = refusedHeaders(prepared, requestView(view), refuse(code, 'auth', '', { headers }), [
      'x-request-id',
      'a'
    ])
    if (typeof fields === 'string') throw new Error(fields)
    return fields
  }
  const first = told('bad-credential', challenge)
  t.match(
    allFields(first).join(' '),
    /content-type application\/problem\+json .*www-authenticate Bearer x-request-id a$/
  )
  t.equal(told('bad-credential', challenge).shared, first.shared)
  const other = told('not-allowed', challenge)
  t.not(other.shared, first.shared, 'bytes are kept with the line of one status')
  t.same(allFields(other), allFields(first))
  const plain = told('bad-credential', challenge, { scheme: 'http' })
  t.notOk(allFields(plain).includes('strict-transport-security'))
  t.ok(allFields(told('bad-credential', challenge)).includes('strict-transport-security'))
  const changing = ['retry-after', '1']
  t.ok(allFields(told('not-allowed', changing)).includes('1'))
  changing[1] = '2'
  t.ok(allFields(told('not-allowed', changing)).includes('2'), 'a list that is not frozen is read each time')
  const varying = Object.freeze(['vary', 'origin'])
  t.notOk(told('not-allowed', varying).shared.list.includes('vary'), 'an operation may have said it already')
})

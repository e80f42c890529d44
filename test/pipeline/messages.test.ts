import t from 'tap'
import { Peer } from '../../src/client/peer.ts'
import type { RepeatedFields } from '../../src/repeated-fields.ts'
import { allHeaders } from '../../src/upstream/transport.ts'
import { allFields } from '../../src/answer-fields.ts'
import { Permit } from '../../src/pipeline/authorize.ts'
import { answerHeaders, clientHeaders, refusalHeaders, upstreamRequest } from '../../src/pipeline/messages.ts'
import { Answer } from '../../src/pipeline/verdict.ts'
import { sha256 } from '../e2e/tokens.ts'
import { pipeline, type Described } from './kit.ts'

const stages = await pipeline(
  t,
  `version: 1
listen:
  - { name: plain, address: "127.0.0.1:0" }
  - { name: proxied, address: "127.0.0.1:0", client: { addressFrom: x-forwarded-for, trustedProxies: ["10.0.0.0/8"] } }
consumers: [ { name: acme, keys: [ { id: k, hash: "sha256:${sha256('acme-key')}" } ] } ]
services:
  - name: s
    url: http://10.0.0.9:80/base
    policies: { auth: public }
    routes:
      - { name: plain, match: { paths: ["/plain/*"] } }
      - { name: stripped, match: { paths: ["/api", "/api/*"] }, forward: { stripPrefix: /api } }
      - { name: rewritten, match: { paths: ["/v1/{id}/*"] }, forward: { rewrite: "/v2/{*}/of/{id}", host: preserve } }
      - { name: limited, match: { paths: ["/limited"] }, policies: { limits: [ { name: one, rate: 1/h, by: all } ], cors: { origins: ["https://a.example"], methods: [GET] } } }
      - { name: costs, match: { paths: ["/costs"] }, policies: { limits: [ { name: units, rate: 100/h, cost: { response: x-cost, default: 10, max: 60 }, by: "header:x-test" } ] } }
      - { name: keyed, match: { paths: ["/keyed"] }, policies: { auth: { key: { query: key } } } }
      - { name: changed, match: { paths: ["/changed"] }, policies: { headers: { security: true, response: { remove: [server], set: { x-a: "1" } } } } }
  - name: six
    url: "http://[::1]:8080"
    policies: { auth: public }
    routes: [ { name: r, match: { paths: ["/six"] } } ]
`
)

async function forwarded(
  described: Described
): Promise<{ path: string; method: string; bodyLength: number; headers: Record<string, string> }> {
  const { x, outcome } = await stages.decide(described)
  if (!(outcome instanceof Permit)) throw new Error(JSON.stringify(outcome))
  const request = upstreamRequest(outcome, x)
  return { ...request, headers: mapOf(allHeaders(request)) }
}

function mapOf(flat: readonly string[]): Record<string, string> {
  const map: Record<string, string> = {}
  for (let i = 0; i < flat.length; i += 2) map[flat[i] ?? ''] = flat[i + 1] ?? ''
  return map
}

t.test('the path: what was matched, behind the base path, its query untouched', async (t) => {
  const paths: [string, string][] = [
    ['/plain/a?x=%zz&&y', '/base/plain/a?x=%zz&&y'],
    ['/plain', '/base/plain'],
    ['/plain//a/./b/../c%41', '/base/plain/a/cA'],
    ['/plain/%C3%A9?', '/base/plain/%C3%A9'],
    ['/api', '/base/'],
    ['/api/', '/base/'],
    ['/api/a/', '/base/a/'],
    ['/v1/7/a/b%20c?q', '/base/v2/a/b%20c/of/7?q'],
    ['/keyed?key=acme-key', '/base/keyed'],
    ['/keyed?a=1&key=acme-key&b=2', '/base/keyed?a=1&b=2']
  ]
  for (const [target, path] of paths) t.equal((await forwarded({ target })).path, path, target)
})

t.test('host: the upstream’s without its scheme’s own port, or the client’s', async (t) => {
  t.equal((await forwarded({ target: '/plain' })).headers['host'], '10.0.0.9')
  t.equal((await forwarded({ target: '/six' })).headers['host'], '[::1]:8080')
  t.equal(
    (await forwarded({ target: '/v1/1/x', headers: { host: 'A.Example:8080' } })).headers['host'],
    'A.Example:8080'
  )
})

t.test('method and the length of the body', async (t) => {
  t.match(await forwarded({ target: '/plain', method: 'HEAD' }), { method: 'HEAD', bodyLength: 0 })
  t.match(await forwarded({ target: '/plain', method: 'PUT', headers: { 'content-length': '7' } }), {
    method: 'PUT',
    bodyLength: 7
  })
  const chunked = await forwarded({ target: '/plain', method: 'PUT', headers: { 'transfer-encoding': 'chunked' } })
  t.equal(chunked.bodyLength, -1)
  t.notOk('transfer-encoding' in chunked.headers)
})

t.test('where it came from: a trusted peer adds itself, nobody else is believed', async (t) => {
  const said = { 'x-forwarded-for': '203.0.113.7, 198.51.100.1' }
  t.equal((await forwarded({ target: '/plain', headers: said })).headers['x-forwarded-for'], '192.0.2.1')
  const trusted = await forwarded({ target: '/plain', headers: said, listener: 1, peer: '10.1.1.1' })
  t.equal(trusted.headers['x-forwarded-for'], '203.0.113.7, 198.51.100.1, 10.1.1.1')
  const untrusted = await forwarded({ target: '/plain', headers: said, listener: 1, peer: '192.0.2.1' })
  t.equal(untrusted.headers['x-forwarded-for'], '192.0.2.1')
})

t.test('what is told of caller and connection comes again as the same object, unless it changed', async (t) => {
  const repeatedOf = async (described: Described, peer?: Peer): Promise<readonly RepeatedFields[]> => {
    const { x, outcome } = await stages.decide(described)
    if (!(outcome instanceof Permit)) throw new Error(JSON.stringify(outcome))
    return upstreamRequest(outcome, peer === undefined ? x : Object.assign(x, { peer })).repeated
  }
  const peer = new Peer(Uint8Array.of(192, 0, 2, 1))
  const [caller, origin] = await repeatedOf({ target: '/plain' }, peer)
  t.notOk(origin?.again)
  const [sameCaller, sameOrigin] = await repeatedOf({ target: '/plain' }, peer)
  t.equal(sameCaller, caller)
  t.equal(sameOrigin, origin)
  t.ok(origin?.again)
  const [, otherHost] = await repeatedOf({ target: '/plain', headers: { host: 'b.example' } }, peer)
  t.same(otherHost?.list.slice(-2), ['x-forwarded-host', 'b.example'])
  const behindProxy: Described = { target: '/plain', listener: 1, peer: '10.1.1.1' }
  for (const client of ['203.0.113.7', '203.0.113.8']) {
    const [, told] = await repeatedOf({ ...behindProxy, headers: { 'x-forwarded-for': client } })
    t.same(told?.list.slice(0, 2), ['x-forwarded-for', `${client}, 10.1.1.1`], 'a proxy speaks for many')
  }
})

t.test('a permit for a route that answers by itself opens no upstream', async (t) => {
  const { x, outcome } = await stages.decide({ target: '/plain' })
  const route = (outcome as Permit).route
  const action = { kind: 'respond', status: 200, headers: [], body: null } as const
  t.throws(
    () => upstreamRequest({ ...(outcome as Permit), route: { ...route, action } } as Permit, x),
    /has no upstream/
  )
})

t.test('an upstream’s answer as the client gets it', async (t) => {
  const { x } = await stages.decide({ target: '/changed' })
  const answer = clientHeaders(x, [
    'content-type',
    'text/plain',
    'server',
    'inside/1',
    'content-length',
    '12',
    'x-a',
    '0',
    'set-cookie',
    'a=1',
    'set-cookie',
    'b=2'
  ])
  if (typeof answer === 'string') throw new Error(answer)
  t.equal(answer.length, 12)
  const names = allFields(answer.fields).filter((_, i) => i % 2 === 0)
  for (const gone of ['server', 'content-length']) t.notOk(names.includes(gone), gone)
  t.equal(names.filter((name) => name === 'set-cookie').length, 2)
  t.match(mapOf(allFields(answer.fields)), { 'x-a': '1', 'x-content-type-options': 'nosniff', 'x-request-id': x.id })
  const unsized = clientHeaders(x, ['content-type', 'text/plain'])
  t.match(unsized, { length: -1 })
})

t.test('an answer’s cost: at most max, the default where it can’t be read', async (t) => {
  for (const [told, left] of [
    [['0'], 100],
    [['25'], 75],
    [['60'], 40],
    [['61'], 40],
    [['9'.repeat(16)], 40],
    [['9'.repeat(400)], 40],
    [[], 90],
    [[''], 90],
    [['-4'], 90],
    [['1e1'], 90],
    [['0x1'], 90],
    [['2:'], 90],
    [['1', '1'], 90]
  ] as const) {
    const { x } = await stages.decide({
      target: '/costs',
      headers: { 'x-test': `t${told.length}${told.join('-').slice(0, 99)}` }
    })
    const answer = clientHeaders(x, ['x-a', '0', ...told.flatMap((value) => ['x-cost', value]), 'x-b', '1'])
    if (typeof answer === 'string') throw new Error(answer)
    const fields = mapOf(allFields(answer.fields))
    t.equal(/r=(\d+)/.exec(fields['ratelimit'] ?? '')?.[1], String(left), told.join(', '))
    t.match(fields, { 'x-a': '0', 'x-b': '1', 'x-cost': undefined })
  }
})

t.test('refusals: the problem’s type, never stored, with what the status asks for', async (t) => {
  await stages.decide({ target: '/limited' })
  const { x, outcome } = await stages.decide({ target: '/limited', headers: { origin: 'https://a.example' } })
  if (!('problem' in outcome)) throw new Error('not refused')
  t.match(mapOf(allFields(refusalHeaders(x, outcome))), {
    'content-type': 'application/problem+json',
    'cache-control': 'no-store',
    'retry-after': '3600',
    'x-request-id': x.id,
    'ratelimit-policy': '"one";q=1;w=3600',
    ratelimit: '"one";r=0;t=3600',
    'access-control-allow-origin': 'https://a.example'
  })
  const unrouted = await stages.decide({ target: '/nowhere' })
  if (!('problem' in unrouted.outcome)) throw new Error('not refused')
  t.notOk('access-control-allow-origin' in mapOf(allFields(refusalHeaders(unrouted.x, unrouted.outcome))))
})

t.test('an answer of our own with a value that is no header is an exception, not a second header', async (t) => {
  const { x } = await stages.decide({ target: '/plain' })
  t.match(mapOf(allFields(answerHeaders(x, new Answer('respond', 200, ['x-a', '1'], '')))), {
    'x-a': '1',
    'x-request-id': x.id
  })
  t.throws(() => answerHeaders(x, new Answer('respond', 200, ['x-a', 'x\r\nset-cookie: y'], '')), /respond/)
})

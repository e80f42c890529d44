/** Sliding windows, costs and tiers, over sockets. */
import { Agent } from 'node:http'
import t from 'tap'
import { ask, type Ask, type Reply } from '../client.ts'
import { startGateway } from '../gateway.ts'
import { sha256 } from '../tokens.ts'
import { startUpstream } from '../upstream.ts'
import { burst } from './burst.ts'

/** The service says in `x-cost` what the query asks it to. */
const upstream = await startUpstream(t, (request, response) => {
  request.resume()
  const url = new URL(request.url ?? '/', 'http://x')
  if (url.searchParams.has('break')) return void request.socket.destroy()
  const costs = url.searchParams.getAll('cost')
  if (costs.length > 0) response.setHeader('X-Cost', costs.length === 1 ? (costs[0] ?? '') : costs)
  response.end('ok')
})
const key = (id: string): string => `{ id: ${id}, hash: "sha256:${sha256(id)}" }`
const gateway = await startGateway(
  t,
  `version: 1
listen: [ { address: "127.0.0.1:0" } ]
state: { dir: var }
consumers:
  - { name: gold, groups: [gold, other], keys: [ ${key('gold-1')} ] }
  - { name: silver, attributes: { tier: silver }, keys: [ ${key('silver-1')} ] }
  - { name: scoped, scopes: ["a", "b"], keys: [ ${key('scoped-1')} ] }
  - { name: free, groups: [gold, free], keys: [ ${key('free-1')} ] }
  - { name: plain, keys: [ ${key('plain-1')} ] }
services:
  - name: s
    url: ${upstream.url}
    policies: { auth: public }
    routes:
      - { name: sliding, match: { paths: ["/sliding"] }, policies: { limits: [ { name: window, rate: 5/h, algorithm: sliding, by: "header:x-test" } ] } }
      - { name: costly, match: { paths: ["/costly"] }, policies: { limits: [ { name: exports, rate: 600/h, cost: 250, by: "header:x-test" } ] } }
      - { name: both, match: { paths: ["/both"] }, policies: { limits: [ { name: exports, rate: 600/h, cost: 250, algorithm: sliding, by: "header:x-test" } ] } }
      - name: told
        match: { paths: ["/told"] }
        policies: { limits: [ { name: units, rate: 100/h, cost: { response: X-Cost, default: 10, max: 60 }, by: "header:x-test" } ] }
      - name: shadowed
        match: { paths: ["/shadowed"] }
        policies: { limits: [ { name: would, rate: 1/h, algorithm: sliding, by: "header:x-test", mode: shadow } ] }
      - name: tiers
        match: { paths: ["/tiers/{id}"] }
        policies:
          auth: { key: true, anonymous: plain }
          limits:
            - name: plan
              by: consumer
              rate: 2/h
              tiers:
                - { groups: [free], rate: none }
                - { groups: [gold], rate: 5/h, burst: 4 }
                - { scopes: [a, b], when: 'path.id != "slow"', rate: 3/h }
                - { when: 'caller.attributes.tier == "silver"', rate: 3/h }
`,
  { workers: 2 }
)
const agent = new Agent({ keepAlive: true })
t.teardown(() => agent.destroy())

let names = 0
const fresh = (): string => `who-${++names}`
const get = (path: string, headers: Record<string, string>, more: Partial<Ask> = {}): Promise<Reply> =>
  ask(gateway.port, path, { headers, agent, ...more })
async function statuses(path: string, headers: Record<string, string>, times: number): Promise<number[]> {
  const list: number[] = []
  for (let i = 0; i < times; i++) list.push((await get(path, headers)).status)
  return list
}

t.test('a sliding window: N pass, N+1 does not, and the answers say so', async (t) => {
  const who = { 'x-test': fresh() }
  t.strictSame(await statuses('/sliding', who, 4), [200, 200, 200, 200])
  const last = await get('/sliding', who)
  t.equal(last.status, 200)
  t.equal(last.headers['ratelimit-policy'], '"window";q=5;w=3600')
  t.match(last.headers['ratelimit'], /^"window";r=0;t=\d+$/)
  const over = await get('/sliding', who)
  t.equal(over.status, 429)
  t.match(over.headers['ratelimit'], `"window";r=0;t=${over.headers['retry-after']}`)
  const wait = Number(over.headers['retry-after'])
  t.ok(wait > 0 && wait <= 3600 + 720, `${wait} s: to the next window, and the fifth part of that`)
})

t.test('cost: each request counts for so many units', async (t) => {
  for (const path of ['/costly', '/both']) {
    const who = { 'x-test': fresh() }
    const first = await get(path, who)
    t.equal(first.headers['ratelimit-policy'], '"exports";q=600;w=3600')
    t.match(first.headers['ratelimit'], /^"exports";r=350;t=\d+$/)
    t.strictSame(await statuses(path, who, 2), [200, 429], path)
    const over = await get(path, who)
    t.match(over.headers['ratelimit'], new RegExp(`^"exports";r=100;t=${over.headers['retry-after']}$`))
  }
})

t.test('cost told by the answer, charged when it comes and kept from the client', async (t) => {
  const who = { 'x-test': fresh() }
  const left = async (query: string): Promise<number> => {
    const answer = await get(`/told${query}`, who)
    t.equal(answer.status, 200, query)
    t.equal(answer.headers['x-cost'], undefined)
    return Number(/r=(\d+)/.exec(String(answer.headers['ratelimit']))?.[1])
  }
  t.equal(await left('?cost=0'), 100, 'nothing')
  t.equal(await left('?cost=25'), 75)
  t.equal(await left(''), 65, 'the default')
  t.equal(await left('?cost=-4'), 55, 'unreadable: the default')
  t.equal(await left('?cost=1&cost=1'), 45, 'twice: the default')
  t.equal(await left('?cost=1e1'), 35)
  t.equal((await get('/told?break', who)).status, 502, 'no answer')
  t.equal(await left('?cost=0'), 25, 'and the default was charged')
  t.equal(await left('?cost=99999999999999999999'), 0, 'at most max, and more than there was')
  const over = await get('/told?cost=0', who)
  t.equal(over.status, 429)
  const wait = Number(over.headers['retry-after'])
  t.ok(wait > 36 * 40 && wait <= 36 * 45, `${wait} s: 35 were overdrawn, and 10 must be there`)
})

t.test('tiers: the first that fits, else the limit’s own amount', async (t) => {
  const as = (id: string): Record<string, string> => ({ 'x-api-key': id })
  const gold = await get('/tiers/1', as('gold-1'))
  t.equal(gold.headers['ratelimit-policy'], '"plan";q=5;w=3600')
  t.strictSame(await statuses('/tiers/1', as('gold-1'), 4), [200, 200, 200, 429])
  t.strictSame(await statuses('/tiers/1', as('silver-1'), 4), [200, 200, 200, 429])
  t.strictSame(await statuses('/tiers/1', as('scoped-1'), 4), [200, 200, 200, 429])
  t.strictSame(await statuses('/tiers/slow', {}, 3), [200, 200, 429], 'the limit’s own')
  const free = await get('/tiers/1', as('free-1'))
  t.equal(free.headers['ratelimit'], undefined, 'rate: none')
  t.strictSame(
    await statuses('/tiers/1', as('free-1'), 8),
    Array.from({ length: 8 }, () => 200)
  )
})

t.test('shadow: counted and logged, not told and not refused', async (t) => {
  const who = { 'x-test': fresh() }
  t.strictSame(await statuses('/shadowed', who, 2), [200, 200])
  const third = await get('/shadowed', who)
  t.equal(third.headers['ratelimit'], undefined)
  t.match(await gateway.line(({ id }) => id === third.headers['x-request-id']), { shadow: 'would' })
})

t.test('200 connections at once: as many pass as in turn', async (t) => {
  for (const [path, admitted] of [
    ['/sliding', 5],
    ['/costly', 2],
    ['/both', 2]
  ] as const) {
    const who = fresh()
    const request = `GET ${path} HTTP/1.1\r\nhost: a\r\nx-test: ${who}\r\n\r\n`
    const { statuses } = await burst(gateway.port, 400, 200, () => request)
    t.strictSame([statuses.get(200), statuses.get(429)], [admitted, 400 - admitted], path)
  }
})

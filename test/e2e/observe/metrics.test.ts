/** Metrics: by the control socket and by their own address, true, and no more of them the more a client invents. */
import { Agent } from 'node:http'
import t from 'tap'
import { ask, raw } from '../client.ts'
import { control, metric, sample, settled } from '../control.ts'
import { freePort } from '../free-port.ts'
import { startGateway } from '../gateway.ts'
import { sha256 } from '../tokens.ts'
import { startUpstream } from '../upstream.ts'

/** metrics.address can't tell which port it got. */
const metricsPort = await freePort()
const upstream = await startUpstream(t)
const gateway = await startGateway(
  t,
  `version: 1
listen: [ { address: "127.0.0.1:0" } ]
state: { dir: var }
log: { access: none }
metrics: { address: "127.0.0.1:${metricsPort}" }
consumers: [ { name: acme, keys: [ { id: acme-1, hash: "sha256:${sha256('acme-key')}" } ] } ]
services:
  - name: s
    url: ${upstream.url}
    policies: { auth: { key: true } }
    routes:
      - { name: any, match: { paths: ["/*"] } }
      - { name: ruled, match: { paths: ["/ruled"] }, policies: { authorize: { name: nobody, when: "false" } } }
      - { name: hosted, match: { paths: ["/hosted"], hosts: [only.example] } }
`,
  { workers: 2 }
)
const agent = new Agent({ keepAlive: true })
t.teardown(() => agent.destroy())
const KEY = { 'x-api-key': 'acme-key' }
const get = async (path: string, headers: Record<string, string> = KEY, method = 'GET'): Promise<number> =>
  (await ask(gateway.port, path, { headers, agent, method })).status
const exposition = async (): Promise<string> => (await control(gateway, '/metrics')).body
const REQUESTS = 'gatehouse_requests_total'

t.test('well-formed exposition, each metric with HELP and TYPE once', async (t) => {
  await get('/a')
  await settled(gateway, REQUESTS, 1)
  const { status, headers, body } = await control(gateway, '/metrics')
  t.equal(status, 200)
  t.match(headers['content-type'], /^text\/plain; version=0\.0\.4/)
  const types = new Map<string, string>()
  for (const line of body.split('\n')) {
    if (line === '' || line.startsWith('# HELP ')) continue
    const type = /^# TYPE (\S+) (counter|gauge|histogram)$/.exec(line)
    if (type) {
      t.notOk(types.has(type[1] ?? ''), `${type[1]} twice`)
      types.set(type[1] ?? '', type[2] ?? '')
      continue
    }
    const found = /^([a-z_]+)(\{[a-z]+="[^"\\\n]*"(,[a-z]+="[^"\\\n]*")*\})? (-?[0-9.e+]+|NaN|\+Inf)$/.exec(line)
    if (!found) t.fail(line)
    const name = (found?.[1] ?? '').replace(/_(bucket|sum|count)$/, '')
    if (!types.has(name) && !types.has(found?.[1] ?? '')) t.fail(`no TYPE before ${line}`)
    if (!(found?.[1] ?? '').startsWith('gatehouse_')) t.fail(`another's name: ${line}`)
  }
  t.ok(types.size > 20)
})

t.test('requests are counted by route, method, status class, decision and policy', async (t) => {
  const cases: [Record<string, string>, () => Promise<number>, number][] = [
    [{ route: 's.any', method: 'GET', status: '2xx', decision: 'forward', policy: '' }, () => get('/a'), 200],
    [{ route: 's.any', method: 'POST', status: '2xx', decision: 'forward' }, () => get('/a', KEY, 'POST'), 200],
    [{ route: 's.any', status: '4xx', decision: 'deny', policy: 'auth' }, () => get('/a', {}), 401],
    [{ route: 's.ruled', status: '4xx', decision: 'deny', policy: 'authorize' }, () => get('/ruled'), 403],
    [{ route: '', status: '4xx', decision: 'deny', policy: 'framing' }, () => get('/a%2f'), 400],
    [{ route: '', method: 'other', decision: 'deny' }, () => get('/a', KEY, 'BREW'), 501]
  ]
  for (const [labels, act, status] of cases) {
    const before = await metric(gateway, REQUESTS, labels)
    t.equal(await act(), status)
    const after = await settled(gateway, REQUESTS, before + 1, labels)
    t.equal(sample(after, REQUESTS, labels), before + 1, JSON.stringify(labels))
  }
})

t.test('durations, bytes, connections', async (t) => {
  const before = await exposition()
  await ask(gateway.port, '/a', { headers: KEY, method: 'POST', body: 'x'.repeat(1000), agent })
  await settled(gateway, REQUESTS, sample(before, REQUESTS) + 1)
  // What is counted by the thread itself is read before the records are: only now both are there for certain.
  const after = await exposition()
  const grown = (name: string, labels: Record<string, string> = {}): number =>
    sample(after, name, labels) - sample(before, name, labels)
  t.equal(grown('gatehouse_request_bytes_total', { route: 's.any' }), 1000)
  t.ok(grown('gatehouse_response_bytes_total', { route: 's.any' }) > 1000)
  t.equal(grown('gatehouse_request_duration_seconds_count', { route: 's.any' }), 1)
  t.equal(
    grown('gatehouse_request_duration_seconds_bucket', { route: 's.any', le: '\\+Inf' }) ||
      grown('gatehouse_upstream_duration_seconds_count', { route: 's.any' }),
    1
  )
  t.equal(grown('gatehouse_exchanges_total'), 1)
  t.ok(sample(after, 'gatehouse_connections_opened_total') >= 1)
  t.equal(sample(after, 'gatehouse_ready'), 1)
  t.equal(sample(after, 'gatehouse_generation'), 1)
  t.ok(sample(after, 'gatehouse_process_resident_memory_bytes') > 30e6)
  t.equal(sample(after, 'gatehouse_worker_restarts_total'), 0)
})

t.test('random paths, methods, hosts, ids and keys make no new series', async (t) => {
  const words = (n: number): string => `w${n}-${Math.imul(n + 1, 2654435761) >>> 0}`
  const shapes: [string, Record<string, string>, string][] = [
    ['/a', KEY, 'GET'],
    ['/a', {}, 'GET'],
    ['/a%2f', KEY, 'GET'],
    ['/a', KEY, 'BREW']
  ]
  const earlier = await metric(gateway, REQUESTS)
  for (const [path, headers, method] of shapes) await get(path, headers, method)
  await settled(gateway, REQUESTS, earlier + shapes.length)
  const series = async (): Promise<number> =>
    (await exposition()).split('\n').filter((line) => line !== '' && !line.startsWith('#')).length
  const before = await series()
  const asks: Promise<number>[] = []
  for (let n = 0; n < 300; n++) {
    asks.push(get(`/${words(n)}/${words(n + 1)}?${words(n)}=1`))
    if (n % 3 === 0)
      asks.push(
        get(`/${words(n)}`, {
          'x-api-key': words(n),
          'x-request-id': words(n),
          'user-agent': words(n),
          host: `${words(n)}.example`
        })
      )
    if (n % 5 === 0) asks.push(get('/hosted%2f', { ...KEY, host: `${words(n)}.example` }))
  }
  await Promise.all(asks)
  for (let n = 0; n < 20; n++) await raw(gateway.port, `M${n} /x HTTP/1.1\r\nhost: a\r\nconnection: close\r\n\r\n`)
  t.ok((await series()) <= before + 2, `${before} series before, ${await series()} after`)
  t.notMatch(await exposition(), /w\d+-\d+|acme|127\.0\.0\.1/, 'nothing that a client sent, no consumer, no address')
})

t.test('metrics.address: the same, and nothing else there', async (t) => {
  const { status, headers, body } = await ask(metricsPort, '/metrics')
  t.equal(status, 200)
  t.match(headers['content-type'], /^text\/plain; version=0\.0\.4/)
  t.equal(sample(body, 'gatehouse_ready'), 1)
  t.ok(sample(body, 'gatehouse_requests_total') > 0)
  t.equal((await ask(metricsPort, '/metrics', { method: 'POST' })).status, 405)
  for (const path of ['/', '/status', '/stop', '/metrics/..', '/metrics%00'])
    t.equal((await ask(metricsPort, path)).status, 404, path)
})

t.test('the control socket takes GET only, and nothing else is there', async (t) => {
  t.equal((await control(gateway, '/metrics', 'POST')).status, 405)
  t.equal((await control(gateway, '/metrics/x')).status, 404)
  t.equal((await control(gateway, '/')).status, 404)
  t.equal(await get('/metrics', {}), 401, 'and on the listener it is a path like any other')
  t.equal(gateway.child.exitCode, null)
})

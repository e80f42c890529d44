import t from 'tap'
import { allocateShared } from '../../src/memory/shared.ts'
import { COUNTER, COUNTER_NAMES, CounterReader, Counters } from '../../src/memory/counters.ts'
import { emptyRecord, type AccessRecord } from '../../src/observe/record.ts'
import { Metrics, MOST_POLICIES, MOST_ROUTES } from '../../src/observe/metrics.ts'

function bench() {
  const memory = allocateShared({ workers: 2, limitSlots: 1024, ringBytes: 1 << 16 })
  const certificates = [{ name: 'api.example.com', notAfter: 1_800_000_000_000 }]
  const metrics = new Metrics({
    workers: 2,
    counters: new CounterReader(memory),
    ringFill: (worker) => worker / 4,
    limitFill: () => [{ table: 'rate', half: 'callers', fill: 0.5 }],
    banFill: () => 0.25,
    eventFill: () => 0.125,
    bansEvicted: () => 2,
    firewall: () => ({ bans: 5, failures: 1 }),
    shedding: (worker) => worker,
    crowdsec: () => ({ decisions: 7, age: 4_000, failures: 2 }),
    beatAge: (worker) => (worker === 0 ? 20 : Infinity),
    labelsOf: (route) => (route === 'labelled' ? { team: 'a "b"', cost_centre: '7' } : undefined),
    generation: () => 3,
    ready: () => true,
    certificates: () => certificates,
    issuers: () => [{ issuer: 'corp', keys: 2, age: 90_000, stale: true }],
    linesDropped: () => 1
  })
  const record = (r: AccessRecord): void => metrics.numbersOf(r).count(r)
  return { metrics, record, certificates, counters: new Counters(memory, 1) }
}

function lines(text: string, start: string): string[] {
  return text.split('\n').filter((line) => line.startsWith(start))
}

t.test('golden: requests, durations and gauges', async (t) => {
  const { metrics, record } = bench()
  const forwarded = {
    ...emptyRecord(),
    route: 'orders.read',
    method: 'GET',
    status: 200,
    decision: 'forward' as const,
    duration: 3000,
    upstreamTime: 2000,
    bytesIn: 10,
    bytesOut: 100
  }
  record(forwarded)
  record({ ...forwarded, duration: 40_000_000, shadow: 'plan,ip' })
  record({ ...emptyRecord(), method: 'BREW', status: 401, decision: 'deny', policy: 'auth', duration: 50 })
  const text = await metrics.exposition()
  t.same(lines(text, 'gatehouse_requests_total'), [
    'gatehouse_requests_total{route="orders.read",method="GET",status="2xx",decision="forward",policy=""} 2',
    'gatehouse_requests_total{route="",method="other",status="4xx",decision="deny",policy="auth"} 1'
  ])
  t.same(lines(text, 'gatehouse_upstream_duration_seconds'), [
    ...[0.0005, 0.001].map((le) => `gatehouse_upstream_duration_seconds_bucket{le="${le}",route="orders.read"} 0`),
    ...[0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, '+Inf'].map(
      (le) => `gatehouse_upstream_duration_seconds_bucket{le="${le}",route="orders.read"} 2`
    ),
    'gatehouse_upstream_duration_seconds_sum{route="orders.read"} 0.004',
    'gatehouse_upstream_duration_seconds_count{route="orders.read"} 2'
  ])
  t.ok(text.includes('gatehouse_request_duration_seconds_count{route="orders.read"} 2'))
  t.ok(text.includes('gatehouse_request_duration_seconds_bucket{le="30",route="orders.read"} 1'))
  t.same(lines(text, 'gatehouse_shadow_denials_total'), [
    'gatehouse_shadow_denials_total{policy="plan"} 1',
    'gatehouse_shadow_denials_total{policy="ip"} 1'
  ])
  const gauges = lines(text, 'gatehouse_').filter((line) =>
    /fill|beat|generation|ready|certif|issuer|lines_d|_bytes_t/.test(line)
  )
  t.same(gauges, [
    'gatehouse_request_bytes_total{route="orders.read"} 20',
    'gatehouse_response_bytes_total{route="orders.read"} 200',
    'gatehouse_ring_fill_ratio{worker="0"} 0',
    'gatehouse_ring_fill_ratio{worker="1"} 0.25',
    'gatehouse_worker_beat_age_seconds{worker="0"} 0.02',
    'gatehouse_limit_table_fill_ratio{table="rate",half="callers"} 0.5',
    'gatehouse_ban_table_fill_ratio 0.25',
    'gatehouse_event_table_fill_ratio 0.125',
    'gatehouse_generation 3',
    'gatehouse_ready 1',
    'gatehouse_certificate_expiry_timestamp_seconds{certificate="api.example.com"} 1800000000',
    'gatehouse_issuer_keys{issuer="corp"} 2',
    'gatehouse_issuer_keys_age_seconds{issuer="corp"} 90',
    'gatehouse_issuer_keys_stale{issuer="corp"} 1',
    'gatehouse_access_lines_dropped 1'
  ])
})

t.test('every counter of the threads is there, with help, and grows by what was counted', async (t) => {
  const { metrics, counters } = bench()
  counters.add(COUNTER.verifyCacheHits, 5)
  t.ok((await metrics.exposition()).includes('gatehouse_verify_cache_hits_total 5'))
  counters.add(COUNTER.verifyCacheHits, 2)
  const text = await metrics.exposition()
  t.ok(text.includes('gatehouse_verify_cache_hits_total 7'))
  t.equal(lines(text, '# TYPE').filter((line) => line.endsWith('_total counter')).length, COUNTER_NAMES.length + 4)
  t.ok(lines(text, '# HELP').every((line) => line.split(' ').length > 3))
  t.ok(lines(text, '# TYPE').every((line) => line.startsWith('# TYPE gatehouse_')))
})

t.test('a certificate that is gone is gone from the metrics', async (t) => {
  const { metrics, certificates } = bench()
  await metrics.exposition()
  certificates.length = 0
  t.same(lines(await metrics.exposition(), 'gatehouse_certificate'), [])
})

t.test('labels of a service are on what is told of its routes, and on nothing else', async (t) => {
  const { metrics, record } = bench()
  for (const route of ['labelled', 'bare'])
    record({ ...emptyRecord(), route, method: 'GET', status: 204, shadow: 'ip' })
  const text = await metrics.exposition()
  t.same(lines(text, 'gatehouse_requests_total'), [
    'gatehouse_requests_total{route="labelled",method="GET",status="2xx",decision="answer",policy="",team="a \\"b\\"",cost_centre="7"} 1',
    'gatehouse_requests_total{route="bare",method="GET",status="2xx",decision="answer",policy=""} 1'
  ])
  t.same(
    text.split('\n').filter((line) => line.includes('team=') !== line.includes('route="labelled"')),
    []
  )
})

t.test('hostile values never become labels', async (t) => {
  const { metrics, record } = bench()
  const hostile = ['x"} 1\ngatehouse_ready 0', '{', 'a b', '-'.repeat(500), 'é', '\\']
  for (const text of hostile)
    record({ ...emptyRecord(), route: text, method: text, policy: text, shadow: text, status: 99_999 })
  t.same(lines(await metrics.exposition(), 'gatehouse_requests_total'), [
    'gatehouse_requests_total{route="other",method="other",status="other",decision="answer",policy="other"} 6'
  ])
})

t.test('what a client sends is no label: paths, hosts, agents, subjects', async (t) => {
  const { metrics, record } = bench()
  const sent = 'sent-by-client'
  record({
    ...emptyRecord(),
    status: 404,
    path: sent,
    query: sent,
    host: sent,
    userAgent: sent,
    subject: sent,
    consumer: sent,
    clientIp: sent,
    id: sent,
    credential: sent
  })
  t.notOk((await metrics.exposition()).includes(sent))
})

t.test('names are told apart up to a cap: N-1, N, N+1', async (t) => {
  const { metrics, record } = bench()
  const routes = async () => {
    const text = await metrics.exposition()
    return new Set(lines(text, 'gatehouse_requests_total').map((line) => /route="([^"]*)"/.exec(line)?.[1]))
  }
  for (let i = 0; i < MOST_ROUTES; i++) record({ ...emptyRecord(), route: `s.r${i}`, status: 200 })
  t.equal((await routes()).has('other'), false)
  record({ ...emptyRecord(), route: 's.more', status: 200 })
  record({ ...emptyRecord(), route: 's.again', status: 200 })
  record({ ...emptyRecord(), route: 's.r7', status: 200 })
  const seen = await routes()
  t.equal(seen.size, MOST_ROUTES + 1)
  t.ok(seen.has('other') && !seen.has('s.more'))
  for (let i = 0; i < MOST_POLICIES + 10; i++) record({ ...emptyRecord(), shadow: `p${i}` })
  t.equal(lines(await metrics.exposition(), 'gatehouse_shadow_denials_total').length, MOST_POLICIES + 1)
})

/** A limit is one limit over all threads: of 1,000 requests at once exactly as many pass as it says. */
import t from 'tap'
import { metric, sample, settled } from '../control.ts'
import { startGateway } from '../gateway.ts'
import { startUpstream } from '../upstream.ts'
import { burst } from './burst.ts'
import { ADMITTED, CONNECTIONS, exactConfig, exactRequest, REQUESTS, WORKERS } from './exact.ts'

const ROUNDS = 2

t.test('1,000 requests over 200 connections, 4 workers, 100/h: exactly 100 pass', async (t) => {
  const upstream = await startUpstream(t)
  const gateway = await startGateway(t, exactConfig(upstream.url, ROUNDS), { workers: WORKERS })
  for (let round = 0; round < ROUNDS; round++) {
    upstream.seen.length = 0
    const { statuses } = await burst(gateway.port, REQUESTS, CONNECTIONS, () => exactRequest(round))
    t.strictSame(Object.fromEntries(statuses), { 200: ADMITTED, 429: REQUESTS - ADMITTED })
    t.equal(upstream.seen.length, ADMITTED, 'and no more reached the upstream')
  }
  const refusals = 'gatehouse_limit_refusals_total'
  const expected = ROUNDS * (REQUESTS - ADMITTED)
  t.equal(sample(await settled(gateway, refusals, expected), refusals), expected)
  t.equal(await metric(gateway, 'gatehouse_worker_restarts_total'), 0)
})

t.test('two consumers at once: each has its own, whole', async (t) => {
  const upstream = await startUpstream(t)
  const gateway = await startGateway(t, exactConfig(upstream.url, 2), { workers: WORKERS })
  const { statuses } = await burst(gateway.port, 400, 100, (number) => exactRequest(number % 2))
  t.strictSame(Object.fromEntries(statuses), { 200: 2 * ADMITTED, 429: 400 - 2 * ADMITTED })
  const told = upstream.seen.map(({ headers }) => headers['x-consumer'])
  t.equal(told.filter((name) => name === 'c0').length, ADMITTED)
})

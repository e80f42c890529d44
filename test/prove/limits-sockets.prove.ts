/**
 * Every kind of limit under every kind of key on 1, 2 and 4 workers, three times each: requests over 200 connections at
 * once, and exactly as many pass as may.
 */
import { startGateway } from '../e2e/gateway.ts'
import { burst } from '../e2e/limits/burst.ts'
import { sha256 } from '../e2e/tokens.ts'
import { startUpstream } from '../e2e/upstream.ts'
import { proof } from './proof.ts'

const CONNECTIONS = 200
const REQUESTS = 600
const TIMES = 3
/** By route: the limit, and how many of a burst pass; `perSecond` more for each second that it took. */
const AMOUNTS: Record<string, { limit: string; admits: number; perSecond: number }> = {
  bucket: { limit: 'rate: 100/h', admits: 100, perSecond: 0 },
  burst: { limit: 'rate: 7/min, burst: 50', admits: 50, perSecond: 7 / 60 },
  threes: { limit: 'rate: 3/s', admits: 3, perSecond: 3 },
  fast: { limit: 'rate: 5000/s, burst: 40', admits: 40, perSecond: 5000 },
  fastest: { limit: 'rate: 1000000/s, burst: 9', admits: 9, perSecond: 1e6 },
  sliding: { limit: 'rate: 100/h, algorithm: sliding', admits: 100, perSecond: 0 },
  costly: { limit: 'rate: 100/h, cost: 3', admits: 33, perSecond: 0 },
  slidingCostly: { limit: 'rate: 100/h, algorithm: sliding, cost: 3', admits: 33, perSecond: 0 },
  quota: { limit: 'quota: 100/month', admits: 100, perSecond: 0 },
  quotaCostly: { limit: 'quota: 100/day, cost: 7', admits: 14, perSecond: 0 }
}
const KEYS: Record<string, string> = {
  ip: 'ip',
  header: 'header:x-test',
  caller: 'caller',
  consumer: 'consumer',
  credential: 'credential',
  composite: '[caller, "header:x-test", route]',
  all: 'all'
}
const names = Object.keys(AMOUNTS).flatMap((amount) => Object.keys(KEYS).map((key) => `${amount.toLowerCase()}-${key}`))

function config(url: string): string {
  const routes = Object.entries(AMOUNTS).flatMap(([amount, { limit }]) =>
    Object.entries(KEYS).flatMap(([key, by]) =>
      Array.from({ length: TIMES }, (_, time) => {
        const name = `${amount.toLowerCase()}-${key}-${time}`
        const written = by.startsWith('[') ? by : `"${by}"`
        return `      - { name: ${name}, match: { paths: ["/${name}"] }, policies: { limits: [ { name: l, ${limit}, by: ${written} } ] } }\n`
      })
    )
  )
  return `version: 1
listen: [ { address: "127.0.0.1:0" } ]
state: { dir: var }
log: { access: none }
consumers: [ { name: acme, keys: [ { id: acme-1, hash: "sha256:${sha256('acme-1')}" } ] } ]
services:
  - name: s
    url: ${url}
    policies: { auth: { key: true } }
    routes:
${routes.join('')}`
}

for (const workers of [1, 2, 4]) {
  await proof(`${names.length} limits on ${workers} workers, ${TIMES} bursts of ${REQUESTS} each`, async (owner) => {
    const upstream = await startUpstream(owner, (request, response) => {
      request.resume()
      response.end('ok')
    })
    const gateway = await startGateway(owner, config(upstream.url), { workers })
    const wrong: string[] = []
    for (const [amount, { admits, perSecond }] of Object.entries(AMOUNTS)) {
      for (const key of Object.keys(KEYS)) {
        for (let time = 0; time < TIMES; time++) {
          const path = `/${amount.toLowerCase()}-${key}-${time}`
          const request = `GET ${path} HTTP/1.1\r\nhost: a\r\nx-api-key: acme-1\r\nx-test: ${time}\r\n\r\n`
          const { statuses, ms } = await burst(gateway.port, REQUESTS, CONNECTIONS, () => request)
          const admitted = statuses.get(200) ?? 0
          const refused = statuses.get(429) ?? 0
          const most = Math.min(REQUESTS, admits + Math.ceil((ms / 1000) * perSecond))
          if (admitted < admits || admitted > most || admitted + refused !== REQUESTS)
            wrong.push(`${path}: ${admitted} of ${admits}, ${refused} refused`)
        }
      }
    }
    return { holds: wrong.length === 0, figure: `${wrong.length} wrong ${wrong.slice(0, 3).join('; ')}` }
  })
}

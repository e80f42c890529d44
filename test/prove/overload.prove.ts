/**
 * More is asked than a worker can do, by clients of several kinds: who is turned away, how, who is served all the same, and how it
 * comes back. The requests that make it late are JSON bodies to be judged.
 */
import { once } from 'node:events'
import { Worker } from 'node:worker_threads'
import { control, sample } from '../e2e/control.ts'
import { startGateway, type Gateway, type Owner } from '../e2e/gateway.ts'
import { seconds, sha256, signer, token } from '../e2e/tokens.ts'
import { startUpstream } from '../e2e/upstream.ts'
import { Line, pause } from '../e2e/visitors.ts'
import type { Kind, Told } from './crowd.ts'
import { proof, type Finding } from './proof.ts'

/** ms. */
const LOAD = 12_000
const AFTER = 14_000
/** A look at the gateway, ms, and how long who must always be answered may be kept waiting: a turn of a late loop and more. */
const LOOK = 250
const READY_WITHIN = 3_000
const OWNER_WITHIN = 1_000
/** From the end of the load to nobody being turned away, ms (docs/limits.md: ten seconds). */
const BACK_WITHIN = 10_000
const NEWCOMERS = 3000

async function run(owner: Owner): Promise<Finding> {
  const service = await startUpstream(owner, (_request, response) => response.end('here'))
  const ec = signer('ES256', 'e1')
  const key = (name: string): string =>
    `{ name: ${name}, keys: [ { id: ${name}-1, hash: "sha256:${sha256(`${name}-key`)}" } ] }`
  const gateway = await startGateway(
    owner,
    `version: 1
listen: [ { address: "127.0.0.1:0", ready: /-/ready } ]
state: { dir: var }
log: { access: none }
issuers: [ { name: corp, issuer: "https://idp.example", jwks: keys.json, audiences: [api] } ]
consumers: [ ${key('important')}, ${key('bulk')} ]
services:
  - name: s
    url: ${service.url}
    policies:
      auth: { jwt: { issuers: [corp] }, key: true }
      validate: { body: { maxSize: 1mb, schema: { type: array, items: { type: object, properties: { a: { type: string, pattern: "^[a-z]+$" } } } } } }
    routes:
      - { name: open, match: { paths: [/open] }, policies: { auth: public } }
      - { name: any, match: { paths: ["/*"] } }
`,
    {
      workers: 1,
      env: { GATEHOUSE_OVERLOAD_LAG: '100ms' },
      files: { 'keys.json': JSON.stringify({ keys: [ec.jwk] }) }
    }
  )
  const body = JSON.stringify(Array.from({ length: 3_000 }, () => ({ a: 'abcdefgh' })))
  const post = (path: string, field: string): Buffer =>
    Buffer.from(
      `POST ${path} HTTP/1.1\r\nHost: a.test\r\n${field}Content-Type: application/json\r\nContent-Length: ${body.length}\r\n\r\n${body}`
    )
  const get = (field: string): Buffer => Buffer.from(`GET /x HTTP/1.1\r\nHost: a.test\r\n${field}\r\n`)
  const claims = (i: number) => ({ iss: 'https://idp.example', aud: 'api', sub: `n${i}`, exp: seconds() + 600 })
  const addresses = (from: number, n: number): string[] => Array.from({ length: n }, (_, i) => `127.0.0.${from + i}`)
  const kinds: Kind[] = [
    { name: 'stranger', connections: 60, requests: [post('/open', '')], pause: 20, from: addresses(10, 20) },
    {
      name: 'bulk',
      connections: 100,
      requests: [post('/x', 'X-Api-Key: bulk-key\r\n')],
      pause: 0,
      from: addresses(40, 4)
    },
    {
      name: 'newcomer',
      connections: 6,
      requests: Array.from({ length: NEWCOMERS }, (_, i) => get(`Authorization: Bearer ${token(ec, claims(i))}\r\n`)),
      pause: 30,
      from: addresses(60, 6)
    },
    {
      name: 'important',
      connections: 3,
      requests: [get('X-Api-Key: important-key\r\n')],
      pause: 30,
      from: addresses(80, 3)
    },
    // One who stays when the load is over, to see how it ends.
    {
      name: 'probe',
      connections: 4,
      requests: [Buffer.from('GET /open HTTP/1.1\r\nHost: a.test\r\n\r\n')],
      pause: 10,
      from: addresses(90, 4)
    }
  ]
  const crowd = new Worker(new URL('./crowd.ts', import.meta.url), { workerData: { port: gateway.port, kinds } })
  owner.teardown(() => crowd.terminate())
  const watch = new Watch(gateway)
  await pause(LOAD)
  for (const name of ['stranger', 'bulk']) crowd.postMessage(name)
  const ended = performance.timeOrigin + performance.now()
  await pause(AFTER)
  await watch.stop()
  crowd.postMessage(null)
  const [told] = (await once(crowd, 'message')) as [Told[]]
  return judge(told, watch, ended)
}

/** What those see who must always be answered. */
class Watch {
  readonly ready: number[] = []
  readonly owner: number[] = []
  /** Level of shedding, and when: ms as Told's. */
  readonly levels: { at: number; level: number }[] = []
  failures = 0
  readonly #gateway: Gateway
  readonly #running: Promise<void>
  #over = false

  constructor(gateway: Gateway) {
    this.#gateway = gateway
    this.#running = this.#look()
  }

  async stop(): Promise<void> {
    this.#over = true
    await this.#running
  }

  async #look(): Promise<void> {
    while (!this.#over) {
      await this.#timed(this.ready, async () => {
        const line = await Line.open(this.#gateway.port, undefined, '127.0.0.99')
        const { status } = await line.ask('/-/ready')
        line.end()
        return status === 200
      })
      await this.#timed(this.owner, async () => {
        const { status, body } = await control(this.#gateway, '/metrics')
        const level = sample(body, 'gatehouse_shedding_level')
        this.levels.push({ at: performance.timeOrigin + performance.now(), level })
        return status === 200
      })
      await pause(LOOK)
    }
  }

  async #timed(into: number[], work: () => Promise<boolean>): Promise<void> {
    const began = performance.now()
    if (!(await work().catch(() => false))) this.failures++
    into.push(performance.now() - began)
  }
}

function judge(told: readonly Told[], watch: Watch, ended: number): Finding {
  const during = told.filter(({ at }) => at < ended)
  const lossOf = (name: string): number => {
    const own = during.filter(({ kind }) => kind === name)
    return own.filter(({ status }) => status !== 200).length / Math.max(1, own.length)
  }
  const loss = Object.fromEntries(['stranger', 'newcomer', 'bulk', 'important'].map((name) => [name, lossOf(name)]))
  const refused = told.filter(({ status }) => status !== 200)
  const proper = refused.every(({ status, retryAfter }) => status === 503 && retryAfter >= 1 && retryAfter <= 5)
  const shedAfter = told.filter(({ at, status }) => at >= ended && status === 503)
  const back = Math.max(0, ...shedAfter.map(({ at }) => at - ended))
  // Share of the probe that is turned away, by half seconds from the end of the load on: it only falls.
  const shares: number[] = []
  for (let from = ended; from < ended + BACK_WITHIN; from += 500) {
    const own = told.filter(({ kind, at }) => kind === 'probe' && at >= from && at < from + 500)
    shares.push(own.filter(({ status }) => status === 503).length / Math.max(1, own.length))
  }
  const rises = shares.slice(2).filter((share, i) => share > (shares[i + 1] ?? 0) + 0.25).length
  // Under a load that stays the level may go up and, where it went too far, down once; and afterwards down alone.
  const turns = (levels: typeof watch.levels, up: boolean): number =>
    levels.filter(
      ({ level }, i) => i > 0 && level !== levels[i - 1]?.level && level > (levels[i - 1]?.level ?? 0) === up
    ).length
  const downs = turns(
    watch.levels.filter(({ at }) => at < ended),
    false
  )
  const ups = turns(
    watch.levels.filter(({ at }) => at >= ended),
    true
  )
  const [ready, owner] = [Math.max(...watch.ready), Math.max(...watch.owner)]
  const most = Math.max(...watch.levels.map(({ level }) => level))
  const percent = (share = 0): string => `${(100 * share).toFixed(1)} %`
  return {
    holds:
      most > 0 &&
      proper &&
      watch.failures === 0 &&
      ready < READY_WITHIN &&
      owner < OWNER_WITHIN &&
      (loss['important'] ?? 1) < 0.02 &&
      (loss['stranger'] ?? 0) > (loss['bulk'] ?? 1) &&
      back < BACK_WITHIN &&
      rises === 0 &&
      downs <= 1 &&
      ups === 0,
    figure: `turned away: strangers ${percent(loss['stranger'])}, newcomers ${percent(loss['newcomer'])}, bulk ${percent(loss['bulk'])}, important ${percent(loss['important'])}; ${refused.length} × ${[...new Set(refused.map(({ status }) => status))].join('/')}; ready at most ${ready.toFixed(0)} ms, owner ${owner.toFixed(0)} ms, ${watch.failures} failures; level ${most}; nobody turned away from ${(back / 1000).toFixed(1)} s after the end on, by half seconds ${shares.map((share) => share.toFixed(2)).join(' ')}; the level fell ${downs} times under load and rose ${ups} times after it`
  }
}

await proof('a worker that is asked too much turns away who is worth least, and comes back in one go', run)

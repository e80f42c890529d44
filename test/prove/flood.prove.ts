/** New bad tokens from 20,000 addresses, beside one good client at half load: it loses nothing and waits at most twice as long. */
import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import { Worker } from 'node:worker_threads'
import { startGateway } from '../e2e/gateway.ts'
import { seconds, signer, token } from '../e2e/tokens.ts'
import { startUpstream } from '../e2e/upstream.ts'
import { pause, Visitors, type Losses } from '../e2e/visitors.ts'
import { proof, type Finding } from './proof.ts'

const ADDRESSES = 20_000
const AT_ONCE = 64
/** Its pause between two requests makes the good client's load about half of what one connection could ask for, ms. */
const PAUSE = 2
const ALONE = 10_000
const MOST_MEMORY = 200 << 20

await proof(
  'beside bad tokens from 20,000 addresses a good client loses nothing, its p99 stays within 2x, memory is bounded',
  async (owner): Promise<Finding> => {
    const service = await startUpstream(owner)
    const good = signer('ES256', 'e1')
    const gateway = await startGateway(
      owner,
      `version: 1
listen: [ { address: "127.0.0.1:0" } ]
threats: { mode: enforce }
issuers: [ { name: corp, issuer: "https://idp.example", jwks: keys.json, audiences: [api] } ]
services:
  - name: s
    url: ${service.url}
    policies: { auth: { jwt: { issuers: [corp] } } }
    routes: [ { name: r, match: { paths: ["/*"] } } ]
`,
      {
        workers: 2,
        // As it is by itself.
        env: { GATEHOUSE_OVERLOAD_LAG: '100ms' },
        files: { 'keys.json': JSON.stringify({ keys: [good.jwk] }) }
      }
    )
    const claims = (sub: string): Record<string, unknown> => ({
      iss: 'https://idp.example',
      aud: 'api',
      sub,
      exp: seconds() + 3600
    })
    const pid = await gateway.gatewayPid()
    const resident = (): number =>
      Number(/VmRSS:\s+(\d+)/.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1]) * 1024
    const client = (): Visitors =>
      new Visitors(gateway.port, {
        keepAlive: 1,
        pause: PAUSE,
        headers: { authorization: `Bearer ${token(good, claims('alice'))}` }
      })
    const first = client()
    await pause(ALONE)
    const alone = await first.stop()
    const before = resident()
    const beside = client()
    const [header = ''] = token(good, {}).split('.')
    const tokens = { header, claims: claims(''), signature: 64 }
    const flooding = new Worker(new URL('./flooding.ts', import.meta.url), {
      workerData: { port: gateway.port, addresses: ADDRESSES, atOnce: AT_ONCE, tokens }
    })
    const [refused] = (await once(flooding, 'message')) as [Map<number, number>]
    const flooded = await beside.stop()
    const held = resident() - before
    const ratio = p99(flooded) / p99(alone)
    const unharmed = [alone, flooded].every(
      ({ lost, statuses }) => lost.length === 0 && [...statuses.keys()].join() === '200'
    )
    const all = [...refused].map(([status, n]) => `${n} × ${status}`).join(', ')
    return {
      holds: unharmed && ratio <= 2 && held < MOST_MEMORY && (refused.get(200) ?? 0) === 0,
      figure: `p99 ${p99(alone).toFixed(1)} → ${p99(flooded).toFixed(1)} ms (${ratio.toFixed(2)}x), ${flooded.answered} answers, ${flooded.lost.length} lost; ${all}; ${(held / 2 ** 20).toFixed(0)} MB`
    }
  }
)

function p99({ times }: Losses): number {
  const sorted = times.toSorted((a, b) => a - b)
  return sorted[Math.floor(sorted.length * 0.99)] ?? Infinity
}

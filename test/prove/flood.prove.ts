/** New bad tokens from 20,000 addresses, beside one good client at half load: it loses nothing and waits at most twice as long. */
import { once } from 'node:events'
import { Worker } from 'node:worker_threads'
import { residentMemory } from '../e2e/memory.ts'
import { startFlooded } from '../e2e/threats/flooded.ts'
import { token } from '../e2e/tokens.ts'
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
    // Sheds as it is delivered, not as tests beside other work have it.
    const { gateway, good, claims } = await startFlooded(owner, { GATEHOUSE_OVERLOAD_LAG: '100ms' })
    const pid = await gateway.gatewayPid()
    const resident = (): number => residentMemory(pid)
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

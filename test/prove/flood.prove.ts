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
/**
 * The flood comes in parts, and before each the client is alone for a while: what a machine does besides changes from
 * second to second, by more than the flood does, so only neighbours are compared, and the pair in the middle counts.
 */
const PARTS = 5
const ALONE = 4_000
const MOST_MEMORY = 200 << 20

await proof(
  'beside bad tokens from 20,000 addresses a good client loses nothing, its p99 stays within 2x, memory is bounded',
  async (owner): Promise<Finding> => {
    // Sheds as it is delivered, not as tests beside other work have it.
    const { gateway, good, claims } = await startFlooded(owner, { GATEHOUSE_OVERLOAD_LAG: '100ms' })
    const pid = await gateway.gatewayPid()
    const headers = { authorization: `Bearer ${token(good, claims('alice'))}` }
    /** What the good client meets while `during` goes on. */
    const meanwhile = async (during: () => Promise<unknown>): Promise<Losses> => {
      const client = new Visitors(gateway.port, { keepAlive: 1, pause: PAUSE, headers })
      await during()
      return client.stop()
    }
    const [header = ''] = token(good, {}).split('.')
    const tokens = { header, claims: claims(''), signature: 64 }
    const told = new Map<number, number>()
    const flood = async (part: number): Promise<void> => {
      const addresses = ADDRESSES / PARTS
      const workerData = { port: gateway.port, first: part * addresses, addresses, atOnce: AT_ONCE, tokens }
      const flooding = new Worker(new URL('./flooding.ts', import.meta.url), { workerData })
      const [refused] = (await once(flooding, 'message')) as [Map<number, number>]
      for (const [status, n] of refused) told.set(status, (told.get(status) ?? 0) + n)
    }
    const pairs: { alone: Losses; flooded: Losses }[] = []
    // The first requests of a program are none like the others.
    await meanwhile(() => pause(ALONE / 2))
    const before = residentMemory(pid)
    for (let part = 0; part < PARTS; part++) {
      pairs.push({ alone: await meanwhile(() => pause(ALONE)), flooded: await meanwhile(() => flood(part)) })
    }
    const held = residentMemory(pid) - before
    const ratios = pairs.map(({ alone, flooded }) => p99(flooded) / p99(alone))
    const ratio = median(ratios)
    const all = pairs.flatMap(({ alone, flooded }) => [alone, flooded])
    const unharmed = all.every(({ lost, statuses }) => lost.length === 0 && [...statuses.keys()].join() === '200')
    const lost = all.reduce((sum, one) => sum + one.lost.length, 0)
    const answered = pairs.reduce((sum, { flooded }) => sum + flooded.answered, 0)
    const each = ratios.map((one) => one.toFixed(2)).join(', ')
    return {
      holds: unharmed && ratio <= 2 && held < MOST_MEMORY && (told.get(200) ?? 0) === 0,
      figure: `p99 ${ratio.toFixed(2)}x (${each}; alone ${median(pairs.map(({ alone }) => p99(alone))).toFixed(1)} ms), ${answered} answers beside the flood, ${lost} lost; ${[...told].map(([status, n]) => `${n} × ${status}`).join(', ')}; ${(held / 2 ** 20).toFixed(0)} MB`
    }
  }
)

function p99({ times }: Losses): number {
  const sorted = times.toSorted((a, b) => a - b)
  return sorted[Math.floor(sorted.length * 0.99)] ?? Infinity
}

function median(numbers: readonly number[]): number {
  return numbers.toSorted((a, b) => a - b)[numbers.length >> 1] ?? Infinity
}

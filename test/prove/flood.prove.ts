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
 * The flood comes in parts, and before each the client is alone for as long: what a machine does besides changes from
 * second to second, by more than the flood does. So each part has a p99, and of the parts the one in the middle counts.
 */
const PARTS = 10
const ALONE = 2_000
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
    let floodedFor = 0
    // One for all parts: to start one takes the cores for longer than a hundredth of a part.
    const flooding = new Worker(new URL('./flooding.ts', import.meta.url), {
      workerData: { port: gateway.port, atOnce: AT_ONCE, tokens }
    })
    owner.teardown(() => flooding.terminate())
    const flood = async (part: number): Promise<void> => {
      const began = performance.now()
      const addresses = ADDRESSES / PARTS
      flooding.postMessage({ first: part * addresses, addresses })
      const [refused] = (await once(flooding, 'message')) as [Map<number, number>]
      floodedFor += (performance.now() - began) / 1000
      for (const [status, n] of refused) told.set(status, (told.get(status) ?? 0) + n)
    }
    const pairs: { alone: Losses; flooded: Losses }[] = []
    // A gateway has run for a while when it is attacked: its first thousands of refusals take a multiple of all later ones.
    for (let part = 0; part < 2; part++) await meanwhile(() => flood(PARTS + part))
    floodedFor = 0
    told.clear()
    const before = residentMemory(pid)
    for (let part = 0; part < PARTS; part++) {
      pairs.push({ alone: await meanwhile(() => pause(ALONE)), flooded: await meanwhile(() => flood(part)) })
    }
    const held = residentMemory(pid) - before
    const alone = pairs.map((pair) => p99(pair.alone))
    const beside = pairs.map((pair) => p99(pair.flooded))
    const ratio = median(beside) / median(alone)
    const all = pairs.flatMap((pair) => [pair.alone, pair.flooded])
    const unharmed = all.every(({ lost, statuses }) => lost.length === 0 && [...statuses.keys()].join() === '200')
    const lost = all.reduce((sum, one) => sum + one.lost.length, 0)
    const answered = pairs.reduce((sum, { flooded }) => sum + flooded.answered, 0)
    const each = (times: number[]): string =>
      `${median(times).toFixed(1)} ms (${times.map((one) => one.toFixed(1)).join(', ')})`
    return {
      holds: unharmed && ratio <= 2 && held < MOST_MEMORY && (told.get(200) ?? 0) === 0,
      figure: `p99 ${each(alone)} → ${each(beside)}, ${ratio.toFixed(2)}x, ${answered} answers beside the flood, ${lost} lost; ${[...told].map(([status, n]) => `${n} × ${status}`).join(', ')}, ${Math.round(ADDRESSES / floodedFor)} a second; ${(held / 2 ** 20).toFixed(0)} MB`
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

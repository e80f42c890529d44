/** 10,000 consumers with a key each: what they cost at start and reload, and that guessing a key learns nothing from time. */
import { createHash } from 'node:crypto'
import { processorTime } from '../../bench/cpu.ts'
import { CallerDirectory } from '../../src/identity/directory.ts'
import { lookUpKey } from '../../src/identity/api-keys.ts'
import { gatehouse } from '../e2e/command.ts'
import { startGateway, type Owner } from '../e2e/gateway.ts'
import { startUpstream } from '../e2e/upstream.ts'
import { apiKeyPlan, consumerPlan, NOW } from '../identity/kit.ts'
import { consumersFile, largeConfiguration } from './large.ts'
import { proof } from './proof.ts'

const CONSUMERS = 10_000
const LIMIT = 2_000
const sha256 = (text: string): string => createHash('sha256').update(text).digest('hex')

interface Cost {
  /** ms as the owner waits, and ms of processor time of all threads and processes of the gateway. */
  wall: number
  processor: number
}

/** From the command to the ready line, and of a reload as the owner's command sees it. */
async function costs(owner: Owner, consumers: number): Promise<{ start: Cost; reload: Cost }> {
  const upstream = await startUpstream(owner)
  // Made before: the owner's file is there when he starts.
  const files = { 'consumers.jsonl': consumersFile(consumers) }
  const began = performance.now()
  const gateway = await startGateway(owner, largeConfiguration(10, upstream.url, 'a'), { files, group: true })
  const processor = (): number => processorTime(gateway.child.pid ?? 0) / 1000
  const start = { wall: performance.now() - began, processor: processor() }
  gateway.writeConfig(largeConfiguration(10, upstream.url, 'b'))
  const again = performance.now()
  const { code, stderr } = await gatehouse('reload', '--config', gateway.config)
  if (code !== 0) throw new Error(stderr)
  const reload = { wall: performance.now() - again, processor: processor() - start.processor }
  await gateway.stop()
  return { start, reload }
}

/**
 * What the owner waits for is what is claimed, so that is judged. The processor time beside it says whether the gateway
 * or the machine's other programs took it.
 */
await proof('10,000 consumers with API keys: start and reload under 2 s', async (owner) => {
  const few = await costs(owner, 10)
  const many = await costs(owner, CONSUMERS)
  const ms = (value: number): string => `${Math.round(value)} ms`
  const text = ({ wall, processor }: Cost): string => `${ms(wall)} (${ms(processor)} of processor time)`
  return {
    holds: many.start.wall < LIMIT && many.reload.wall < LIMIT,
    figure: `start ${text(many.start)}, reload ${text(many.reload)}; with 10 consumers ${text(few.start)} and ${text(few.reload)}`
  }
})

function directoryOf(size: number): CallerDirectory {
  const directory = new CallerDirectory()
  for (let start = 0; start < size; start += 1000) {
    directory.add(
      Array.from({ length: Math.min(1000, size - start) }, (_, i) =>
        consumerPlan(`c${start + i}`, { keys: [apiKeyPlan(`k${start + i}`, sha256(`known-prefix-${start + i}`))] })
      )
    )
  }
  return directory
}

/** ns a lookup takes, the least of some rounds over many keys: what noise adds is never less than nothing. */
function cost(directory: CallerDirectory, keyOf: (n: number) => string): number {
  const keys = Array.from({ length: 2_000 }, (_, n) => keyOf(n))
  let least = Infinity
  for (let round = 0; round < 40; round++) {
    const began = process.hrtime.bigint()
    for (const key of keys) lookUpKey(key, directory, NOW)
    least = Math.min(least, Number(process.hrtime.bigint() - began) / keys.length)
  }
  return least
}

await proof('a lookup costs the same among 10,000 keys as among 10', async () => {
  const few = directoryOf(10)
  const many = directoryOf(CONSUMERS)
  const key = (n: number): string => `nobody-has-${n}`
  cost(few, key)
  const [a, b] = [cost(few, key), cost(many, key)]
  return { holds: b < a * 1.5, figure: `${Math.round(a)} ns and ${Math.round(b)} ns` }
})

/**
 * Welch's t over interleaved single lookups: keys that begin as known ones do, up to their last character, against
 * keys that share nothing with any. Beyond 4.5 the two would be told apart by who measures long enough (the usual
 * threshold of leakage assessment).
 */
await proof('guessing an API key learns nothing from time', async () => {
  const directory = directoryOf(CONSUMERS)
  // Both as a header's value comes: a text of its own, not a piece of another.
  const own = (text: string): string => Buffer.from(text, 'latin1').toString('latin1')
  const near = Array.from({ length: 5_000 }, (_, n) => own(`known-prefix-${n}x`))
  const far = near.map(({ length }, n) => own(sha256(`${n}`).slice(0, length)))
  const times: [number[], number[]] = [[], []]
  for (let round = 0; round < 60; round++) {
    for (let n = 0; n < near.length; n++) {
      // Which comes first is left to chance.
      const first = Math.random() < 0.5 ? 0 : 1
      for (const side of [first, 1 - first] as const) {
        const key = (side === 0 ? near[n] : far[n]) ?? ''
        const began = process.hrtime.bigint()
        lookUpKey(key, directory, NOW)
        if (round > 5) times[side]?.push(Number(process.hrtime.bigint() - began))
      }
    }
  }
  const [a, b] = times.map(summaryOf)
  if (a === undefined || b === undefined) throw new Error('two sides')
  const t = Math.abs(a.mean - b.mean) / Math.sqrt(a.variance / a.count + b.variance / b.count)
  return {
    holds: t < 4.5,
    figure: `t = ${t.toFixed(2)}; ${a.mean.toFixed(1)} ns and ${b.mean.toFixed(1)} ns of ${a.count}`
  }
})

/** Without the slowest tenth: interruptions, which are no work of the lookup's. */
function summaryOf(times: number[]): { count: number; mean: number; variance: number } {
  const kept = times.toSorted((x, y) => x - y).slice(0, Math.floor(times.length * 0.9))
  const mean = kept.reduce((sum, x) => sum + x, 0) / kept.length
  const variance = kept.reduce((sum, x) => sum + (x - mean) ** 2, 0) / (kept.length - 1)
  return { count: kept.length, mean, variance }
}

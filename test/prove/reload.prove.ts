/**
 * What a reload costs: nothing that stays (200 of them leave memory flat), little while it lasts (p99 within three
 * times of without, with 1,000 routes and consumers), and no pause of a worker over 20 ms with 10,000 of each.
 */
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { reload } from '../e2e/control-socket.ts'
import { startGateway, type Gateway } from '../e2e/gateway.ts'
import { configuration } from '../e2e/reload/configuration.ts'
import { startUpstream } from '../e2e/upstream.ts'
import { type Losses, pause, Visitors } from '../e2e/visitors.ts'
import { proof } from './proof.ts'
import { consumersFile, largeConfiguration } from './large.ts'
import { mb, NOTHING_TO_FILL, privateMemory } from '../e2e/memory.ts'

const WARM = 40
/** The thread that reads configurations goes after ten idle seconds, retired certificates with their connections, ms. */
const SETTLED = 15_000
const RELOADS = 200
const more = (before: number): number => before / 10 + (4 << 20)
const LONGEST_PAUSE = 20
/** What a percentile is taken over, ms. */
const WINDOW = 2_000

async function apply(gateway: Gateway, yaml: string): Promise<void> {
  gateway.writeConfig(yaml)
  const verdict = await reload(gateway.dir)
  if (verdict.outcome === 'refused') throw new Error(`refused: ${verdict.reason}`)
}

await proof(`${RELOADS} reloads leave memory flat`, async (owner) => {
  const gateway = await startGateway(owner, configuration({ body: '0' }), { env: NOTHING_TO_FILL })
  const pid = await gateway.gatewayPid()
  const visitors = new Visitors(gateway.port, { keepAlive: 4, fresh: 1, pause: 20 })
  for (let i = 1; i <= WARM; i++) await apply(gateway, configuration({ body: String(i) }))
  await pause(SETTLED)
  const before = privateMemory(pid)
  for (let i = 1; i <= RELOADS; i++) await apply(gateway, configuration({ body: String(WARM + i) }))
  await pause(SETTLED)
  const after = privateMemory(pid)
  const losses = await visitors.stop()
  return {
    holds: after - before <= more(before) && losses.lost.length === 0,
    figure: `${mb(before)} before, ${mb(after)} after (at most ${mb(more(before))} more); ${losses.lost.length} of ${losses.answered} requests lost`
  }
})

function percentile(times: readonly number[], share: number): number {
  return times.toSorted((a, b) => a - b)[Math.floor(times.length * share)] ?? NaN
}

/** Of the times that began within `from` and `until`, ms of performance.now(): the percentile. */
function between(losses: Losses, from: number, until: number): number {
  return percentile(
    losses.times.filter((_, i) => (losses.began[i] ?? 0) >= from && (losses.began[i] ?? 0) < until),
    0.99
  )
}

await proof('p99 across reloads, 1,000 routes and 1,000 consumers', async (owner) => {
  const upstream = await startUpstream(owner, (_request, response) => response.end('ok'))
  const files = { 'consumers.jsonl': consumersFile(1_000) }
  const gateway = await startGateway(owner, largeConfiguration(1_000, upstream.url, 'start'), { files })
  const rounds: { without: number; across: number; during: number }[] = []
  let lost = 0
  // In pairs, one right after the other, so that both meet the same neighbours on a shared machine. Both windows are of
  // one length: a percentile says how often something happens in a given time.
  for (let round = 0; round < 7; round++) {
    const measure = async (work: () => Promise<void>): Promise<{ whole: number; during: number }> => {
      const visitors = new Visitors(gateway.port, { keepAlive: 8, pause: 2 })
      const began = performance.now()
      await work()
      const worked = performance.now()
      await pause(WINDOW - (worked - began))
      const losses = await visitors.stop()
      lost += losses.lost.length
      return { whole: percentile(losses.times, 0.99), during: between(losses, began, worked) }
    }
    // Made before: what the visitors' own thread does must not count as the gateway's.
    const yaml = largeConfiguration(1_000, upstream.url, `mark ${round}`)
    const across = await measure(() => apply(gateway, yaml))
    const without = await measure(() => Promise.resolve())
    rounds.push({ without: without.whole, across: across.whole, during: across.during })
  }
  const median = (of: (round: (typeof rounds)[number]) => number): number => percentile(rounds.map(of), 0.5)
  const ratio = median(({ without, across }) => across / without)
  const during = median(({ without, during }) => during / without)
  const pairs = rounds.map(({ without, across }) => `${across.toFixed(1)}/${without.toFixed(1)}`).join(' ')
  return {
    holds: ratio <= 3 && lost === 0,
    figure: `${ratio.toFixed(2)} times (median of p99 ms of ${WINDOW / 1000} s with a reload in it and without: ${pairs}; at most 3; of the reload's own time alone ${during.toFixed(2)}); ${lost} requests lost`
  }
})

await proof('the longest pause of a worker at a reload, 10,000 routes and 10,000 consumers', async (owner) => {
  const dir = mkdtempSync(join(tmpdir(), 'gatehouse-pauses-'))
  owner.teardown(() => rmSync(dir, { recursive: true }))
  const file = join(dir, 'pauses')
  const upstream = await startUpstream(owner, (_request, response) => response.end('ok'))
  const gateway = await startGateway(owner, largeConfiguration(10_000, upstream.url, 'a'), {
    files: { 'consumers.jsonl': consumersFile(10_000) },
    preload: [fileURLToPath(new URL('./pauses.ts', import.meta.url))],
    env: { TEST_PAUSES_FILE: file },
    patience: 90_000
  })
  rmSync(file, { force: true })
  await apply(gateway, largeConfiguration(10_000, upstream.url, 'b'))
  const told = existsSync(file) ? readFileSync(file, 'utf8').trim().split('\n') : []
  const longest = Math.max(0, ...told.map((line) => (JSON.parse(line) as { ms: number }).ms))
  return {
    holds: longest <= LONGEST_PAUSE,
    figure: `${longest.toFixed(1)} ms of processor time (at most ${LONGEST_PAUSE})`
  }
})

/** What a look-up of bans and a limit cost by themselves. Times, not ratios: the goals are of a request's few µs. */
import { fileURLToPath } from 'node:url'
import { pairedRatio } from '../pairs.ts'
import { GATEWAY_CORE, runPinned } from '../processes.ts'
import type { Bench, Figure, Scenario } from '../scenario.ts'
import type { Decided } from './decisions/decide.ts'

const DECIDE = fileURLToPath(new URL('./decisions/decide.ts', import.meta.url))

export const decisions: Scenario = {
  name: 'decisions',
  about: 'a look-up with 100,000 addresses and 10,000 networks banned, and a limit by address',
  figures: ['ban-lookup', 'limit-decision'],
  run: async ({ effort }: Bench) => {
    const runs: Decided[] = []
    for (let i = 0; i < effort.rounds; i++) {
      const text = await runPinned(process.execPath, [DECIDE, effort.quick ? '32' : '64'], {
        core: GATEWAY_CORE,
        limitMs: 60_000
      })
      runs.push(JSON.parse(text) as Decided)
    }
    return [
      figure('ban-lookup', '110,000 bans', runs, ({ ban }) => ban),
      figure('ban-lookup', '110,000 bans of IPv6', runs, ({ ban6 }) => ban6),
      figure('limit-decision', 'its time', runs, ({ limit }) => limit)
    ]
  }
}

function figure(scenario: string, against: string, runs: readonly Decided[], of: (run: Decided) => number): Figure {
  const ns = runs.map(of)
  return { scenario, against, unit: 'ns', ...pairedRatio(ns, ns, (each) => each), theirs: 0, note: 'ns each' }
}

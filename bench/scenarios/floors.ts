/** Two parts of the request beside the C program that does nothing else: native-bench. */
import { availableParallelism } from 'node:os'
import { fileURLToPath } from 'node:url'
import { alternate, pairedRatio } from '../pairs.ts'
import { counterFloor, lookupFloor } from '../peers/native.ts'
import { GATEWAY_CORE, runPinned } from '../processes.ts'
import type { Bench, Figure, Scenario } from '../scenario.ts'
import { chargeAll } from './floors/charges.ts'

const LOOKUPS = fileURLToPath(new URL('./floors/lookups.ts', import.meta.url))
const ROUTES = 10_000
const THREADS = Math.min(2, availableParallelism())

export const floors: Scenario = {
  name: 'floors',
  about: 'a route lookup and a charge to a limit, beside a lookup and an atomic addition in C',
  figures: ['route-lookup', 'limit-charge'],
  slow: true,
  run: async (bench) => [await lookups(bench), await charges(bench)]
}

async function lookups({ effort }: Bench): Promise<Figure> {
  const count = effort.quick ? 1_000_000 : 5_000_000
  const ours = async () => {
    const args = [LOOKUPS, String(ROUTES), String(count)]
    return Number(await runPinned(process.execPath, args, { core: GATEWAY_CORE, limitMs: 60_000 }))
  }
  const measured = await alternate(effort.rounds, [ours, () => lookupFloor(ROUTES, count)], (run) => run())
  const ratio = pairedRatio(measured[0] ?? [], measured[1] ?? [])
  return { scenario: 'route-lookup', against: 'C radix lookup', unit: 'ns', ...ratio, note: `${ROUTES} routes` }
}

async function charges({ effort }: Bench): Promise<Figure> {
  const count = effort.quick ? 1_000_000 : 5_000_000
  const contestants = [() => chargeAll(THREADS, count), async () => counterFloor(THREADS, count * 10)]
  const measured = await alternate(effort.rounds, contestants, (run) => run())
  const ratio = pairedRatio(measured[0] ?? [], measured[1] ?? [])
  return {
    scenario: 'limit-charge',
    against: 'C atomic counter',
    unit: 'ns',
    ...ratio,
    note: `${THREADS} threads, one key`
  }
}

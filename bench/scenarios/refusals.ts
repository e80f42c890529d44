/** Refusals beside the cheapest one there is: nginx's `return 401`, both with an access log. Bans aren't built yet. */
import type { Load } from '../load.ts'
import { alternate, pairedRatio } from '../pairs.ts'
import { startGatehouse } from '../peers/gatehouse.ts'
import { startNginxRefusal } from '../peers/nginx.ts'
import type { Peer } from '../peers/peer.ts'
import { type Bench, costPerRequest, type Figure, type Scenario, warmUp, withPeers } from '../scenario.ts'
import { refusingConfig, SECURED_PATH, SPENT_PATH } from './config.ts'

const UNKNOWN_PATH = '/nowhere/at/all'

const KINDS: readonly { name: string; load: Load }[] = [
  { name: 'refusal-401', load: { path: SECURED_PATH, expect: 'refusal' } },
  { name: 'refusal-404', load: { path: UNKNOWN_PATH, expect: 'refusal' } },
  { name: 'refusal-429', load: { path: SPENT_PATH, expect: 'refusal' } }
]

export const refusals: Scenario = {
  name: 'refusals',
  about: 'no credential, no route, a limit used up: beside nginx’s return 401',
  figures: KINDS.map(({ name }) => name),
  run: (bench) => refuse(bench, startNginxRefusal),
  compare: (bench, older) => refuse(bench, () => startGatehouse(older, { config: refusingConfig(bench) }))
}

/** Each kind on Gatehouse and on the other. nginx's refusal is one and the same, so it is measured once a round. */
function refuse(bench: Bench, startOther: () => Promise<Peer>): Promise<Figure[]> {
  const starters = [() => startGatehouse(bench.build, { config: refusingConfig(bench) }), startOther]
  return withPeers(starters, async ([gateway, other]) => {
    if (!gateway || !other) return []
    for (const { load } of KINDS) await warmUp(bench, [gateway, other], load)
    const theirs = other.compiles ? KINDS : KINDS.slice(0, 1)
    const contestants = [
      ...KINDS.map(({ load }) => ({ peer: gateway, load })),
      ...theirs.map(({ load }) => ({ peer: other, load }))
    ]
    const measured = await alternate(bench.effort.rounds, contestants, async ({ peer, load }) => {
      return (await costPerRequest(bench, peer, load, bench.effort.seconds)).us
    })
    return KINDS.map(({ name }, i): Figure => {
      const beside = measured[KINDS.length + Math.min(i, theirs.length - 1)] ?? []
      return { scenario: name, against: other.name, unit: 'us', ...pairedRatio(measured[i] ?? [], beside) }
    })
  })
}

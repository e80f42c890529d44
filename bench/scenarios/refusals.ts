/** Refusals beside the cheapest one there is: nginx's `return 401`, both with an access log. */
import type { Load } from '../load.ts'
import { alternate, pairedRatio } from '../pairs.ts'
import { startBare } from '../peers/bare.ts'
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

/** The first visit of a honeypot bans; all that follow are refused for the ban. In a gateway of its own, which refuses nothing else any more. */
const BANNED: Load = { path: '/.env', expect: 'refusal' }
const BANNED_NAME = 'refusal-banned'

export const refusals: Scenario = {
  name: 'refusals',
  about: 'no credential, no route, a limit used up, banned: beside nginx’s return 401',
  figures: [...KINDS.map(({ name }) => name), BANNED_NAME],
  run: async (bench) => [
    ...(await refuse(bench, startNginxRefusal)),
    ...(bench.effort.quick ? [] : await besideBare(bench))
  ],
  compare: (bench, older) => refuse(bench, () => startGatehouse(older, { config: refusingConfig(bench) }))
}

/** Each kind on Gatehouse and on the other. nginx's refusal is one and the same, so it is measured once a round. */
function refuse(bench: Bench, startOther: () => Promise<Peer>): Promise<Figure[]> {
  const start = (): Promise<Peer> => startGatehouse(bench.build, { config: refusingConfig(bench) })
  return withPeers([start, start, startOther, startOther], async ([gateway, banning, other, otherBanning]) => {
    if (!gateway || !banning || !other || !otherBanning) return []
    const kinds = [
      ...KINDS.map((kind) => ({ ...kind, peer: gateway, other })),
      { name: BANNED_NAME, load: BANNED, peer: banning, other: otherBanning }
    ]
    for (const { load, peer, other: beside } of kinds) await warmUp(bench, [peer, beside], load)
    const theirs = other.compiles ? kinds : kinds.slice(0, 1)
    const contestants = [
      ...kinds.map(({ peer, load }) => ({ peer, load })),
      ...theirs.map(({ load, other: peer }) => ({ peer, load }))
    ]
    const measured = await alternate(bench.effort.rounds, contestants, async ({ peer, load }) => {
      return (await costPerRequest(bench, peer, load, bench.effort.seconds)).us
    })
    return kinds.map(({ name }, i): Figure => {
      const beside = measured[kinds.length + Math.min(i, theirs.length - 1)] ?? []
      return { scenario: name, against: other.name, unit: 'us', ...pairedRatio(measured[i] ?? [], beside) }
    })
  })
}

/** How much of the first is uWebSockets.js's own: on which nothing of ours can improve. */
function besideBare(bench: Bench): Promise<Figure[]> {
  const start = (): Promise<Peer> => startGatehouse(bench.build, { config: refusingConfig(bench) })
  return withPeers([start, startBare], async (peers) => {
    const load: Load = { path: SECURED_PATH, expect: 'refusal' }
    await warmUp(bench, peers, load)
    const [ours = [], bare = []] = await alternate(bench.effort.rounds, peers, async (peer) => {
      return (await costPerRequest(bench, peer, load, bench.effort.seconds)).us
    })
    const against = peers[1]?.name ?? ''
    return [{ scenario: 'refusal-401', against, unit: 'us', ...pairedRatio(ours, bare) }]
  })
}

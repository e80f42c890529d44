/** The common scenario: one load on Gatehouse and on peers, processor time per request in paired rounds. */
import type { Load } from '../load.ts'
import { alternate, pairedRatio } from '../pairs.ts'
import { type GatewayConfig, type Build, startGatehouse } from '../peers/gatehouse.ts'
import type { Peer } from '../peers/peer.ts'
import {
  type Bench,
  type Cost,
  costPerRequest,
  type Figure,
  saturationNote,
  type Scenario,
  warmUp,
  withPeers
} from '../scenario.ts'

export interface Duel {
  readonly name: string
  readonly about: string
  readonly slow?: boolean
  gateway(bench: Bench): GatewayConfig
  load(bench: Bench): Load
  /** Those that the load is compared on. */
  peers(bench: Bench): readonly (() => Promise<Peer>)[]
}

export function duel(of: Duel): Scenario {
  const { name, about, slow } = of
  const gateway = (bench: Bench, build: Build) => () => startGatehouse(build, { config: of.gateway(bench) })
  return {
    name,
    about,
    ...(slow === undefined ? {} : { slow }),
    run: (bench) => compare(bench, name, of.load(bench), [gateway(bench, bench.build), ...of.peers(bench)]),
    compare: (bench, older) =>
      compare(bench, name, of.load(bench), [gateway(bench, bench.build), gateway(bench, older)])
  }
}

/** The first contestant against each of the others, by processor time per request. */
function compare(
  bench: Bench,
  scenario: string,
  load: Load,
  contestants: readonly (() => Promise<Peer>)[]
): Promise<Figure[]> {
  return withPeers(contestants, async (peers) => {
    await warmUp(bench, peers, load)
    const costs = new Map<Peer, Cost[]>(peers.map((peer) => [peer, []]))
    const [ours = [], ...theirs] = await alternate(bench.effort.rounds, peers, async (peer) => {
      const cost = await costPerRequest(bench, peer, load, bench.effort.seconds)
      costs.get(peer)?.push(cost)
      return cost.us
    })
    const note = saturationNote(costs.get(peers[0] as Peer) ?? [])
    return peers.slice(1).map(({ name }, i): Figure => {
      return { scenario, against: name, unit: 'us', ...pairedRatio(ours, theirs[i] ?? []), ...note }
    })
  })
}

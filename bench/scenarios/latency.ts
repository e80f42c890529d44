/** Latency under an open loop at half of what the gateway can do, alone and beside a client that sends bad tokens. */
import { floodWithBadTokens, generate, type Latencies, type Load, pace } from '../load.ts'
import { alternate, pairedRatio } from '../pairs.ts'
import { startGatehouse } from '../peers/gatehouse.ts'
import { startNginxProxy } from '../peers/nginx.ts'
import { emptyLogs, type Peer } from '../peers/peer.ts'
import { type Bench, check, type Figure, type Scenario, warmUp, withPeers } from '../scenario.ts'
import { sleep } from '../processes.ts'
import { SECURED_PATH, securedConfig } from './config.ts'

/** The last 16 characters of a token are the flood's to count with. */
const COUNTED = 16
/** Until the flood has filled whatever queue it can. */
const FLOOD_LEAD_MS = 300

function securedLoad(bench: Bench): Load {
  return { path: SECURED_PATH, headers: { authorization: `Bearer ${bench.tokens.RS256}` } }
}

/** Requests a second that are half of what `peer` answers when saturated. */
async function halfLoad(bench: Bench, peer: Peer, load: Load): Promise<number> {
  const answered = await generate(peer.port, load, bench.effort.warmUp)
  emptyLogs(peer)
  check(peer, answered)
  const { perSecond } = answered
  return Math.floor(perSecond / 2)
}

async function latencies(peer: Peer, load: Load, rate: number, seconds: number): Promise<Latencies> {
  const measured = await pace(peer.port, load, rate, seconds)
  emptyLogs(peer)
  if (measured.failed > 0 || measured.unanswered > 0) {
    throw new Error(`${peer.name}: ${measured.failed} refused and ${measured.unanswered} unanswered at ${rate}/s`)
  }
  return measured
}

export const halfLoadLatency: Scenario = {
  name: 'half-load',
  about: 'p50 and p99 of the secured path at half load, open loop, beside nginx at the same rate',
  figures: ['half-load-p50', 'half-load-p99'],
  slow: true,
  run: (bench) =>
    withPeers(
      [
        () => startGatehouse(bench.build, { config: securedConfig(bench, { algorithm: 'RS256' }) }),
        () => startNginxProxy({ upstream: bench.upstream.port })
      ],
      async (peers) => {
        const load = securedLoad(bench)
        await warmUp(bench, peers, load)
        const rate = await halfLoad(bench, peers[0] as Peer, load)
        const seen = new Map<Peer, Latencies[]>(peers.map((peer) => [peer, []]))
        await alternate(bench.effort.rounds, peers, async (peer) => {
          const measured = await latencies(peer, load, rate, bench.effort.seconds)
          seen.get(peer)?.push(measured)
          return measured.p99
        })
        const [ours = [], theirs = []] = peers.map((peer) => seen.get(peer) ?? [])
        return (['p50', 'p99'] as const).map((which): Figure => {
          const [a, b] = [ours.map((all) => all[which]), theirs.map((all) => all[which])]
          const note = `${rate} requests a second`
          return { scenario: `half-load-${which}`, against: 'nginx', unit: 'ms', ...pairedRatio(a, b), note }
        })
      }
    )
}

export const badTokenFlood: Scenario = {
  name: 'bad-token-flood',
  about: 'p99 of cached traffic at half load while a second client sends only new bad tokens',
  run: (bench) =>
    withPeers(
      // Both clients have one address, which would be banned for the second one's tokens.
      [
        () =>
          startGatehouse(bench.build, {
            config: { ...securedConfig(bench, { algorithm: 'RS256' }), threats: { bans: 'none' } }
          })
      ],
      async ([gateway]) => {
        if (!gateway) return []
        const load = securedLoad(bench)
        await warmUp(bench, [gateway], load)
        const rate = await halfLoad(bench, gateway, load)
        const { seconds, rounds } = bench.effort
        let bad = 0
        const alone = async () => (await latencies(gateway, load, rate, seconds)).p99
        const flooded = async () => {
          const prefix = bench.tokens.RS256.slice(0, -COUNTED)
          const flood = floodWithBadTokens(gateway.port, SECURED_PATH, prefix, seconds + 1)
          await sleep(FLOOD_LEAD_MS)
          const { p99 } = await latencies(gateway, load, rate, seconds)
          bad = Math.round((await flood).perSecond)
          emptyLogs(gateway)
          return p99
        }
        const [without = [], withFlood = []] = await alternate(rounds, [alone, flooded], (measure) => measure())
        const note = `${rate} good and ${bad} bad requests a second`
        const figure = pairedRatio(withFlood, without)
        return [{ scenario: 'bad-token-flood', against: 'without', unit: 'ms', ...figure, note } satisfies Figure]
      }
    )
}

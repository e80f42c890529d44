/**
 * Every token new: what a verification costs, beside OpenSSL's own.
 *
 * The same requests are sent with one token, which is verified once, and with thousands that differ; the difference is
 * what verifying takes, hand-over to the pool and back included. The cache is made small and the tokens are sent in
 * turn, so that each one has been forgotten when it comes again: as new as if it had never been seen, and a cache that
 * is full of other tokens is the state that such a load leaves anyway.
 */
import type { Load } from '../load.ts'
import { alternate, median, pairedRatio } from '../pairs.ts'
import { startGatehouse } from '../peers/gatehouse.ts'
import { verificationFloor } from '../peers/native.ts'
import { type Bench, costPerRequest, type Figure, type Scenario, warmUp, withPeers } from '../scenario.ts'
import { type Algorithm, TENANT } from '../tokens.ts'
import { securedConfig } from './config.ts'

/** Room for some hundred tokens; thousands are sent. */
const SMALL_CACHE = '64kb'
const TOKENS = { quick: 3000, whole: 6000 }
const VERIFY_QUEUE_PER_CLIENT = '10000'

export const newTokens: Scenario = {
  name: 'new-tokens',
  about: 'every token new: verifications per second of processor time, beside OpenSSL’s own',
  figures: ['new-tokens-rs256', 'new-tokens-es256'],
  run: async (bench) => {
    const floor = await verificationFloor(bench.effort.quick ? 0.5 : 3)
    const algorithms: Algorithm[] = bench.effort.quick ? ['RS256'] : ['RS256', 'ES256']
    const figures: Figure[] = []
    for (const algorithm of algorithms) {
      figures.push(...(await measure(bench, algorithm, floor[algorithm === 'RS256' ? 'rs256' : 'es256'])))
    }
    return figures
  }
}

function measure(bench: Bench, algorithm: Algorithm, floor: number): Promise<Figure[]> {
  const gateway = () =>
    startGatehouse(bench.build, {
      config: securedConfig(bench, { algorithm }),
      // All come from one address here; a flood of bad ones from one address is a scenario of its own.
      env: { GATEHOUSE_VERIFY_CACHE_SIZE: SMALL_CACHE, GATEHOUSE_VERIFY_PER_CLIENT: VERIFY_QUEUE_PER_CLIENT }
    })
  return withPeers([gateway], async ([peer]) => {
    if (!peer) return []
    const count = bench.effort.quick ? TOKENS.quick : TOKENS.whole
    const made = await bench.signers[algorithm].tokens(count)
    const known: Load = { path: `/orders/${TENANT}`, headers: { authorization: `Bearer ${bench.tokens[algorithm]}` } }
    const fresh: Load = { ...known, requests: made.map((token) => ({ authorization: `Bearer ${token}` })) }
    await warmUp(bench, [peer], known)
    await warmUp(bench, [peer], fresh)
    const [withNew = [], without = []] = await alternate(bench.effort.rounds, [fresh, known], async (load) => {
      return (await costPerRequest(bench, peer, load, bench.effort.seconds)).us
    })
    const scenario = `new-tokens-${algorithm.toLowerCase()}`
    const verifications = withNew.map((us, round) => 1e6 / (us - (without[round] ?? NaN)))
    const requests = withNew.map((us) => 1e6 / us)
    const floors = withNew.map(() => floor)
    const whole = Math.round((median(requests) / floor) * 100) / 100
    return [
      {
        scenario,
        against: 'OpenSSL',
        unit: '/s',
        ...pairedRatio(verifications, floors),
        note: `${whole} with all of the request counted`
      }
    ]
  })
}

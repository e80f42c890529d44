/** What more routes, more workers and more policies cost: Gatehouse beside itself. */
import type { Load, Variation } from '../load.ts'
import { alternate, pairedRatio } from '../pairs.ts'
import { startGatehouse } from '../peers/gatehouse.ts'
import { type Bench, costPerRequest, type Figure, type Scenario, warmUp, withPeers } from '../scenario.ts'
import { limit, manyRoutesConfig, routePath, SECURED_PATH, securedConfig, type SecuredOptions } from './config.ts'

/** Requests that differ, so that neither table answers from the processor's nearest cache only. */
const PATHS = 4096

/**
 * Throughput is requests per second of processor time: on a saturated core the same as requests per second, without
 * what the load's core happens to manage.
 */
export const routes: Scenario = {
  name: 'routes',
  about: 'throughput with 10,000 and 1,000 routes, beside 10',
  figures: ['routes-10000', 'routes-1000'],
  run: (bench) => {
    const counts = bench.effort.quick ? [10, 10_000] : [10, 10_000, 1000]
    const starters = counts.map((count) => () => startGatehouse(bench.build, manyRoutesConfig(bench, count)))
    return withPeers(starters, async (gateways) => {
      const loads = counts.map((count): Load => ({ path: '/', requests: requestsOver(count) }))
      for (const [i, gateway] of gateways.entries()) await warmUp(bench, [gateway], loads[i] as Load)
      const contestants = gateways.map((gateway, i) => ({ gateway, load: loads[i] as Load }))
      const measured = await alternate(bench.effort.rounds, contestants, async ({ gateway, load }) => {
        return 1e6 / (await costPerRequest(bench, gateway, load, bench.effort.seconds)).us
      })
      const [ten = []] = measured
      return counts.slice(1).map((count, i): Figure => {
        const ours = measured[i + 1] ?? []
        return { scenario: `routes-${count}`, against: '10 routes', unit: '/s', ...pairedRatio(ours, ten) }
      })
    })
  }
}

/** Paths spread over the table; all of the same length. */
function requestsOver(routeCount: number): Variation[] {
  return Array.from({ length: PATHS }, (_, i) => {
    const id = String(i).padStart(4, '0')
    return { path: `${routePath((i * 7919) % routeCount)}/${id}` }
  })
}

export const workers: Scenario = {
  name: 'workers',
  about: 'processor time per request of the secured path with two workers, beside one',
  figures: ['workers-2'],
  run: (bench) => {
    const config = securedConfig(bench, { algorithm: 'RS256' })
    const starters = [2, 1].map((count) => () => startGatehouse(bench.build, { config, workers: count }))
    return withPeers(starters, async (gateways) => {
      const load: Load = { path: SECURED_PATH, headers: { authorization: `Bearer ${bench.tokens.RS256}` } }
      await warmUp(bench, gateways, load)
      const [two = [], one = []] = await alternate(bench.effort.rounds, gateways, async (gateway) => {
        return (await costPerRequest(bench, gateway, load, bench.effort.seconds)).us
      })
      return [{ scenario: 'workers-2', against: '1 worker', unit: 'us', ...pairedRatio(two, one) } satisfies Figure]
    })
  }
}

/**
 * One policy costs less than rounds differ, so several of a kind are added where a route can have several, and their
 * cost is divided by their number.
 */
const COPIES = 8

interface Kind {
  readonly name: string
  readonly copies: number
  add(): Partial<SecuredOptions>
}

function copies<T>(make: (i: number) => T): T[] {
  return Array.from({ length: COPIES }, (_, i) => make(i))
}

const KINDS: readonly Kind[] = [
  {
    name: 'ip',
    copies: COPIES,
    add: () => ({
      profiles: copies((i) => ({
        name: `addresses-${i}`,
        policies: { ip: { allow: ['127.0.0.0/8', '10.0.0.0/8'], deny: [`192.0.2.${i}/32`] } }
      }))
    })
  },
  {
    name: 'rule',
    copies: COPIES,
    add: () => ({
      rules: copies((i) => ({ name: `rule-${i}`, when: `claims.tenant == path.id && path.id != "no-${i}"` }))
    })
  },
  { name: 'limit', copies: COPIES, add: () => ({ limits: copies((i) => limit(`more-${i}`, 'caller')) }) },
  { name: 'cors', copies: 1, add: () => ({ policies: { cors: { origins: ['https://app.example.com'] } } }) },
  {
    name: 'headers',
    copies: COPIES,
    add: () => ({
      policies: {
        headers: { request: { set: Object.fromEntries(copies((i) => [`x-more-${i}`, `{claim:tenant}-${i}`])) } }
      }
    })
  }
]

/** With a browser's origin, or `cors` has nothing to do. */
function securedLoad(bench: Bench): Load {
  return {
    path: SECURED_PATH,
    headers: { authorization: `Bearer ${bench.tokens.RS256}`, origin: 'https://app.example.com' }
  }
}

export const policies: Scenario = {
  name: 'policies',
  about: 'what one more matching policy of each kind costs, as a share of the request',
  figures: KINDS.map(({ name }) => `policy-${name}`),
  run: (bench) => {
    const start = (options: Partial<SecuredOptions>) => () =>
      startGatehouse(bench.build, { config: securedConfig(bench, { algorithm: 'RS256', ...options }) })
    return withPeers([start({}), ...KINDS.map((kind) => start(kind.add()))], async (gateways) => {
      const load = securedLoad(bench)
      await warmUp(bench, gateways, load)
      // Six gateways: a second round would not fit into a quick run.
      const rounds = bench.effort.quick ? 1 : bench.effort.rounds
      const [bare = [], ...more] = await alternate(rounds, gateways, async (gateway) => {
        return (await costPerRequest(bench, gateway, load, bench.effort.seconds)).us
      })
      return KINDS.map((kind, i): Figure => {
        const share = (ours: number, theirs: number) => (ours - theirs) / theirs / kind.copies
        const note = kind.copies === 1 ? {} : { note: `${kind.copies} added, a share each` }
        return {
          scenario: `policy-${kind.name}`,
          against: 'without',
          unit: 'us',
          ...pairedRatio(more[i] ?? [], bare, share),
          ...note
        }
      })
    })
  },
  compare: async (bench, older) => {
    const figures: Figure[] = []
    for (const { name, add, copies } of KINDS) {
      const config = securedConfig(bench, { algorithm: 'RS256', ...add() })
      const starters = [bench.build, older].map((build) => () => startGatehouse(build, { config }))
      const [ours = [], theirs = []] = await withPeers(starters, async (gateways) => {
        const load = securedLoad(bench)
        await warmUp(bench, gateways, load)
        return alternate(bench.effort.rounds, gateways, async (gateway) => {
          return (await costPerRequest(bench, gateway, load, bench.effort.seconds)).us
        })
      })
      const note = copies === 1 ? {} : { note: `a request with ${copies} of them` }
      figures.push({
        scenario: `policy-${name}`,
        against: older.name,
        unit: 'us',
        ...pairedRatio(ours, theirs),
        ...note
      })
    }
    return figures
  }
}

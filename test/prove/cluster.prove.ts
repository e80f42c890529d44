/**
 * Three gateways as one on a real Redis, under load that never pauses, while the store is killed, paused and emptied. No
 * answer but 200 and 429, no lost connection; and before it, and within one window after each return, what all three
 * admit together is what one limit admits: exactly where it is strict, as documented where it is local first.
 */
import { startHosts } from '../e2e/cluster/hosts.ts'
import { startRedis, soon } from '../e2e/cluster/redis-server.ts'
import { status } from '../e2e/control-socket.ts'
import type { Gateway } from '../e2e/gateway.ts'
import { Visitors } from '../e2e/visitors.ts'
import { proof, type Finding } from './proof.ts'

const HOSTS = 3
const RATE = 100
const BURST = 20
/** How long admissions are counted, s. */
const COUNTED = 3
/** Bucket refilled, and every host's exchange heard of: one window and more, ms. */
const WINDOW = 1000

const AWAY = {
  killed: {
    go: (redis: Awaited<ReturnType<typeof startRedis>>) => redis.kill(),
    back: (redis: Awaited<ReturnType<typeof startRedis>>) => redis.start()
  },
  paused: {
    go: async (redis: Awaited<ReturnType<typeof startRedis>>) => redis.pause(),
    back: async (redis: Awaited<ReturnType<typeof startRedis>>) => redis.resume()
  },
  emptied: {
    go: async (redis: Awaited<ReturnType<typeof startRedis>>) => void redis.cli('flushall'),
    back: async () => {}
  }
}

for (const strict of [true, false])
  await proof(
    `${HOSTS} gateways, one ${strict ? 'strict' : 'local-first'} limit, the store away and back`,
    async (owner) => {
      const redis = await startRedis(owner)
      const limit = `{ name: shared, rate: ${RATE}/s, burst: ${BURST}, by: all, scope: cluster, strict: ${strict} }`
      const service = `policies: { auth: public, limits: [ ${limit} ] }, routes: [ { name: r, match: { paths: ["/*"] } } ]`
      const gateways = await startHosts(owner, HOSTS, `redis: "${redis.url}", timeout: 500ms`, service)
      const visitors = gateways.map(({ port }) => new Visitors(port, { keepAlive: 4, path: '/', pause: 10 }))
      const admitted = (): number => visitors.reduce((sum, { losses }) => sum + (losses.statuses.get(200) ?? 0), 0)
      const most = strict ? 0 : (HOSTS - 1) * (BURST + RATE * 0.2)
      const figures: string[] = []
      let holds = true
      const count = async (when: string): Promise<void> => {
        const [before, began] = [admitted(), performance.now()]
        await new Promise((resolve) => setTimeout(resolve, COUNTED * 1000))
        const seconds = (performance.now() - began) / 1000
        const n = admitted() - before
        // What was on its way when counting began and ended, one request of each client.
        const allowed = BURST + RATE * seconds + most + HOSTS * 4
        if (n > allowed || n < RATE * seconds * 0.5) holds = false
        figures.push(`${when} ${n} of ${allowed.toFixed(0)}`)
      }
      await new Promise((resolve) => setTimeout(resolve, 2 * WINDOW))
      await count('before')
      for (const [name, { go, back }] of Object.entries(AWAY)) {
        await go(redis)
        await new Promise((resolve) => setTimeout(resolve, 3000))
        await back(redis)
        await soon(() => allConnected(gateways))
        await new Promise((resolve) => setTimeout(resolve, 2 * WINDOW))
        await count(name)
      }
      return conclude(await Promise.all(visitors.map((each) => each.stop())), holds, figures)
    }
  )

async function allConnected(gateways: readonly Gateway[]): Promise<boolean> {
  const reports = await Promise.all(gateways.map(({ dir }) => status(dir)))
  return reports.every(({ cluster }) => cluster?.connected === true)
}

function conclude(all: Awaited<ReturnType<Visitors['stop']>>[], holds: boolean, figures: readonly string[]): Finding {
  const odd = all.flatMap(({ statuses }) => [...statuses.keys()]).filter((code) => code !== 200 && code !== 429)
  const lost = all.reduce((sum, each) => sum + each.lost.length, 0)
  return {
    holds: holds && odd.length === 0 && lost === 0,
    figure: `admitted ${figures.join(', ')}; ${lost} lost, ${odd.length} other answers`
  }
}

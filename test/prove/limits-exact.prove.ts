/** 20 times: 1,000 requests over 200 connections at once through 4 workers, a limit of 100/h: exactly 100 pass. */
import { startGateway } from '../e2e/gateway.ts'
import { burst } from '../e2e/limits/burst.ts'
import { ADMITTED, CONNECTIONS, exactConfig, exactRequest, REQUESTS, WORKERS } from '../e2e/limits/exact.ts'
import { startUpstream } from '../e2e/upstream.ts'
import { proof } from './proof.ts'

const ROUNDS = 20

await proof(
  `${REQUESTS} requests over ${CONNECTIONS} connections at once, ${WORKERS} workers, ${ADMITTED}/h`,
  async (owner) => {
    const upstream = await startUpstream(owner)
    const gateway = await startGateway(owner, exactConfig(upstream.url, ROUNDS), { workers: WORKERS })
    const admitted: number[] = []
    let others = 0
    for (let round = 0; round < ROUNDS; round++) {
      const { statuses } = await burst(gateway.port, REQUESTS, CONNECTIONS, () => exactRequest(round))
      admitted.push(statuses.get(200) ?? 0)
      others += REQUESTS - (statuses.get(200) ?? 0) - (statuses.get(429) ?? 0)
    }
    const exact = admitted.every((n) => n === ADMITTED) && others === 0 && upstream.seen.length === ROUNDS * ADMITTED
    return {
      holds: exact,
      figure: `${ROUNDS} rounds admitted ${[...new Set(admitted)].join(', ')}; the upstream saw ${upstream.seen.length}; ${others} answers but 200 and 429`
    }
  }
)

/** Memory of connections that have answered one request and wait for the next. */
import { fileURLToPath } from 'node:url'
import { memoryInUse } from '../cpu.ts'
import { generate } from '../load.ts'
import { pairedRatio } from '../pairs.ts'
import { startGatehouse } from '../peers/gatehouse.ts'
import { LOAD_CORE, sleep, start } from '../processes.ts'
import { type Bench, type Figure, type Scenario, withPeers } from '../scenario.ts'
import { plainConfig } from './config.ts'
import { tlsConfig } from './tls.ts'

const CONNECTIONS = 10_000
const CLIENT = fileURLToPath(new URL('../idle-client.ts', import.meta.url))
const OPENING_LIMIT_MS = 90_000
/** Between load and reading: for what is freed when nothing happens. */
const SETTLE_MS = 2000

export const idlePlain: Scenario = {
  name: 'idle-plain',
  about: 'memory per idle keep-alive connection',
  run: async (bench) => [await measure(bench, false)]
}

export const idleTls: Scenario = {
  name: 'idle-tls',
  about: 'the same with TLS',
  slow: true,
  run: async (bench) => [await measure(bench, true)]
}

/** A fresh gateway each time: memory that has been used once is not given back, and would count as nothing. */
async function measure(bench: Bench, tls: boolean): Promise<Figure> {
  const perConnection: number[] = []
  for (let round = 0; round < (bench.effort.quick ? 1 : 3); round++) perConnection.push(await once(bench, tls))
  return {
    scenario: tls ? 'idle-tls' : 'idle-plain',
    against: 'at rest',
    unit: 'KB',
    ...pairedRatio(perConnection, perConnection, (kb) => kb),
    theirs: 0,
    note: `KB each, ${CONNECTIONS} connections`
  }
}

function once(bench: Bench, tls: boolean): Promise<number> {
  const gateway = () => startGatehouse(bench.build, { config: tls ? tlsConfig(bench) : plainConfig(bench) })
  return withPeers([gateway], async ([peer]) => {
    if (!peer) throw new Error('no gateway')
    await generate(peer.port, { path: '/hello', tls }, bench.effort.warmUp)
    await sleep(SETTLE_MS)
    const atRest = memoryInUse(peer.program.group)
    const args = [CLIENT, String(peer.port), String(CONNECTIONS), tls ? 'tls' : 'plain']
    const client = start('the idle client', process.execPath, args, { core: LOAD_CORE })
    try {
      const until = Date.now() + OPENING_LIMIT_MS
      while (!client.output().includes('open\n')) {
        if (client.ended() !== null || Date.now() > until) {
          throw new Error(`${CONNECTIONS} idle connections could not be opened: ${client.output()}`)
        }
        await sleep(100)
      }
      await sleep(SETTLE_MS)
      const inUse = memoryInUse(peer.program.group)
      if (client.ended() !== null) throw new Error(`idle connections did not stay open: ${client.output()}`)
      return (inUse - atRest) / CONNECTIONS / 1024
    } finally {
      await client.stop()
    }
  })
}

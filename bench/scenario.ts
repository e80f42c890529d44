/** What a scenario is given, and what it gives back. */
import type { Certificate } from './certificate.ts'
import { processorTime } from './cpu.ts'
import { type Answered, type Generator, generate, type Load } from './load.ts'
import type { Ratio } from './pairs.ts'
import type { Build } from './peers/gatehouse.ts'
import type { Upstream } from './peers/nginx.ts'
import { emptyLogs, type Peer } from './peers/peer.ts'
import { sleep } from './processes.ts'
import type { Algorithm, Signer } from './tokens.ts'

export interface Effort {
  readonly quick: boolean
  /** Paired rounds of each comparison. */
  readonly rounds: number
  /** Whole seconds of load that each contestant gets in a round. */
  readonly seconds: number
  /** Whole seconds of load before the first round, at least. */
  readonly warmUp: number
}

export interface Bench {
  readonly effort: Effort
  readonly build: Build
  readonly upstream: Upstream
  readonly signers: Readonly<Record<Algorithm, Signer>>
  /** One token of each, of the consumer that the secured path knows. */
  readonly tokens: Readonly<Record<Algorithm, string>>
  readonly certificate: Certificate
  /** What the command line asks for instead of each scenario's own choice. */
  readonly generator: Generator | null
}

/** One row: what one scenario says of Gatehouse beside one other thing. */
export interface Figure extends Ratio {
  readonly scenario: string
  readonly against: string
  readonly unit: 'us' | 'ns' | 'ms' | 'KB' | '/s'
  /** What a reader must know to judge the figure. */
  readonly note?: string
}

export interface Scenario {
  readonly name: string
  /** One line, for --list. */
  readonly about: string
  /** What its figures call themselves, where that isn't its own name. */
  readonly figures?: readonly string[]
  /** Left out of --quick: takes long, or no goal hangs on it. */
  readonly slow?: boolean
  run(bench: Bench): Promise<Figure[]>
  /** The same load on an older build, in pairs; absent where the figure isn't one of the gateway under a load. */
  compare?(bench: Bench, older: Build): Promise<Figure[]>
}

/** Share of its core below which a contestant was not saturated: its cost per request then includes waking up. */
const SATURATED = 0.85
/** Failures that don't count: connections cut off when a round ends. */
const TOLERATED = 0.001
/** Requests after which nothing is compiled anew, and how many times `Effort.warmUp` they may take. */
const WARM_REQUESTS = 20_000
const WARM_AT_MOST = 3

export interface Cost {
  /** µs of processor time per request, all threads and processes. */
  readonly us: number
  readonly perSecond: number
  /** Of its core. */
  readonly busy: number
}

/** Processor time per request of `peer` under a load. @throws when it answers otherwise than expected */
export async function costPerRequest(bench: Bench, peer: Peer, load: Load, seconds: number): Promise<Cost> {
  const before = processorTime(peer.program.group)
  const answered = await generate(peer.port, bench.generator ? { ...load, generator: bench.generator } : load, seconds)
  const spent = processorTime(peer.program.group) - before
  emptyLogs(peer)
  check(peer, answered)
  if (spent <= 0) throw new Error(`${peer.name}: its processor time isn't seen`)
  return { us: spent / answered.requests, perSecond: answered.perSecond, busy: spent / (seconds * 1e6) }
}

export function check(peer: Peer, { requests, failed }: Answered): void {
  if (requests === 0 || failed > requests * TOLERATED) {
    throw new Error(
      `${peer.name} answered ${requests} requests as expected and ${failed} not:\n${peer.program.output()}`
    )
  }
}

/** Loads those that compile as they run until nothing is compiled anew, within bounds of time. */
export async function warmUp(bench: Bench, peers: readonly Peer[], load: Load): Promise<void> {
  const { warmUp: seconds } = bench.effort
  for (const peer of peers.filter(({ compiles }) => compiles)) {
    let requests = 0
    for (let spent = 0; spent < seconds * WARM_AT_MOST && requests < WARM_REQUESTS; spent += seconds) {
      requests += (await generate(peer.port, load, seconds)).requests
      emptyLogs(peer)
    }
  }
  await sleep(200)
}

export function saturationNote(costs: readonly Cost[]): { note?: string } {
  const busy = Math.min(...costs.map((cost) => cost.busy))
  return busy >= SATURATED ? {} : { note: `${Math.round(busy * 100)} % of its core busy` }
}

/** Starts peers, hands them over, and ends them however that goes. */
export async function withPeers<T>(
  starters: readonly (() => Promise<Peer>)[],
  use: (peers: Peer[]) => Promise<T>
): Promise<T> {
  const peers: Peer[] = []
  try {
    for (const startPeer of starters) peers.push(await startPeer())
    return await use(peers)
  } finally {
    await Promise.all(peers.map(({ program }) => program.stop()))
  }
}

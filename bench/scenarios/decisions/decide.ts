/**
 * decide.ts ROUNDS: what two decisions cost that nearly every request waits for, ns of processor time each, as one line
 * of JSON: the look-up in a ban table with 100,000 addresses and 10,000 networks, of addresses that are hardly ever
 * banned, and a limit by address with 4,096 clients, hash and all. Medians of the rounds.
 */
import { Limiter, newLimitVerdict } from '../../../src/limits/limiter.ts'
import { BanTable, ENFORCED } from '../../../src/memory/ban-table.ts'
import { monotonicNs } from '../../../src/memory/clock.ts'
import { Counters } from '../../../src/memory/counters.ts'
import { allocateShared } from '../../../src/memory/shared.ts'
import { median } from '../../pairs.ts'

export interface Decided {
  /** Of IPv4, and of IPv6 addresses. */
  readonly ban: number
  readonly ban6: number
  readonly limit: number
}

const NOW = 1_800_000_000
const ADDRESSES = 100_000
const NETWORKS = 10_000
const PROBES = 1 << 14
const CLIENTS = 1 << 12
const V6_PREFIX = 64
const V6_NETWORK = 48

let state = 1

/** xorshift: the same addresses in every run. */
function random(): number {
  state ^= state << 13
  state ^= state >>> 17
  state ^= state << 5
  return state
}

function address4(): Uint8Array {
  const drawn = random()
  return new Uint8Array([drawn >>> 24, (drawn >>> 16) & 255, (drawn >>> 8) & 255, drawn & 255])
}

/**
 * Of 2000::/4, the larger part of what is routed. Written byte by byte: an array whose `buffer` was asked for lies in
 * four places, and to wait for them took as long as the look-up.
 */
function address6(): Uint8Array {
  const bytes = new Uint8Array(16)
  for (let at = 0; at < bytes.length; at += 4) bytes.set(address4(), at)
  bytes[0] = 0x20 | ((bytes[0] ?? 0) & 0x0f)
  return bytes
}

function banTable(draw: () => Uint8Array, bits: number, network: (i: number) => number): BanTable {
  const table = new BanTable(allocateShared({ workers: 1, limitSlots: 1024, ringBytes: 1 << 16 }))
  for (let i = 0; i < ADDRESSES; i++) table.put(ENFORCED, draw(), bits, NOW + 60, 1, NOW)
  for (let i = 0; i < NETWORKS; i++) table.put(ENFORCED, draw(), network(i), NOW + 60, 1, NOW)
  return table
}

function lookingUp(table: BanTable, draw: () => Uint8Array): () => void {
  const probes = Array.from({ length: PROBES }, draw)
  const found = { until: 0, info: 0 }
  return () => {
    for (let i = 0; i < PROBES; i++) table.find(ENFORCED, probes[i] as Uint8Array, NOW, found)
  }
}

/** Never reached by so few. */
const RATE = { kind: 'rate', count: 1_000_000, period: 1000, burst: 1_000_000 } as const

function charging(): () => void {
  const memory = allocateShared({ workers: 1, limitSlots: 1 << 17, ringBytes: 1 << 16 })
  const limiter = new Limiter(memory, 0, new Counters(memory, 0))
  const plan = { name: 'bench', level: 'gateway', by: [], amount: RATE, needsCaller: false } as const
  const limit = limiter.prepare({ ...plan, by: [], mode: 'enforce', where: '' })
  const keys = Array.from({ length: CLIENTS }, () => `i${address4().join('.')}`)
  const verdict = newLimitVerdict()
  return () => {
    // The request's clock is read once, and shared by its limits.
    const now = monotonicNs()
    for (let i = 0; i < PROBES; i++) limiter.take(limit, keys[i & (CLIENTS - 1)] as string, false, now, verdict)
    if (!verdict.admitted) throw new Error('the limit is reached: what is measured is not a charge')
  }
}

function nsEach(work: () => void): number {
  const before = process.cpuUsage()
  work()
  const { user, system } = process.cpuUsage(before)
  return ((user + system) * 1000) / PROBES
}

const rounds = Number(process.argv[2] ?? 64)
// One in a hundred networks of IPv4 is as wide as a /16, or most addresses would be banned.
const table4 = banTable(address4, 32, (i) => (i % 100 === 0 ? 16 : 24))
const table6 = banTable(address6, V6_PREFIX, () => V6_NETWORK)
const works = [lookingUp(table4, address4), lookingUp(table6, address6), charging()]
const measured: number[][] = works.map(() => [])
for (let round = 0; round < rounds; round++) {
  for (const [i, work] of works.entries()) measured[i]?.push(nsEach(work))
}
const [ban = NaN, ban6 = NaN, limit = NaN] = measured.map((each) => Math.round(median(each)))
process.stdout.write(`${JSON.stringify({ ban, ban6, limit } satisfies Decided)}\n`)

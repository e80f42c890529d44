/**
 * What a look-up in the ban table costs with 100,000 addresses and 10,000 networks of two lengths banned, for IPv4
 * addresses that are hardly ever banned. Processor time per look-up; beside it, in the same run, the keyed hash of one
 * limit's key, whose 100 to 150 ns (memory/hash.ts) say how fast this machine is today. Ends by itself after seconds.
 */
import { BanTable, ENFORCED } from '../src/memory/ban-table.ts'
import { KeyHash } from '../src/memory/hash.ts'
import { allocateShared } from '../src/memory/shared.ts'

const NOW = 1_800_000_000
const ADDRESSES = 100_000
const NETWORKS = 10_000
const PROBES = 1 << 14
const ROUNDS = 64

const memory = allocateShared({ workers: 1, limitSlots: 1024, ringBytes: 1 << 16 })
const table = new BanTable(memory)
const hash = new KeyHash(memory.seed)
const domain = hash.domain('bench')
const found = { until: 0, info: 0 }
let state = 1

/** xorshift: the same addresses in every run. */
function address(): Uint8Array {
  state ^= state << 13
  state ^= state >>> 17
  state ^= state << 5
  return new Uint8Array([state >>> 24, (state >>> 16) & 255, (state >>> 8) & 255, state & 255])
}

for (let i = 0; i < ADDRESSES; i++) table.put(ENFORCED, address(), 32, NOW + 60, 1, NOW)
// One in a hundred of these is as wide as a /16, or most addresses would be banned.
for (let i = 0; i < NETWORKS; i++) table.put(ENFORCED, address(), i % 100 === 0 ? 16 : 24, NOW + 60, 1, NOW)
const probes = Array.from({ length: PROBES }, address)
const keys = probes.map((bytes) => `i${bytes.join('.')}`)

const lookUps: number[] = []
const hashes: number[] = []
for (let round = 0; round < ROUNDS; round++) {
  lookUps.push(nsEach(() => probes.forEach((bytes) => table.find(ENFORCED, bytes, NOW, found))))
  hashes.push(nsEach(() => keys.forEach((key) => hash.of(key, domain))))
}
process.stdout.write(
  `look-up ${median(lookUps)} ns, hash of a limit's key ${median(hashes)} ns (median of ${ROUNDS} rounds of ${PROBES})\n`
)

function nsEach(work: () => void): number {
  const before = process.cpuUsage()
  work()
  const { user, system } = process.cpuUsage(before)
  return ((user + system) * 1000) / PROBES
}

function median(values: number[]): number {
  return Math.round(values.toSorted((a, b) => a - b)[values.length >> 1] ?? 0)
}

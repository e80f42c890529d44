import { Worker } from 'node:worker_threads'
import t from 'tap'
import fc from 'fast-check'
import { formatIp, networkOf, parseCidr } from '../../src/ip.ts'
import {
  BanTable,
  banSlotCount,
  blocksOf,
  bytesOfBanTable,
  ENFORCED,
  LIMITED,
  offencesOf,
  PINNED,
  SHADOW,
  tagOf,
  type Space
} from '../../src/memory/ban-table.ts'

const NOW = 1_800_000_000
const SEED = [1, 2, 3, 4] as const

function tableOf(banSlots = 1024): BanTable {
  return new BanTable({ bans: new SharedArrayBuffer(bytesOfBanTable(banSlots)), banSlots, seed: SEED })
}

function cidr(text: string): { bytes: Uint8Array; bits: number } {
  const parsed = parseCidr(text)
  if (parsed === null) throw new Error(text)
  return parsed
}

function ban(table: BanTable, text: string, until = NOW + 60, info = 7, space: Space = ENFORCED, now = NOW): boolean {
  const { bytes, bits } = cidr(text)
  return blocksOf(bytes, bits).every((block) => table.put(space, block.bytes, block.bits, until, info, now))
}

const found = { until: 0, info: 0 }
function banned(table: BanTable, address: string, now = NOW, space: Space = ENFORCED): boolean {
  return table.find(space, cidr(address).bytes, now, found)
}

t.test('an address, from the second it is banned to the second it ends', async (t) => {
  const table = tableOf()
  t.notOk(banned(table, '192.0.2.1'))
  ban(table, '192.0.2.1', NOW + 60, 7 | (3 << 16))
  t.ok(banned(table, '192.0.2.1', NOW + 59), 'N-1')
  t.same(found, { until: NOW + 60, info: 7 | (3 << 16) })
  t.equal(tagOf(found.info), 7)
  t.equal(offencesOf(found.info), 3)
  t.notOk(banned(table, '192.0.2.1', NOW + 60), 'N')
  t.notOk(banned(table, '192.0.2.1', NOW + 61), 'N+1')
  t.notOk(banned(table, '192.0.2.2'))
  t.notOk(banned(table, '192.0.2.1', NOW, SHADOW), 'bans in shadow mode are another table')
})

t.test('an end within a second, rounded up to a 64th of one', async (t) => {
  const table = tableOf()
  const info = PINNED | LIMITED | (255 << 16) | 0xffff
  for (const [until, rounded] of [
    [NOW + 0.5, NOW + 0.5],
    [NOW + 1.501, NOW + 1.515625],
    [NOW + 2.999, NOW + 3]
  ] as const) {
    ban(table, '192.0.2.1', until, info)
    t.ok(banned(table, '192.0.2.1', until - 0.001))
    t.same(found, { until: rounded, info }, 'and the rest is not told of in the info')
    t.notOk(banned(table, '192.0.2.1', rounded))
  }
  ban(table, '192.0.2.1', NOW + 2.98, 7)
  t.ok(banned(table, '192.0.2.1', NOW + 2.99), 'what is banned longer stays so')
})

t.test('networks: every address of one, and none beside it', async (t) => {
  for (const [block, inside, outside] of [
    ['10.0.0.0/8', ['10.0.0.0', '10.255.255.255'], ['9.255.255.255', '11.0.0.0']],
    ['192.0.2.0/24', ['192.0.2.0', '192.0.2.255'], ['192.0.1.255', '192.0.3.0']],
    ['192.0.2.128/25', ['192.0.2.128', '192.0.2.255'], ['192.0.2.127', '192.0.3.0']],
    ['172.16.0.0/12', ['172.16.0.0', '172.31.255.255'], ['172.15.255.255', '172.32.0.0']],
    ['2001:db8::/32', ['2001:db8::', '2001:db8:ffff::1'], ['2001:db7:ffff::', '2001:db9::']],
    ['2001:db8::/61', ['2001:db8::1', '2001:db8:0:7::1'], ['2001:db8:0:8::1']],
    ['2001:db8::1', ['2001:db8::1'], ['2001:db8::2', '2001:db8::']]
  ] as const) {
    const table = tableOf()
    ban(table, block)
    for (const address of inside) t.ok(banned(table, address), `${address} is in ${block}`)
    for (const address of outside) t.notOk(banned(table, address), `${address} is not in ${block}`)
  }
})

t.test('a network as blocks of whole bytes', async (t) => {
  const text = (block: string): string[] => {
    const { bytes, bits } = cidr(block)
    return blocksOf(bytes, bits).map((one) => `${formatIp(one.bytes)}/${one.bits}`)
  }
  t.same(text('10.0.0.0/8'), ['10.0.0.0/8'])
  t.same(text('192.0.2.0/23'), ['192.0.2.0/24', '192.0.3.0/24'])
  t.equal(text('128.0.0.0/1').length, 128)
  t.same(text('0.0.0.0/0'), [], 'nobody bans everybody')
})

t.test('removed: let in at once, and forgotten', async (t) => {
  const table = tableOf()
  ban(table, '192.0.2.0/24')
  const { bytes, bits } = cidr('192.0.2.0/24')
  t.ok(table.recall(ENFORCED, bytes, bits, found))
  table.remove(ENFORCED, bytes, bits)
  t.notOk(banned(table, '192.0.2.1'))
  t.notOk(table.recall(ENFORCED, bytes, bits, found))
  ban(table, '192.0.2.0/24')
  t.ok(banned(table, '192.0.2.1'), 'and banned again')
})

t.test('what has ended is remembered until its slot is needed', async (t) => {
  const table = tableOf()
  ban(table, '192.0.2.1', NOW - 10, 7)
  t.notOk(banned(table, '192.0.2.1'))
  const { bytes, bits } = cidr('192.0.2.1')
  t.ok(table.recall(ENFORCED, bytes, bits, found))
  t.equal(found.until, NOW - 10)
})

t.test('the longer of two bans stands, unless an owner says otherwise', async (t) => {
  const table = tableOf()
  ban(table, '192.0.2.1', NOW + 100, 1)
  ban(table, '192.0.2.1', NOW + 50, 2)
  banned(table, '192.0.2.1')
  t.same(found, { until: NOW + 100, info: 1 })
  ban(table, '192.0.2.1', NOW + 10, 3 | PINNED)
  banned(table, '192.0.2.1')
  t.same(found, { until: NOW + 10, info: 3 | PINNED })
})

t.test('keys that are no addresses', async (t) => {
  const table = tableOf()
  t.notOk(table.holdsKeys(ENFORCED))
  t.ok(table.putKey(ENFORCED, 'caller\0c4:acme', NOW + 60, 9, NOW))
  t.ok(table.holdsKeys(ENFORCED))
  t.notOk(table.holdsKeys(SHADOW))
  t.ok(table.findKey(ENFORCED, 'caller\0c4:acme', NOW, found))
  t.equal(found.info, 9)
  t.notOk(table.findKey(ENFORCED, 'caller\0c4:acmf', NOW, found))
  t.ok(table.recallKey(ENFORCED, 'caller\0c4:acme', found))
  table.removeKey(ENFORCED, 'caller\0c4:acme')
  t.notOk(table.findKey(ENFORCED, 'caller\0c4:acme', NOW, found))
})

t.test('full: what ends first makes room, and never an owner’s ban', async (t) => {
  const table = tableOf(8)
  t.equal(table.slots, 8)
  for (let i = 0; i < 8; i++) ban(table, `192.0.2.${i}`, NOW + 100 + i)
  t.equal(table.fill(NOW), 1)
  t.equal(table.evicted, 0)
  ban(table, '192.0.2.100', NOW + 50)
  t.ok(banned(table, '192.0.2.100'))
  t.equal(table.evicted, 1)
  t.notOk(banned(table, '192.0.2.0'), 'the one that ended first')
  const pinned = tableOf(8)
  for (let i = 0; i < 8; i++) ban(pinned, `192.0.2.${i}`, NOW + 100, PINNED)
  t.notOk(ban(pinned, '192.0.2.100', NOW + 50), 'said, not silently lost')
  for (let i = 0; i < 8; i++) t.ok(banned(pinned, `192.0.2.${i}`))
})

t.test('like a list of blocks, whatever is banned, removed and ends', async () => {
  const octet = fc.integer({ min: 0, max: 3 })
  const address = fc.tuple(octet, octet, octet, octet).map((parts) => parts.join('.'))
  const bits = fc.constantFrom(8, 12, 16, 20, 24, 27, 32)
  const step = fc.oneof(
    fc.record({ do: fc.constant('ban' as const), address, bits, time: fc.integer({ min: 1, max: 100 }) }),
    fc.record({ do: fc.constant('remove' as const), address, bits, time: fc.constant(0) })
  )
  fc.assert(
    fc.property(
      fc.array(step, { maxLength: 30 }),
      fc.array(address, { minLength: 5, maxLength: 5 }),
      (steps, asked) => {
        const table = tableOf(8192)
        const model = new Map<string, number>()
        let now = NOW
        for (const one of steps) {
          now++
          const network = networkOf(cidr(one.address).bytes, one.bits)
          for (const block of blocksOf(network, one.bits)) {
            const key = `${formatIp(block.bytes)}/${block.bits}`
            if (one.do === 'remove') {
              table.remove(ENFORCED, block.bytes, block.bits)
              model.delete(key)
            } else {
              table.put(ENFORCED, block.bytes, block.bits, now + one.time, 1, now)
              model.set(key, Math.max(model.get(key) ?? 0, now + one.time))
            }
          }
        }
        for (const text of asked) {
          const { bytes } = cidr(text)
          const expected = [8, 16, 24, 32].some(
            (length) => (model.get(`${formatIp(networkOf(bytes, length))}/${length}`) ?? 0) > now
          )
          if (table.find(ENFORCED, bytes, now, found) !== expected) return false
        }
        return true
      }
    ),
    { numRuns: 200 }
  )
})

t.test('100,000 addresses and 10,000 networks: each is found, and hardly anything else is looked for', async (t) => {
  const table = tableOf(1 << 18)
  const at = (i: number): Uint8Array => new Uint8Array([1 + (i >>> 16), (i >>> 8) & 255, i & 255, (i * 7) & 255])
  for (let i = 0; i < 100_000; i++) table.put(ENFORCED, at(i), 32, NOW + 60, 1, NOW)
  for (let i = 0; i < 10_000; i++)
    table.put(ENFORCED, new Uint8Array([100 + (i >>> 8), i & 255, 0, 0]), 24, NOW + 60, 2, NOW)
  t.equal(table.evicted, 0)
  let missing = 0
  for (let i = 0; i < 100_000; i++) if (!table.find(ENFORCED, at(i), NOW, found)) missing++
  for (let i = 0; i < 10_000; i++) {
    if (!table.find(ENFORCED, new Uint8Array([100 + (i >>> 8), i & 255, 0, 9]), NOW, found)) missing++
  }
  t.equal(missing, 0)
  let wrong = 0
  for (let i = 0; i < 100_000; i++)
    if (table.find(ENFORCED, new Uint8Array([200, i >>> 16, i >>> 8, i]), NOW, found)) wrong++
  t.equal(wrong, 0)
})

t.test('sizes', async (t) => {
  t.equal(banSlotCount(1), 8)
  t.equal(banSlotCount(1000), 1024)
  t.equal(banSlotCount(1025), 2048)
})

t.test('a ban of another thread holds for whatever is asked after it was made', async (t) => {
  const banSlots = 1 << 16
  const bans = new SharedArrayBuffer(bytesOfBanTable(banSlots))
  const made = new SharedArrayBuffer(4)
  const table = new BanTable({ bans, banSlots, seed: SEED })
  const worker = new Worker(new URL('fixtures/banning.ts', import.meta.url), { workerData: { bans, banSlots, made } })
  const ended = new Promise((resolve) => worker.once('exit', resolve))
  const counter = new Int32Array(made)
  let checked = 0
  let missed = 0
  for (let i = 0; i < 20_000; i++) {
    Atomics.wait(counter, 0, i)
    // The other thread goes on banning meanwhile.
    const last = Atomics.load(counter, 0)
    const bytes = new Uint8Array([10, 0, last >>> 8, last & 255])
    if (last > 0 && last < 20_000) {
      checked++
      if (!table.find(ENFORCED, bytes, NOW, found)) missed++
    }
    i = Math.max(i, last)
  }
  await ended
  t.ok(checked > 100, `${checked} looks`)
  t.equal(table.evicted, 0)
  t.equal(missed, 0)
})

import { BlockList } from 'node:net'
import fc from 'fast-check'
import t from 'tap'
import { IpSet } from '../src/ip-set.ts'
import { formatIp } from '../src/ip.ts'
import { address, ip } from './addresses.ts'

t.test('a set holds its blocks and nothing beside them', async (t) => {
  const set = new IpSet([
    '10.0.0.0/8',
    '10.1.0.0/16',
    '192.0.2.128/25',
    '255.255.255.255',
    '2001:db8::/33',
    '2001:db8:ffff::1',
    '::/127'
  ])
  t.equal(set.empty, false)
  for (const inside of [
    '10.0.0.0',
    '10.255.255.255',
    '10.1.2.3',
    '192.0.2.128',
    '192.0.2.255',
    '255.255.255.255',
    '2001:db8::',
    '2001:db8:7fff:ffff:ffff:ffff:ffff:ffff',
    '2001:db8:ffff::1',
    '::',
    '::1',
    '::ffff:10.1.1.1'
  ])
    t.equal(set.has(ip(inside)), true, inside)
  for (const outside of [
    '9.255.255.255',
    '11.0.0.0',
    '192.0.2.127',
    '192.0.3.0',
    '255.255.255.254',
    '0.0.0.0',
    '2001:db8:8000::',
    '2001:db7:ffff::',
    '2001:db8:ffff::2',
    '::2',
    'ffff::'
  ])
    t.equal(set.has(ip(outside)), false, outside)
})

t.test('a mapped address of 16 bytes is judged as IPv4, and IPv6 blocks do not hold it', async (t) => {
  const mapped = Uint8Array.of(0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 255, 255, 10, 0, 0, 1)
  t.equal(new IpSet(['10.0.0.0/8']).has(mapped), true)
  t.equal(new IpSet(['::ffff:10.0.0.0/104']).has(Uint8Array.of(10, 0, 0, 1)), true)
  t.equal(new IpSet(['::/0']).has(mapped), false)
})

t.test('everything, nothing, and what is no address', async (t) => {
  const all = new IpSet(['0.0.0.0/0', '::/0'])
  for (const text of ['0.0.0.0', '255.255.255.255', '::', 'ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff'])
    t.equal(all.has(ip(text)), true)
  t.equal(all.has(new Uint8Array(0)), false)
  const none = new IpSet([])
  t.equal(none.empty, true)
  t.equal(none.has(ip('1.2.3.4')), false)
  t.equal(none.has(ip('::1')), false)
  t.throws(() => new IpSet(['10.0.0.0/8', '10.0.0.0/99']), /"10.0.0.0\/99" is no IP address or CIDR block/)
})

t.test('agrees with node:net BlockList on random blocks', async (t) => {
  // Few distinct leading bytes, so that blocks nest, touch and repeat.
  const near = (bytes: Uint8Array): Uint8Array => bytes.map((b, i) => (i < 2 ? b & 1 : b & 0x81))
  let inside = 0
  fc.assert(
    fc.property(
      fc.array(fc.tuple(address.map(near), fc.integer({ min: 0, max: 128 })), { maxLength: 12 }),
      fc.array(address.map(near), { minLength: 20, maxLength: 20 }),
      (blocks, asked) => {
        // A list for each family: BlockList lets ::/0 hold IPv4 too, a set here doesn't.
        const lists = { ipv4: new BlockList(), ipv6: new BlockList() }
        const family = (bytes: Uint8Array): 'ipv4' | 'ipv6' => (bytes.length === 4 ? 'ipv4' : 'ipv6')
        const texts = blocks.map(([bytes, n]) => {
          const bits = bytes.length === 4 ? n % 33 : n
          lists[family(bytes)].addSubnet(formatIp(bytes), bits, family(bytes))
          return `${formatIp(bytes)}/${bits}`
        })
        const set = new IpSet(texts)
        return asked.every((bytes) => {
          const expected = lists[family(bytes)].check(formatIp(bytes), family(bytes))
          if (expected) inside++
          return set.has(bytes) === expected
        })
      }
    ),
    { seed: 5, numRuns: 300 }
  )
  t.ok(inside > 500, `${inside} inside`)
})

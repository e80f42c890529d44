import { isIP } from 'node:net'
import fc from 'fast-check'
import t from 'tap'
import { formatIp, fromBinary, parseCidr, parseIp, prefixKey } from '../src/ip.ts'
import { address, ip } from './addresses.ts'

t.test('addresses become bytes', async (t) => {
  const cases: [string, number[]][] = [
    ['0.0.0.0', [0, 0, 0, 0]],
    ['192.0.2.255', [192, 0, 2, 255]],
    ['::', Array.from({ length: 16 }, () => 0)],
    ['::1', [...Array.from({ length: 15 }, () => 0), 1]],
    ['1::', [0, 1, ...Array.from({ length: 14 }, () => 0)]],
    ['2001:DB8::a', [0x20, 1, 0x0d, 0xb8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 10]],
    ['1:2:3:4:5:6:7::', [0, 1, 0, 2, 0, 3, 0, 4, 0, 5, 0, 6, 0, 7, 0, 0]],
    ['64:ff9b::192.0.2.1', [0, 0x64, 0xff, 0x9b, 0, 0, 0, 0, 0, 0, 0, 0, 192, 0, 2, 1]],
    ['::ffff:192.0.2.1', [192, 0, 2, 1]],
    ['::FFFF:c000:201', [192, 0, 2, 1]],
    ['0:0:0:0:0:ffff:1.2.3.4', [1, 2, 3, 4]]
  ]
  for (const [text, bytes] of cases) t.same(parseIp(text), Uint8Array.from(bytes), text)
})

t.test('what is not exactly an address is none', async (t) => {
  const bad = [
    '',
    ' ',
    '1',
    '1.2.3',
    '1.2.3.4.5',
    '1.2.3.',
    '.1.2.3',
    '1..2.3',
    '256.1.1.1',
    '01.2.3.4',
    '1.2.3.00',
    '0x7f.0.0.1',
    '1.2.3.4 ',
    ' 1.2.3.4',
    '1.2.3.4:80',
    '1.2.3.4/32',
    '+1.2.3.4',
    '1.2.3.-4',
    '١.2.3.4',
    '1e1.2.3.4',
    '127.1',
    '2130706433',
    ':',
    ':::',
    '1:',
    ':1',
    '1::2::3',
    '1:2:3:4:5:6:7',
    '1:2:3:4:5:6:7:8:9',
    '1:2:3:4:5:6:7:8::',
    '::1:2:3:4:5:6:7:8',
    '12345::',
    'g::',
    '::1%eth0',
    '[::1]',
    '::1.2.3',
    '::1.2.3.4.5',
    '1.2.3.4::',
    '::1.2.3.4:5',
    '1:2:3:4:5:6:7:1.2.3.4',
    '::ffff:01.2.3.4'
  ]
  for (const text of bad) t.equal(parseIp(text), null, JSON.stringify(text))
})

t.test('a stretch of a longer text can be read', async (t) => {
  t.same(parseIp('x1.2.3.45', 1, 8), Uint8Array.of(1, 2, 3, 4))
  t.same(parseIp('[::1]:80', 1, 4), ip('::1'))
  t.equal(parseIp('1.2.3.4', 0, 6), null)
  t.equal(parseIp('1.2.3.4', 3, 3), null)
})

const CHARS = ['0', '1', '9', '25', '255', '256', 'f', 'ffff', 'G', ':', ':', '::', '.', '.', '%1', ' ']

t.test('accepts exactly what node:net accepts, zones apart', async (t) => {
  let valid = 0
  fc.assert(
    fc.property(fc.array(fc.constantFrom(...CHARS), { maxLength: 15 }), (pieces) => {
      const text = pieces.join('')
      const expected = !text.includes('%') && isIP(text) !== 0
      if (expected) valid++
      return (parseIp(text) !== null) === expected
    }),
    { seed: 3, numRuns: 20_000 }
  )
  t.ok(valid > 50, `${valid} valid ones among them`)
})

t.test('text and bytes convert both ways, in the form of RFC 5952', async () => {
  fc.assert(
    fc.property(address, (bytes) => {
      const text = formatIp(bytes)
      const back = parseIp(text)
      const canonical = bytes.length === 4 ? text : new URL(`http://[${text}]/`).hostname.slice(1, -1)
      return back !== null && Buffer.compare(back, bytes) === 0 && text === canonical
    }),
    { seed: 4, numRuns: 3000 }
  )
})

t.test('zero groups are shortened once, the longest, the first of equals', async (t) => {
  const cases: [string, string][] = [
    ['2001:db8:0:0:1:0:0:1', '2001:db8::1:0:0:1'],
    ['2001:0:0:1:0:0:0:1', '2001:0:0:1::1'],
    ['1:0:2:3:4:5:6:7', '1:0:2:3:4:5:6:7'],
    ['0:0:1::', '0:0:1::'],
    ['::', '::'],
    ['1::', '1::'],
    ['0:0:0:0:0:0:0:1', '::1'],
    ['2001:DB8:00AA::', '2001:db8:aa::']
  ]
  for (const [text, canonical] of cases) t.equal(formatIp(ip(text)), canonical, text)
})

t.test('socket addresses: mapped ones are IPv4, none is empty, and all are copies', async (t) => {
  const mapped = Uint8Array.of(0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 255, 255, 10, 0, 0, 1)
  t.same(fromBinary(mapped), Uint8Array.of(10, 0, 0, 1))
  t.same(fromBinary(mapped.buffer), Uint8Array.of(10, 0, 0, 1))
  t.same(fromBinary(ip('::1')), ip('::1'))
  for (const length of [0, 3, 5, 15, 17]) t.equal(fromBinary(new Uint8Array(length)).length, 0, `${length} bytes`)
  const reused = Uint8Array.of(1, 2, 3, 4)
  const copy = fromBinary(reused)
  reused.fill(9)
  t.same(copy, Uint8Array.of(1, 2, 3, 4))
})

t.test('a client is its IPv4 address or its IPv6 network', async (t) => {
  t.equal(prefixKey(ip('192.0.2.7'), 64), '192.0.2.7')
  t.equal(prefixKey(ip('2001:db8:1:2:3:4:5:6'), 64), '2001:db8:1:2::/64')
  t.equal(prefixKey(ip('2001:db8:1:2:ffff::'), 64), '2001:db8:1:2::/64')
  t.equal(prefixKey(ip('2001:db8:1:ff::'), 57), '2001:db8:1:80::/57')
  t.equal(prefixKey(ip('ffff::'), 1), '8000::/1')
  t.equal(prefixKey(ip('2001:db8::1'), 128), '2001:db8::1')
  t.equal(prefixKey(ip('::ffff:10.0.0.1'), 64), '10.0.0.1')
})

t.test('CIDR blocks', async (t) => {
  const cases: [string, string, number][] = [
    ['10.0.0.0/8', '10.0.0.0', 8],
    ['10.1.2.3/8', '10.0.0.0', 8],
    ['0.0.0.0/0', '0.0.0.0', 0],
    ['192.0.2.1', '192.0.2.1', 32],
    ['::/0', '::', 0],
    ['2001:db8::ffff/127', '2001:db8::fffe', 127],
    ['2001:db8::1', '2001:db8::1', 128],
    ['::ffff:10.0.0.0/104', '10.0.0.0', 8],
    ['::ffff:0:0/96', '0.0.0.0', 0]
  ]
  for (const [text, network, bits] of cases) t.same(parseCidr(text), { bytes: ip(network), bits }, text)
  for (const bad of [
    '',
    '/',
    '/8',
    '10.0.0.0/',
    '10.0.0.0/33',
    '10.0.0.0/08',
    '10.0.0.0/-1',
    '10.0.0.0/8/8',
    '10.0.0.0/ 8',
    '10.0.0/8',
    '::/129',
    '::1%lo/64',
    '::ffff:10.0.0.0/33',
    '::ffff:10.0.0.0/95',
    '10.0.0.0/255.0.0.0',
    '10.0.0.0/1e1',
    '[::]/0'
  ])
    t.equal(parseCidr(bad), null, bad)
})

import t from 'tap'
import { ClientAddress } from '../../src/client/address.ts'
import { Peer, Peers } from '../../src/client/peer.ts'
import { parseIp } from '../../src/ip.ts'

const listener = (trustedProxies: string[], ipv6Prefix = 64): ClientAddress =>
  new ClientAddress({ addressFrom: { kind: 'x-forwarded-for' }, trustedProxies, ipv6Prefix } as ConstructorParameters<
    typeof ClientAddress
  >[0])
const peer = (address: string): Peer => new Peer(parseIp(address) ?? new Uint8Array(0))

t.test('its address as text, and what counts as one client with it', (t) => {
  const open = listener([])
  t.same(peer('192.0.2.1').seenBy(open), { trusted: false, ip: '192.0.2.1', key: '192.0.2.1' })
  t.same(peer('2001:db8::1').seenBy(open), { trusted: false, ip: '2001:db8::1', key: '2001:db8::/64' })
  t.equal(peer('10.0.0.1').seenBy(listener(['10.0.0.0/8'])).trusted, true)
  t.end()
})

t.test('found out once for a generation, and again when another one decides', (t) => {
  const here = peer('2001:db8::1')
  const before = listener([])
  t.equal(here.seenBy(before), here.seenBy(before))
  const after = listener(['2001:db8::/32'], 48)
  t.same(here.seenBy(after), { trusted: true, ip: '2001:db8::1', key: '2001:db8::/48' })
  // A request that was under way at the change may still ask for the old one.
  t.same(here.seenBy(before), { trusted: false, ip: '2001:db8::1', key: '2001:db8::/64' })
  t.end()
})

t.test('a connection that is closed already has no address', (t) => {
  t.equal(new Peer(new Uint8Array(0)).seenBy(listener(['0.0.0.0/0', '::/0'])).trusted, false)
  t.end()
})

t.test('who asks again is known, whoever else came meanwhile', (t) => {
  const peers = new Peers()
  const at = (address: string): Peer => peers.at(parseIp(address) ?? new Uint8Array(0))
  const first = at('192.0.2.1')
  t.equal(at('192.0.2.1'), first)
  t.not(at('192.0.2.2'), first)
  t.not(at('2001:db8::1'), at('2001:db8::2'))
  t.equal(at(''), at(''), 'one without an address')
  // More than there are places for: each is itself all the same.
  for (let i = 0; i < 5_000; i++) {
    const address = `10.0.${i >> 8}.${i & 255}`
    if (at(address).seenBy(listener([])).ip !== address) t.fail(address)
  }
  t.same(at('192.0.2.1').bytes, first.bytes)
  t.end()
})

import t from 'tap'
import { holdsCrowd } from '../../../src/control/bans/crowds.ts'
import { parseCidr, type Cidr } from '../../../src/ip.ts'

function block(text: string): Cidr {
  const cidr = parseCidr(text)
  if (cidr === null) throw new Error(text)
  return cidr
}

t.test('each client of a block is asked about, and no other', async (t) => {
  const asked = (text: string, v6Prefix = 64): string[] => {
    const keys: string[] = []
    holdsCrowd(block(text), v6Prefix, (key) => keys.push(key) === 0)
    return keys
  }
  t.same(asked('192.0.2.7'), ['192.0.2.7'])
  t.same(asked('192.0.2.254/31'), ['192.0.2.254', '192.0.2.255'])
  const wide = asked('192.0.254.0/23')
  t.same([wide.length, wide[255], wide[256], wide[511]], [512, '192.0.254.255', '192.0.255.0', '192.0.255.255'])
  t.same(asked('2001:db8::/62'), ['2001:db8::/64', '2001:db8:0:1::/64', '2001:db8:0:2::/64', '2001:db8:0:3::/64'])
  t.same(asked('2001:db8::/48').at(-1), '2001:db8:0:ffff::/64')
  t.same(asked('2001:db8::5/128', 128), ['2001:db8::5'])
  t.same(asked('2001:db8::5/128'), ['2001:db8::/64'], 'an address of a client is that client')
})

t.test('a crowd anywhere in it counts; so does not knowing', async (t) => {
  t.equal(
    holdsCrowd(block('192.0.2.0/24'), 64, (key) => key === '192.0.2.255'),
    true
  )
  t.equal(
    holdsCrowd(block('192.0.2.0/24'), 64, (key) => key === '192.0.3.0'),
    false
  )
  for (const [text, known] of [
    ['10.0.0.0/16', true],
    ['10.0.0.0/15', false],
    ['2001:db8::/48', true],
    ['2001:db8::/47', false]
  ] as const)
    t.equal(
      holdsCrowd(block(text), 64, () => false),
      !known,
      text
    )
})

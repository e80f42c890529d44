import t from 'tap'
import { parseIp } from '../../src/ip.ts'
import type { IpPlan } from '../../src/plan/ip.ts'
import { judgeIp, prepareIp } from '../../src/policy/ip.ts'

function judge(allow: IpPlan['allow'], deny: string[], ip: string): string | null {
  const prepared = prepareIp({ allow, deny, mode: 'enforce', level: 'gateway', where: 'x:1:1' })
  return judgeIp(prepared, parseIp(ip) ?? new Uint8Array(0))
}

t.test('allow null is everyone', async (t) => {
  t.equal(judge(null, [], '203.0.113.9'), null)
  t.equal(judge(null, [], '2001:db8::1'), null)
})

t.test('outside of allow is refused', async (t) => {
  t.equal(judge(['10.0.0.0/8'], [], '10.255.255.255'), null)
  t.match(judge(['10.0.0.0/8'], [], '11.0.0.0'), /not in ip\.allow/)
  t.match(judge(['10.0.0.0/8'], [], '::1'), /not in ip\.allow/)
  t.equal(judge(['10.0.0.0/8'], [], '::ffff:10.0.0.1'), null, 'mapped addresses are IPv4')
})

t.test('deny wins over allow', async (t) => {
  t.match(judge(['10.0.0.0/8'], ['10.1.0.0/16'], '10.1.2.3'), /in ip\.deny/)
  t.equal(judge(['10.0.0.0/8'], ['10.1.0.0/16'], '10.2.0.1'), null)
  t.match(judge(null, ['2001:db8::/32'], '2001:db8::1'), /in ip\.deny/)
})

t.test('an address that can’t be read is in no block', async (t) => {
  t.match(judge(['0.0.0.0/0', '::/0'], [], 'nonsense'), /not in ip\.allow/)
})

t.test('a block that can’t be read is an error', async (t) => {
  t.throws(() => judge(['10.0.0.0/33'], [], '10.0.0.1'), /no IP address or CIDR block/)
})

import t from 'tap'
import { Client, ClientAddress } from '../../src/client/address.ts'
import { HeaderList } from '../../src/headers.ts'
import { formatIp, parseIp } from '../../src/ip.ts'
import type { ClientPlan } from '../../src/plan/listener.ts'

const PROXY = '10.0.0.1'
const STRANGER = '203.0.113.9'

function ip(text: string): Uint8Array {
  const bytes = parseIp(text)
  if (bytes === null) throw new Error(`no address: ${text}`)
  return bytes
}

function plan(addressFrom: ClientPlan['addressFrom']): ClientPlan {
  return { addressFrom, trustedProxies: ['10.0.0.0/8', '2001:db8:f::/48'], ipv6Prefix: 64, chunked: 'accept' }
}

/** Who the client is when `peer` sends `fields`; or the refusal's reason. */
function resolve(
  from: ClientPlan['addressFrom'],
  peer: string,
  fields: string[],
  proxied: string | null = null
): string {
  const headers = new HeaderList()
  for (let i = 0; i + 1 < fields.length; i += 2) headers.add(fields[i] ?? '', fields[i + 1] ?? '')
  const client = new Client()
  const refusal = new ClientAddress(plan(from)).resolve(
    ip(peer),
    proxied === null ? null : ip(proxied),
    headers,
    client
  )
  return refusal === null ? formatIp(client.bytes) : refusal.reason
}

/** One X-Forwarded-For field per value, from the trusted proxy. */
function xff(...values: string[]): string {
  return resolve(
    { kind: 'x-forwarded-for' },
    PROXY,
    values.flatMap((value) => ['x-forwarded-for', value])
  )
}

function forwarded(...values: string[]): string {
  return resolve(
    { kind: 'forwarded' },
    PROXY,
    values.flatMap((value) => ['forwarded', value])
  )
}

t.test('an untrusted peer is the client, whatever it says', async (t) => {
  const claims = ['x-forwarded-for', '1.1.1.1', 'forwarded', 'for=1.1.1.1', 'x-real-ip', '1.1.1.1', 'x-real-ip', 'x']
  for (const kind of ['connection', 'x-forwarded-for', 'forwarded', 'proxy-protocol'] as const)
    t.equal(resolve({ kind }, STRANGER, claims, '1.1.1.1'), STRANGER, kind)
  t.equal(resolve({ kind: 'header', name: 'x-real-ip' }, STRANGER, claims), STRANGER)
})

t.test('a trusted peer is told apart, also where only the connection counts', async (t) => {
  const address = new ClientAddress(plan({ kind: 'connection' }))
  const client = new Client()
  address.resolve(ip(PROXY), null, new HeaderList(), client)
  t.same({ ...client }, { bytes: ip(PROXY), trusted: true })
  address.resolve(ip(STRANGER), null, new HeaderList(), client)
  t.same({ ...client }, { bytes: ip(STRANGER), trusted: false })
  address.resolve(ip('2001:db8:f::1'), null, new HeaderList(), client)
  t.equal(client.trusted, true)
})

t.test('X-Forwarded-For is read from the right, past trusted proxies', async (t) => {
  t.equal(xff('198.51.100.7'), '198.51.100.7')
  t.equal(xff('1.1.1.1, 198.51.100.7'), '198.51.100.7')
  t.equal(xff('1.1.1.1, 198.51.100.7, 10.2.3.4'), '198.51.100.7')
  t.equal(xff('1.1.1.1,198.51.100.7,10.2.3.4,2001:db8:f::2'), '198.51.100.7')
  t.equal(xff('2001:db8::7'), '2001:db8::7')
  t.equal(xff('::ffff:198.51.100.7'), '198.51.100.7')
})

t.test('several fields are one list', async (t) => {
  t.equal(xff('1.1.1.1', '198.51.100.7', '10.2.3.4'), '198.51.100.7')
  t.equal(xff('198.51.100.7, 10.3.3.3', '10.2.3.4'), '198.51.100.7')
  t.equal(
    resolve({ kind: 'x-forwarded-for' }, PROXY, [
      'x-forwarded-for',
      '2.2.2.2',
      'accept',
      '*/*',
      'x-forwarded-for',
      '10.1.1.1'
    ]),
    '2.2.2.2'
  )
})

t.test('with none but trusted hops the farthest one is the client', async (t) => {
  t.equal(xff('10.9.9.9, 10.2.3.4'), '10.9.9.9')
  t.equal(xff(), PROXY)
  t.equal(xff(''), PROXY)
  t.equal(xff(' ,\t, '), PROXY)
})

t.test('empty members, blanks, ports and brackets are tolerated', async (t) => {
  t.equal(xff('1.1.1.1, 198.51.100.7 ,, 10.2.3.4 , '), '198.51.100.7')
  t.equal(xff(',198.51.100.7'), '198.51.100.7')
  t.equal(xff('198.51.100.7:4711'), '198.51.100.7')
  t.equal(xff('[2001:db8::7]'), '2001:db8::7')
  t.equal(xff('[2001:db8::7]:4711'), '2001:db8::7')
})

t.test('what cannot be read ends the list at the last hop that could', async (t) => {
  const garbage = [
    'unknown',
    '_hidden',
    'x',
    '1.2.3',
    '1.2.3.4.5',
    '1.2.3.4:',
    '1.2.3.4:x',
    '1.2.3.4:123456',
    '[1.2.3.4]',
    '[::1',
    '[::1]x',
    '[]',
    ':',
    '"1.2.3.4"',
    'fe80::1%eth0',
    '1.2.3.4 5.6.7.8',
    '01.2.3.4',
    '[1.2.3.4]:80',
    '1.2.3.4]:80',
    'for=1.2.3.4',
    'localhost',
    '1.2.3.4;',
    ':80',
    '[::1]:',
    '\u0000',
    '%00'
  ]
  for (const text of garbage) {
    t.equal(xff(`1.1.1.1, ${text}`), PROXY, text)
    t.equal(xff(`1.1.1.1, ${text}, 10.2.3.4`), '10.2.3.4', text)
    t.equal(xff(`${text}, 198.51.100.7`), '198.51.100.7', text)
  }
})

t.test('hundreds of invented entries on the left change nothing', async (t) => {
  const spoofed = Array.from({ length: 700 }, (_, i) => `10.0.${i % 256}.1`).join(', ')
  t.equal(xff(`${spoofed}, 198.51.100.7, 10.2.3.4`), '198.51.100.7')
  t.equal(xff(...spoofed.split(', '), '198.51.100.7'), '198.51.100.7')
  t.equal(xff(`192.0.2.1, ${spoofed}`), '192.0.2.1', 'all of them trusted: the farthest')
})

t.test('a field of a megabyte is no work on its left', async (t) => {
  const junk = 'x'.repeat(1 << 20)
  t.equal(xff(`${junk}, 198.51.100.7`), '198.51.100.7')
  t.equal(xff(junk), PROXY)
  t.equal(xff(`${','.repeat(1 << 20)}`), PROXY)
  t.equal(xff('10.0.0.2,'.repeat(100_000)), '10.0.0.2')
  t.equal(forwarded('for=10.0.0.2,'.repeat(80_000)), '10.0.0.2')
  t.equal(forwarded(`${junk}, for=198.51.100.7`), '198.51.100.7')
  t.equal(forwarded(`for="${'\\'.repeat(1 << 20)}, for=198.51.100.7`), '198.51.100.7')
  t.equal(forwarded('"'.repeat(1 << 20)), PROXY)
})

t.test('Forwarded as RFC 7239 writes it', async (t) => {
  t.equal(forwarded('for=198.51.100.7'), '198.51.100.7')
  t.equal(forwarded('For="198.51.100.7:4711"'), '198.51.100.7')
  t.equal(forwarded('by=10.0.0.1;FOR=198.51.100.7;proto=https'), '198.51.100.7')
  t.equal(forwarded('for="[2001:db8::7]:4711"'), '2001:db8::7')
  t.equal(forwarded('for="[2001:db8::7]"; proto=http ;;'), '2001:db8::7')
  t.equal(forwarded('for="198.51.100.7:_port"'), '198.51.100.7')
  t.equal(forwarded('for=1.1.1.1, for=198.51.100.7;host="a,b", for=10.2.3.4'), '198.51.100.7')
  t.equal(forwarded('for=198.51.100.7', 'for=10.2.3.4;ext="a\\",for=9.9.9.9"'), '198.51.100.7')
  t.equal(forwarded('for=10.9.9.9'), '10.9.9.9')
  t.equal(forwarded(''), PROXY)
})

t.test('elements of Forwarded without a readable address end the list', async (t) => {
  for (const element of [
    'for=unknown',
    'for=_hidden',
    'by=10.0.0.1',
    'for=',
    'for',
    'for="',
    'for="1.2.3.4',
    'for="1.2.3.4"x',
    'for=1.2.3.4;for=5.6.7.8',
    'for=1.2.3.4;for=1.2.3.4',
    '=1.2.3.4',
    'xfor=1.2.3.4',
    'for ="1.2.3.4"',
    'for="\\1.2.3.4"',
    'for=1.2.3.4;x',
    'for="[::1"'
  ])
    t.equal(forwarded(`for=1.1.1.1;x="y", ${element}, for=10.2.3.4`), '10.2.3.4', element)
})

t.test('quotes a client leaves open cannot swallow what the proxy appends', async (t) => {
  for (const opened of [
    'for="',
    'for="x',
    'x="',
    '"',
    'for=1.1.1.1;x="\\',
    'for="1.1.1.1"',
    '\\',
    'for="a", "',
    "for='"
  ]) {
    t.equal(forwarded(`${opened}, for=198.51.100.7`), '198.51.100.7', opened)
    t.equal(forwarded(`${opened}, for="[2001:db8::7]:1";proto="https"`), '2001:db8::7', opened)
    t.equal(forwarded(`${opened}, for=198.51.100.7, for=10.2.3.4;by="_x"`), '198.51.100.7', opened)
  }
})

t.test('a named header holds one address, or the request is refused', async (t) => {
  const from = { kind: 'header', name: 'x-real-ip' } as const
  const real = (...values: string[]): string =>
    resolve(
      from,
      PROXY,
      values.flatMap((value) => ['x-real-ip', value])
    )
  t.equal(real('198.51.100.7'), '198.51.100.7')
  t.equal(real(' 2001:db8::7 '), '2001:db8::7')
  t.equal(real('198.51.100.7:80'), '198.51.100.7')
  t.equal(real(), PROXY, "the proxy's own request")
  t.match(real('198.51.100.7', '198.51.100.7'), /more than once/)
  for (const bad of ['', 'unknown', '1.1.1.1, 2.2.2.2', '1.2.3', 'x'.repeat(1 << 20)])
    t.match(real(bad), /without a readable address/)
})

t.test("a refusal is the client stage's and tells no value", async (t) => {
  const headers = new HeaderList()
  headers.add('x-real-ip', 'what-it-said')
  const refusal = new ClientAddress(plan({ kind: 'header', name: 'x-real-ip' })).resolve(
    ip(PROXY),
    null,
    headers,
    new Client()
  )
  t.match(refusal, { problem: { status: 400 }, policy: 'client' })
  t.notMatch(JSON.stringify(refusal), /what-it-said/)
})

t.test('PROXY protocol', async (t) => {
  const from = { kind: 'proxy-protocol' } as const
  t.equal(resolve(from, PROXY, [], '198.51.100.7'), '198.51.100.7')
  t.equal(resolve(from, PROXY, [], '2001:db8::7'), '2001:db8::7')
  t.equal(resolve(from, PROXY, [], null), PROXY)
  t.equal(resolve(from, PROXY, [], '0.0.0.0'), PROXY)
  t.equal(resolve(from, PROXY, [], '::'), PROXY)
  t.equal(resolve({ kind: 'connection' }, PROXY, [], '198.51.100.7'), PROXY, 'only where it is asked for')
})

t.test('a balancer that speaks the PROXY protocol vouches for no field', async (t) => {
  const client = new Client()
  new ClientAddress(plan({ kind: 'proxy-protocol' })).resolve(ip(PROXY), ip('198.51.100.7'), new HeaderList(), client)
  t.same({ ...client }, { bytes: ip('198.51.100.7'), trusted: false })
})

t.test('the key of a client is its network', async (t) => {
  const address = new ClientAddress(plan({ kind: 'connection' }))
  t.equal(address.key(ip('2001:db8:1:2:3::4')), '2001:db8:1:2::/64')
  t.equal(address.key(ip('192.0.2.1')), '192.0.2.1')
})

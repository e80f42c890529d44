import t from 'tap'
import {
  httpUrl,
  isLoopback,
  parseAddress,
  parseAddressSource,
  parseCidr,
  parseDate,
  parseDuration,
  parseRate,
  parseRedirect,
  parseSize,
  parseUpstreamUrl
} from '../../../src/control/config/units.ts'

function table<T>(name: string, read: (text: string) => T, good: Record<string, T>, bad: string[]): void {
  t.test(name, async (t) => {
    for (const [text, value] of Object.entries(good)) t.same(read(text), value, text)
    for (const text of bad) t.equal(read(text), null, JSON.stringify(text))
  })
}

table(
  'durations are milliseconds, and have a unit',
  parseDuration,
  { '250ms': 250, '10s': 10_000, '5m': 300_000, '5min': 300_000, '1h': 3_600_000, '7d': 604_800_000, '0s': 0 },
  ['', '10', '10 s', '1.5s', '-1s', '+1s', '1S', '1w', '1h30m', 's', '1e3s', '99999999999s', '99999d', '٣s', '1s\n']
)

table('sizes are 1024-based', parseSize, { '512b': 512, '64kb': 65_536, '1mb': 1_048_576, '2gb': 2_147_483_648 }, [
  '',
  '10',
  '10MB',
  '1 mb',
  '1.5mb',
  '-1kb',
  '1tb',
  'mb',
  '1kib',
  '9999999gb'
])

table(
  'rates are a count in a time, whose 1 may be left out',
  parseRate,
  {
    '100/s': { count: 100, period: 1000 },
    '1000/min': { count: 1000, period: 60_000 },
    '10/10s': { count: 10, period: 10_000 },
    '5000/h': { count: 5000, period: 3_600_000 },
    '1/m': { count: 1, period: 60_000 },
    '1000000000/s': { count: 1e9, period: 1000 }
  },
  ['', '5', '5/', '/s', '0/s', '5/0s', 'five/s', '5/fortnight', '5 / s', '1.5/s', '5/s/s', '1000000001/s', '-5/s']
)

table(
  'a date is its first instant in UTC',
  parseDate,
  { '2027-01-01': Date.UTC(2027, 0, 1), '2028-02-29': Date.UTC(2028, 1, 29) },
  ['', '2027-02-29', '2027-13-01', '2027-1-1', '2027-01-01T00:00:00Z', 'tomorrow', '01/01/2027', '2027-04-31']
)

table(
  'addresses are an IP address and a port',
  parseAddress,
  {
    '127.0.0.1:8080': { host: '127.0.0.1', port: 8080 },
    '0.0.0.0:0': { host: '0.0.0.0', port: 0 },
    '[::]:8443': { host: '::', port: 8443 },
    '[::ffff:10.0.0.1]:1': { host: '::ffff:10.0.0.1', port: 1 }
  },
  [
    '',
    '8080',
    ':8080',
    'localhost:8080',
    '127.0.0.1',
    '1.2.3.4:65536',
    '::1:80',
    '[1.2.3.4]:80',
    '1.2.3:80',
    '[::1]',
    '256.0.0.1:1'
  ]
)

table(
  'blocks have no bit beyond their prefix, or say so',
  parseCidr,
  {
    '10.0.0.0/8': { address: '10.0.0.0', bits: 8, family: 4, exact: true },
    '10.0.0.5/8': { address: '10.0.0.5', bits: 8, family: 4, exact: false },
    '0.0.0.0/0': { address: '0.0.0.0', bits: 0, family: 4, exact: true },
    '192.0.2.7': { address: '192.0.2.7', bits: 32, family: 4, exact: true },
    '2001:db8::/32': { address: '2001:db8::', bits: 32, family: 6, exact: true },
    '2001:db8::1/32': { address: '2001:db8::1', bits: 32, family: 6, exact: false },
    '::/0': { address: '::', bits: 0, family: 6, exact: true },
    '::1': { address: '::1', bits: 128, family: 6, exact: true },
    '1:2:3:4:5:6:7:8/127': { address: '1:2:3:4:5:6:7:8', bits: 127, family: 6, exact: true },
    '1:2:3:4:5:6:7:9/127': { address: '1:2:3:4:5:6:7:9', bits: 127, family: 6, exact: false },
    '::ffff:10.0.0.0/104': { address: '::ffff:10.0.0.0', bits: 104, family: 6, exact: true },
    '::ffff:10.0.0.1/104': { address: '::ffff:10.0.0.1', bits: 104, family: 6, exact: false }
  },
  [
    '',
    '10.0.0.0/33',
    '10.0.0.0/',
    '10.0.0.0/08',
    '10.0.0.0/-1',
    '10.0.0/8',
    'any',
    '::/129',
    'fe80::1%eth0',
    '10.0.0.0/8/8',
    'example.com'
  ]
)

table(
  'who says what the client’s address is',
  parseAddressSource,
  {
    connection: { kind: 'connection' },
    'x-forwarded-for': { kind: 'x-forwarded-for' },
    forwarded: { kind: 'forwarded' },
    'proxy-protocol': { kind: 'proxy-protocol' },
    'header:X-Real-IP': { kind: 'header', name: 'x-real-ip' }
  },
  ['', 'header:', 'header:a b', 'x-real-ip', 'Connection']
)

table('redirects go to https', parseRedirect, { https: { port: null }, 'https:443': { port: 443 } }, [
  '',
  'http',
  'https:',
  'https:0',
  'https:65536',
  'https://a'
])

table(
  'an upstream’s url in its parts',
  parseUpstreamUrl,
  {
    'http://10.0.0.5:8080/base/': {
      origin: 'http://10.0.0.5:8080',
      tls: false,
      host: '10.0.0.5',
      port: 8080,
      basePath: '/base'
    },
    'https://orders.internal': {
      origin: 'https://orders.internal:443',
      tls: true,
      host: 'orders.internal',
      port: 443,
      basePath: ''
    },
    'http://[::1]:1/': { origin: 'http://[::1]:1', tls: false, host: '::1', port: 1, basePath: '' }
  },
  [
    '',
    'a',
    '10.0.0.5:8080',
    'ftp://a',
    'http:a',
    'http:///a',
    'http://',
    'http://u@a',
    'http://u:p@a',
    'http://@a',
    'http://a?x',
    'http://a?',
    'http://a#',
    'http://a b',
    'http://a\\b',
    ' http://a',
    'http://a:0',
    'http://a:65536',
    'http://ä'
  ]
)

t.test('loopback is what can be nothing else', async (t) => {
  const loopback = (text: string) => {
    const url = httpUrl(text)
    return url !== null && isLoopback(url)
  }
  for (const text of ['http://localhost', 'http://127.0.0.1:9', 'http://127.1.2.3', 'http://[::1]/x'])
    t.ok(loopback(text), text)
  for (const text of ['http://localhost.example', 'http://127.0.0.1.example', 'http://10.0.0.1', 'http://[::2]'])
    t.notOk(loopback(text), text)
})

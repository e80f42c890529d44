/** Who the client is, and what nobody but the gateway may tell a service about that. */
import net from 'node:net'
import t from 'tap'
import { ask } from '../client.ts'
import { connect, exchange } from '../connection.ts'
import { startGateway } from '../gateway.ts'
import { sha256 } from '../tokens.ts'
import { startUpstream } from '../upstream.ts'

const service = await startUpstream(t)
const ipv6 = await new Promise<boolean>((resolve) => {
  const server = net.createServer()
  server.on('error', () => resolve(false))
  server.listen(0, '::1', () => server.close(() => resolve(true)))
})

const gateway = await startGateway(
  t,
  `
version: 1
listen:
  - { name: public, address: "127.0.0.1:0" }
  - { name: proxied, address: "127.0.0.1:0", client: { addressFrom: x-forwarded-for, trustedProxies: ["127.0.0.1/32", "10.0.0.0/8"] } }
  - { name: distrusting, address: "127.0.0.1:0", client: { addressFrom: x-forwarded-for, trustedProxies: ["192.0.2.0/24"] } }
  - { name: balanced, address: "127.0.0.1:0", client: { addressFrom: proxy-protocol, trustedProxies: ["127.0.0.1/32"] } }
${ipv6 ? '  - { name: six, address: "[::1]:0" }' : ''}
services:
  - name: main
    url: ${service.url}
    policies: { auth: { key: { header: x-api-key }, anonymous: guest } }
    routes:
      - { name: any, match: { paths: ["/*"] } }
      - { name: office, match: { paths: ["/office"] }, policies: { ip: { allow: ["203.0.113.0/24"] } } }
consumers:
  - { name: guest }
  - { name: acme, groups: [partners], keys: [ { id: k1, hash: "sha256:${sha256('acme-key')}" } ] }
`
)
const [port = 0, proxied = 0, distrusting = 0, balanced = 0, six = 0] = gateway.ports
const seen = (): Record<string, unknown> => service.seen.at(-1)?.headers ?? {}
const get = (more = '', path = '/'): string => `GET ${path} HTTP/1.1\r\nHost: a.test\r\n${more}\r\n`

t.test('the connection\u2019s address is the client\u2019s, and is what the service is told', async (t) => {
  await exchange(
    port,
    get(
      'X-Forwarded-For: 203.0.113.9\r\nX-Forwarded-Proto: https\r\nX-Forwarded-Host: evil.test\r\nForwarded: for=203.0.113.9\r\nX-Real-IP: 203.0.113.9\r\n'
    )
  )
  t.match(seen(), { 'x-forwarded-for': '127.0.0.1', 'x-forwarded-proto': 'http', 'x-forwarded-host': 'a.test' })
  t.notMatch(JSON.stringify(seen()), '203.0.113.9')
  t.equal((await exchange(port, get('X-Forwarded-For: 203.0.113.9\r\n', '/office'))).status, 403)
})

t.test('a connection that takes the place of one that ended is seen with its own address', async (t) => {
  const wrong: string[] = []
  for (let n = 0; n < 300; n++) {
    const from = `127.0.0.${2 + (n % 7)}`
    const line = await connect(port, '127.0.0.1', from)
    // Twice: what was found out at the first request serves the second.
    for (let i = 0; i < 2; i++) {
      await line.send(get()).response()
      const told = seen()['x-forwarded-for']
      if (told !== from) wrong.push(`${from} was taken for ${String(told)}`)
    }
    line.close()
  }
  t.strictSame(wrong, [])
})

t.test('a trusted proxy speaks for its client, who can\u2019t invent hops', async (t) => {
  for (const [field, client] of [
    ['203.0.113.9', '203.0.113.9'],
    ['198.51.100.1, 203.0.113.9', '203.0.113.9'],
    ['198.51.100.1, 203.0.113.9, 10.1.2.3', '203.0.113.9'],
    ['garbage, 203.0.113.9', '203.0.113.9']
  ] as const) {
    const answer = await exchange(proxied, get(`X-Forwarded-For: ${field}\r\n`, '/office'))
    t.equal(answer.status, 200, field)
    const line = await gateway.line((l) => l['id'] === answer.values('x-request-id')[0])
    t.equal(line['client'], client, field)
  }
  t.equal((await exchange(proxied, get('X-Forwarded-For: 203.0.113.9, 198.51.100.1\r\n', '/office'))).status, 403)
  t.equal((await exchange(proxied, get('', '/office'))).status, 403)
})

t.test('who is no trusted proxy is not believed', async (t) => {
  t.equal((await exchange(distrusting, get('X-Forwarded-For: 203.0.113.9\r\n', '/office'))).status, 403)
})

t.test('request id and trace are kept from trusted proxies only', async (t) => {
  const trace = '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01'
  const fields = `X-Request-Id: from-outside-1\r\nTraceparent: ${trace}\r\n`
  const outside = await exchange(port, get(fields))
  t.not(outside.values('x-request-id')[0], 'from-outside-1')
  t.notMatch(seen()['traceparent'], '0af7651916cd43dd8448eb211c80319c')
  const inside = await exchange(proxied, get(fields))
  t.equal(inside.values('x-request-id')[0], 'from-outside-1')
  t.match(seen()['traceparent'], '0af7651916cd43dd8448eb211c80319c')
})

/** PROXY protocol version 2, TCP over IPv4 or IPv6. */
function proxyHeader(source: number[]): Buffer {
  const six = source.length === 16
  const addresses = Buffer.alloc(six ? 36 : 12)
  addresses.set(source, 0)
  addresses.writeUInt16BE(4242, six ? 32 : 8)
  const head = Buffer.from([
    0x0d,
    0x0a,
    0x0d,
    0x0a,
    0x00,
    0x0d,
    0x0a,
    0x51,
    0x55,
    0x49,
    0x54,
    0x0a,
    0x21,
    six ? 0x21 : 0x11,
    0,
    addresses.length
  ])
  return Buffer.concat([head, addresses])
}

t.test('the PROXY protocol names the client on its listener', async (t) => {
  for (const [source, client] of [
    [[203, 0, 113, 7], '203.0.113.7'],
    [[0x20, 0x01, 0x0d, 0xb8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 9], '2001:db8::9']
  ] as const) {
    const connection = await connect(balanced)
    const claims = 'X-Forwarded-For: 192.0.2.1\r\nX-Request-Id: from-outside-2\r\nX-Forwarded-Host: evil.test\r\n'
    const answer = await connection.send(Buffer.concat([proxyHeader([...source]), Buffer.from(get(claims))])).response()
    t.equal(answer.status, 200)
    t.match(
      seen(),
      { 'x-forwarded-for': client, 'x-forwarded-host': 'a.test' },
      'what the balancer passes on are the client\u2019s words'
    )
    t.equal(seen()['x-forwarded-for'], client)
    t.not(seen()['x-request-id'], 'from-outside-2')
    const line = await gateway.line((l) => l['id'] === answer.values('x-request-id')[0])
    t.equal(line['client'], client)
    connection.close()
  }
})

t.test('the PROXY protocol is not believed elsewhere', async (t) => {
  const connection = await connect(port)
  const bytes = Buffer.concat([proxyHeader([203, 0, 113, 7]), Buffer.from(get('', '/office'))])
  const answer = await connection
    .send(bytes)
    .response()
    .catch(() => null)
  t.ok(answer === null || answer.status === 403, String(answer?.status))
  connection.close()
})

t.test('an IPv6 listener serves', { skip: ipv6 ? false : '::1 is not available' }, async (t) => {
  const connection = await connect(six, '::1')
  t.equal((await connection.send(get().replace('a.test', `[::1]:${six}`)).response()).status, 200)
  t.match(seen(), { 'x-forwarded-for': '::1', 'x-forwarded-host': `[::1]:${six}` })
  connection.close()
})

t.test('no spelling of an identity field reaches the service from a client', async (t) => {
  const fields = [
    'X-Consumer',
    'X_Consumer',
    'x-consumer',
    'X-CONSUMER-GROUPS',
    'X_Consumer_Groups',
    'X-Consumer_Groups',
    'X-Subject',
    'X-Issuer',
    'X-Scopes',
    'X-Auth-Method',
    'X-Credential',
    'X-Forwarded-For',
    'X_Forwarded_For'
  ]
  for (const key of ['', 'X-API-Key: acme-key\r\n']) {
    const answer = await exchange(port, get(fields.map((name) => `${name}: root\r\n`).join('') + key))
    t.equal(answer.status, 200, answer.body)
    t.notMatch(JSON.stringify(service.seen.at(-1)?.rawHeaders), 'root')
    t.equal(seen()['x-consumer'], key === '' ? 'guest' : 'acme')
    t.equal(seen()['x-consumer-groups'], key === '' ? undefined : 'partners')
    t.notHas(seen(), 'x-api-key', 'nor does the credential')
  }
})

t.test('Connection can\u2019t make the gateway drop what it adds', async (t) => {
  const before = service.seen.length
  for (const name of [
    'x-consumer',
    'X-Consumer-Groups',
    'x-forwarded-for',
    'x-request-id',
    'traceparent',
    'x-api-key'
  ]) {
    t.equal((await exchange(port, get(`Connection: ${name}\r\nX-API-Key: acme-key\r\n`))).status, 400, name)
  }
  t.equal(service.seen.length, before)
})

t.test('a credential that is bad is not taken for none', async (t) => {
  t.equal((await ask(port, '/', { headers: { 'x-api-key': 'wrong' } })).status, 401)
})

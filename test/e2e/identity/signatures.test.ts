/** Signed requests (RFC 9421), by an implementation from the registry, to the service that is told who called. */
import { createHash, generateKeyPairSync, createHmac, sign as signBytes, constants, type KeyObject } from 'node:crypto'
import { httpbis, type SigningKey } from 'http-message-signatures'
import t from 'tap'
import { ask, type Reply } from '../client.ts'
import { connect } from '../connection.ts'
import { startGateway } from '../gateway.ts'
import { seconds, sha256 } from '../tokens.ts'
import { startUpstream } from '../upstream.ts'

const SECRET = 'Zk3vX0qLr8tYb2Wn5sGd7hJm1pQc4uEf'
const ed = generateKeyPairSync('ed25519')
const ec = generateKeyPairSync('ec', { namedCurve: 'P-256' })
const rsa = generateKeyPairSync('rsa', { modulusLength: 2048 })
const pem = (key: KeyObject): string => String(key.export({ type: 'spki', format: 'pem' }))

type Bytes = (data: Buffer) => Buffer
const SIGNERS: Record<string, Bytes> = {
  ed25519: (data) => signBytes(null, data, ed.privateKey),
  'hmac-sha256': (data) => createHmac('sha256', SECRET).update(data).digest(),
  'ecdsa-p256-sha256': (data) => signBytes('sha256', data, { key: ec.privateKey, dsaEncoding: 'ieee-p1363' }),
  'rsa-pss-sha512': (data) =>
    signBytes('sha512', data, { key: rsa.privateKey, padding: constants.RSA_PKCS1_PSS_PADDING, saltLength: 64 }),
  'rsa-v1_5-sha256': (data) => signBytes('sha256', data, rsa.privateKey)
}

const upstream = await startUpstream(t)
const gateway = await startGateway(
  t,
  `version: 1
listen: [ { address: "127.0.0.1:0" } ]
state: { dir: var }
consumers:
  - name: acme
    groups: [partners]
    keys: [ { id: k1, hash: "sha256:${sha256('acme-key')}" } ]
    signatures:
      - { keyId: ed25519, algorithm: ed25519, publicKey: ed.pem }
      - { keyId: hmac-sha256, algorithm: hmac-sha256, secret: "${SECRET}" }
      - { keyId: ecdsa-p256-sha256, algorithm: ecdsa-p256-sha256, publicKey: ec.pem }
      - { keyId: rsa-pss-sha512, algorithm: rsa-pss-sha512, publicKey: rsa.pem }
      - { keyId: rsa-v1_5-sha256, algorithm: rsa-v1_5-sha256, publicKey: rsa.pem }
  - { name: other, keys: [ { id: k2, hash: "sha256:${sha256('other-key')}" } ] }
services:
  - name: s
    url: ${upstream.url}
    routes:
      - { name: signed, match: { paths: ["/signed/*"] }, policies: { auth: { signature: true }, validate: { body: { maxSize: 100kb } } } }
      - { name: judged, match: { paths: ["/judged"] }, policies: { auth: { signature: true }, validate: { body: { maxSize: 1kb, contentTypes: [application/json], schema: { type: object, required: [amount] } } } } }
      - { name: either, match: { paths: ["/either"] }, policies: { auth: { signature: true, key: true } } }
      - { name: key, match: { paths: ["/key"] }, policies: { auth: { key: true } } }
`,
  { workers: 2, files: { 'ed.pem': pem(ed.publicKey), 'ec.pem': pem(ec.publicKey), 'rsa.pem': pem(rsa.publicKey) } }
)
const base = `http://127.0.0.1:${gateway.port}`

interface Wishes {
  method?: string
  body?: string
  fields?: string[]
  by?: string
  nonce?: string
  created?: number
  headers?: Record<string, string>
}

const digestOf = (body: string): string => `sha-256=:${createHash('sha256').update(body).digest('base64')}:`

/** The header fields of a request, signed. */
async function signed(path: string, wishes: Wishes = {}): Promise<Record<string, string>> {
  const { method = 'GET', body, by = 'ed25519', nonce, created = seconds(), headers = {} } = wishes
  const fields = wishes.fields ?? [
    '@method',
    '@authority',
    '@path',
    '@query',
    ...(body === undefined ? [] : ['content-digest'])
  ]
  const key: SigningKey = { id: by, alg: by, sign: async (data) => SIGNERS[by]?.(data) ?? Buffer.alloc(0) }
  const own = {
    host: `127.0.0.1:${gateway.port}`,
    ...(body === undefined ? {} : { 'content-digest': digestOf(body) }),
    ...headers
  }
  const message = await httpbis.signMessage(
    {
      key,
      name: 'sig',
      fields,
      params: ['created', 'keyid', 'alg', ...(nonce === undefined ? [] : ['nonce'])],
      paramValues: { created: new Date(created * 1000), ...(nonce === undefined ? {} : { nonce }) }
    },
    { method, url: `${base}${path}`, headers: own }
  )
  return Object.fromEntries(Object.entries(message.headers).map(([name, value]) => [name.toLowerCase(), String(value)]))
}

async function send(
  path: string,
  wishes: Wishes = {},
  sent: { path?: string; method?: string; body?: string } = {}
): Promise<Reply> {
  const headers = await signed(path, wishes)
  const body = sent.body ?? wishes.body
  return ask(gateway.port, sent.path ?? path, {
    method: sent.method ?? wishes.method ?? 'GET',
    headers,
    ...(body === undefined ? {} : { body })
  })
}

t.test('each algorithm, signed by another implementation', async (t) => {
  for (const by of Object.keys(SIGNERS)) {
    const reply = await send('/signed/a?x=1&y=%20', { by })
    t.equal(reply.status, 200, by)
    const { headers } = JSON.parse(reply.body) as { headers: Record<string, string> }
    t.match(headers, { 'x-consumer': 'acme', 'x-auth-method': 'signature', 'x-credential': by })
    t.notOk('signature' in headers || 'signature-input' in headers, 'the signature is not passed on')
  }
})

t.test('derived components and fields', async (t) => {
  const fields = ['@method', '@target-uri', '@scheme', '@request-target', '@query-param;name="x"', 'x-a', 'host']
  t.equal((await send('/signed/a?x=1', { fields, headers: { 'x-a': ' b ' } })).status, 200)
})

t.test('what was changed on the way is 401, and nothing reaches the service', async (t) => {
  const seen = upstream.seen.length
  t.equal((await send('/signed/a', {}, { path: '/signed/b' })).status, 401)
  t.equal((await send('/signed/a?x=1', {}, { path: '/signed/a?x=2' })).status, 401)
  t.equal((await send('/signed/a', {}, { path: '/signed/a?x=2' })).status, 401, 'a query that was not signed')
  t.equal((await send('/signed/a', {}, { method: 'DELETE' })).status, 401)
  t.equal((await send('/signed/a', { fields: ['@method', '@path'] })).status, 401)
  t.equal((await send('/signed/a', { created: seconds() - 400 })).status, 401)
  t.equal((await send('/signed/a', { created: seconds() + 100 })).status, 401)
  const none = await ask(gateway.port, '/signed/a')
  t.strictSame([none.status, none.headers['www-authenticate']], [401, 'Signature'])
  t.equal(upstream.seen.length, seen)
})

t.test('a body that nobody signed is 401 before it is judged by anything else', async (t) => {
  const headers = { 'content-type': 'application/json' }
  const post = (body: string, sent = body): Promise<Reply> =>
    send('/judged', { method: 'POST', body, headers }, { body: sent })
  t.equal((await post('{"amount":1}')).status, 200)
  t.equal((await post('{"sum":1}')).status, 422, 'signed, and no order')
  t.equal((await post('{"amount":1}', '{"sum":1}')).status, 401)
  t.equal((await post('{"amount":1}', '{')).status, 401)
  const line = await gateway.line(({ route, status }) => route === 's.judged' && status === 401)
  t.match(line, { policy: 'auth', rule: 'content-digest' })
  t.equal((await post('x'.repeat(1024))).status, 400, 'N: it is read, and no JSON')
  t.equal((await post('x'.repeat(1025))).status, 413, 'N+1: too long by its head, so nobody reads it')
  t.equal((await post('{"amount":1}', 'x'.repeat(1025))).status, 413)
})

t.test('the body is the one that was signed, or the service sees none of it', async (t) => {
  const body = JSON.stringify({ hello: 'x'.repeat(50_000) })
  const post = (sent: { body?: string } = {}, wishes: Wishes = {}): Promise<Reply> =>
    send('/signed/a', { method: 'POST', body, ...wishes }, sent)
  const good = await post()
  t.equal(good.status, 200)
  t.equal((JSON.parse(good.body) as { body: string }).body, body)
  const seen = upstream.seen.length
  t.equal((await post({ body: body.replace('hello', 'hallo') })).status, 401)
  t.equal((await post({}, { fields: ['@method', '@authority', '@path', '@query'] })).status, 401, 'not covered')
  t.equal((await send('/signed/a', { method: 'POST' }, { body: 'x' })).status, 401, 'a body added')
  t.equal((await post({}, { headers: { 'content-digest': 'md5=:AAAA:' } })).status, 401)
  const line = await gateway.line(
    ({ reason, route }) => /sha-256 digest that was signed/.test(String(reason)) && route === 's.signed'
  )
  t.match(line, { policy: 'auth', rule: 'content-digest', status: 401 })
  t.equal(upstream.seen.length, seen)
  const chunked = await signed('/signed/a', { method: 'POST', body: 'abc' })
  for (const [text, status] of [
    ['abc', 200],
    ['abd', 401]
  ] as const) {
    const connection = await connect(gateway.port)
    const head = Object.entries(chunked)
      .map(([name, value]) => `${name}: ${value}\r\n`)
      .join('')
    connection.send(`POST /signed/a HTTP/1.1\r\n${head}transfer-encoding: chunked\r\n\r\n3\r\n${text}\r\n0\r\n\r\n`)
    t.equal((await connection.response()).status, status, `in chunks: ${text}`)
    connection.close()
  }
})

t.test('a nonce is good once, whichever worker the replay reaches', async (t) => {
  const headers = await signed('/signed/once', { nonce: 'n-1' })
  const replies = await Promise.all(Array.from({ length: 6 }, () => ask(gateway.port, '/signed/once', { headers })))
  t.strictSame(
    replies.map(({ status }) => status).toSorted((a, b) => a - b),
    [200, 401, 401, 401, 401, 401]
  )
})

t.test('beside a key; where it isn’t listed', async (t) => {
  const headers = await signed('/either')
  const get = (more: Record<string, string>): Promise<Reply> =>
    ask(gateway.port, '/either', { headers: { ...headers, ...more } })
  t.equal((await get({})).status, 200)
  t.match((await get({ 'x-api-key': 'acme-key' })).body, /"x-auth-method":"key"/)
  t.equal((await get({ 'x-api-key': 'other-key' })).status, 401)
  t.equal((await get({ 'x-api-key': 'wrong' })).status, 401)
  t.equal((await get({ signature: 'sig=:AAAA:', 'x-api-key': 'acme-key' })).status, 401)
  const other = await ask(gateway.port, '/key', { headers: { 'x-api-key': 'acme-key', signature: 'junk' } })
  t.equal(other.status, 200, 'not listed, not looked at')
  t.match(other.body, /"signature":"junk"/)
})

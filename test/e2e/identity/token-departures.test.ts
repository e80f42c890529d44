/** Every way in which a lenient library takes a token that is none: each is a 401 here, and for its own reason. */
import {
  constants,
  createHash,
  createPublicKey,
  createSign,
  generateKeyPairSync,
  publicEncrypt,
  randomBytes
} from 'node:crypto'
import { Agent } from 'node:http'
import t, { type Test } from 'tap'
import { ask, raw } from '../client.ts'
import { metric } from '../control.ts'
import { startGateway } from '../gateway.ts'
import { encode, hmacToken, seconds, signer, signText, token, type Signer } from '../tokens.ts'
import { startUpstream } from '../upstream.ts'

const rsa = signer('RS256', 'r1')
const ec = signer('ES256', 'e1')
const ed = signer('EdDSA', 'd1')
const stranger = signer('ES256', 'e1')
const claims = { iss: 'https://idp.example', aud: 'api', sub: 'u1', exp: seconds() + 3600, iat: seconds() - 1 }
const good = token(ec, claims)
const header = { alg: 'ES256', typ: 'JWT', kid: 'e1' }
const BAD_BASE64 = /not canonical base64url/

/** Modulus and exponent such that the lint has only its weakness to refuse. */
const weakRsa = { e1: jwkOfNumbers('e1-key', strongModulus(), 1n), roca: jwkOfNumbers('roca', rocaModulus(), 65537n) }

/** The neutral element as a public key: under it R = A and S = 0 sign anything. */
const neutral = Buffer.from(`01${'00'.repeat(31)}`, 'hex')
const small = { kty: 'OKP', crv: 'Ed25519', kid: 'small', alg: 'EdDSA', x: neutral.toString('base64url') }

/** Keys that a set holds and no token may be signed with. */
const short = generateKeyPairSync('rsa', { modulusLength: 1024 })
const shortJwk = { ...short.publicKey.export({ format: 'jwk' }), kid: 'short', alg: 'RS256', use: 'sig' }
const unfit: Signer[] = [
  { alg: 'RS256', kid: 'short', ...short, jwk: shortJwk },
  changed('for encryption', { use: 'enc' }),
  changed('not to verify', { use: undefined, key_ops: ['encrypt'] }),
  changed('of another curve', { crv: 'P-384' }),
  changed('twice', {}),
  changed('twice', {})
]
function changed(kid: string, more: object): Signer {
  const own = signer('ES256', kid)
  return { ...own, jwk: { ...own.jwk, ...more } }
}

const upstream = await startUpstream(t)
const trap = await startUpstream(t)
const gateway = await startGateway(
  t,
  `version: 1
listen: [ { name: plain, address: "127.0.0.1:0" } ]
state: { dir: var }
issuers:
  - { name: corp, issuer: "https://idp.example", jwks: keys.json, audiences: [api], clockSkew: 0s }
  - { name: typed, issuer: "https://typed.example", jwks: keys.json, audiences: [api], typ: at+jwt }
services:
  - name: api
    url: ${upstream.url}
    routes:
      - { name: header, match: { paths: ["/header"] }, policies: { auth: { jwt: { issuers: [corp, typed] } } } }
      - { name: query, match: { paths: ["/query"] }, policies: { auth: { jwt: { issuers: [corp], query: access_token } } } }
      - { name: places, match: { paths: ["/places"] }, policies: { auth: { jwt: { issuers: [corp], header: [authorization, x-token], cookie: [session, other], query: t } } } }
`,
  {
    workers: 1,
    files: {
      'keys.json': JSON.stringify({
        keys: [rsa.jwk, ec.jwk, ed.jwk, weakRsa.e1, weakRsa.roca, small, ...unfit.map(({ jwk }) => jwk)]
      })
    }
  }
)

const connection = new Agent({ keepAlive: true })
t.teardown(() => connection.destroy())

let number = 0
/** What the log must say of the cases of a test, by the agent that each was sent as. */
const expected = new Map<string, RegExp>()

/** Asks with a header or in a query and wants a 401 that says nothing. */
async function refusedFor(
  t: Tap,
  presented: string,
  reason: RegExp,
  place: 'header' | 'query' = 'header'
): Promise<void> {
  const agent = `case-${++number}`
  expected.set(agent, reason)
  const query = place === 'query' ? `?access_token=${encodeURIComponent(presented)}` : ''
  const headers = { 'user-agent': agent, ...(place === 'header' ? { authorization: `Bearer ${presented}` } : {}) }
  const {
    status,
    body,
    headers: answered
  } = await ask(gateway.port, `/${place}${query}`, { headers, agent: connection })
  t.equal(status, 401)
  t.match(answered['www-authenticate'], /^Bearer/)
  t.match(body, /^\{"type":"about:blank","title":"Unauthorized","status":401,"instance":"[0-9A-Z]{26}"\}$/)
}

/** A test of cases, and at its end what the log says of each. */
function departure(name: string, cases: (t: Tap) => Promise<void>): void {
  t.test(name, async (t) => {
    expected.clear()
    await cases(t)
    const last = `case-${number}`
    await gateway.line((candidate) => candidate['agent'] === last)
    let found = 0
    for (const line of gateway.lines()) {
      const reason = expected.get(String(line['agent']))
      if (reason === undefined) continue
      found++
      t.match(line, {
        status: 401,
        decision: 'deny',
        policy: 'auth',
        problem: 'bad-credential',
        reason,
        target: undefined
      })
    }
    t.equal(found, expected.size, 'each has its line')
  })
}
type Tap = Test

t.test('what the cases are departures from: three honest tokens', async (t) => {
  for (const by of [ec, rsa, ed]) {
    const { status } = await ask(gateway.port, '/header', { headers: { authorization: `Bearer ${token(by, claims)}` } })
    t.equal(status, 200, by.alg)
  }
  const inQuery = await ask(gateway.port, `/query?access_token=${good}`)
  t.equal(inQuery.status, 200)
  const typed = token(ec, { ...claims, iss: 'https://typed.example' }, { typ: 'application/at+jwt' })
  t.equal((await ask(gateway.port, '/header', { headers: { authorization: `Bearer ${typed}` } })).status, 200)
})

departure('white space inside a segment', async (t) => {
  for (const segment of [0, 1, 2]) {
    for (const blank of [' ', '\t'])
      await refusedFor(
        t,
        inSegment(good, segment, (text) => text.slice(0, 9) + blank + text.slice(9)),
        BAD_BASE64
      )
    for (const blank of [' ', '\n', '\r\n', '\t', '\u00a0']) {
      await refusedFor(
        t,
        inSegment(good, segment, (text) => text.slice(0, 9) + blank + text.slice(9)),
        BAD_BASE64,
        'query'
      )
      await refusedFor(
        t,
        inSegment(good, segment, (text) => text + blank),
        BAD_BASE64,
        'query'
      )
    }
  }
  await refusedFor(t, ` ${good}`, /one space|canonical/)
})

departure('= at the end of a segment, and the other base64 alphabet', async (t) => {
  for (const segment of [0, 1, 2]) {
    for (const padding of ['=', '==', '==='])
      await refusedFor(
        t,
        inSegment(good, segment, (text) => text + padding),
        BAD_BASE64
      )
    await refusedFor(
      t,
      inSegment(good, segment, (text) => `${text.slice(0, 5)}=${text.slice(5)}`),
      BAD_BASE64
    )
    await refusedFor(
      t,
      inSegment(good, segment, (text) => `${text.slice(0, 5)}+/${text.slice(7)}`),
      BAD_BASE64
    )
  }
})

departure('alternative last characters: 15 of an ES256 signature, and those of every other segment', async (t) => {
  const others = spellings(good, 2)
  t.equal(others.length, 15)
  for (const spelling of others) await refusedFor(t, spelling, BAD_BASE64)
  const rs = token(rsa, claims)
  t.equal(spellings(rs, 2).length, 15)
  for (const spelling of spellings(rs, 2).slice(0, 3)) await refusedFor(t, spelling, BAD_BASE64)
  // One and two bytes beyond a multiple of three leave 4 and 2 bits unused.
  for (const pad of ['', ' ', '  ']) {
    const text = signText(ec, JSON.stringify(header) + pad, JSON.stringify(claims) + pad)
    for (const segment of [0, 1])
      for (const spelling of spellings(text, segment).slice(0, 2)) await refusedFor(t, spelling, BAD_BASE64)
  }
})

departure('(r, n-s): a second token, never a second spelling of one that was verified', async (t) => {
  const other = twin(good)
  t.not(other, good)
  // An exchange is counted and then written down: with its line in the log it is in the count, and each one so far has.
  const before = await metric(gateway, 'gatehouse_token_verifications_total')
  const headers = { authorization: `Bearer ${other}`, 'user-agent': 'twin' }
  const { status } = await ask(gateway.port, '/header', { headers })
  // Half of all honest signatures are the larger twin, so refusing it would refuse every second token.
  t.equal(status, 200)
  await gateway.line(({ agent }) => agent === 'twin')
  t.equal(await metric(gateway, 'gatehouse_token_verifications_total'), before + 1, 'verified on its own')
  for (const spelling of spellings(other, 2)) await refusedFor(t, spelling, BAD_BASE64)
})

departure('an RSA key with e=1 is refused at load, and what anybody can sign with it', async (t) => {
  await gateway.said(/key \\?"e1-key\\?" is refused: it has an RSA exponent/)
  await refusedFor(t, forgedWithExponentOne(), /kid names no key/)
})

departure('a ROCA key is refused at load', async (t) => {
  await gateway.said(/key \\?"roca\\?" is refused: it has a modulus with the ROCA weakness/)
  await refusedFor(t, token(rsa, claims, { kid: 'roca' }), /kid names no key/)
})

departure('an Ed25519 key of small order is refused at load, and what anybody can sign with it', async (t) => {
  await gateway.said(/key \\?"small\\?" is refused: it is a point of small order/)
  const input = `${encode({ alg: 'EdDSA', typ: 'JWT', kid: 'small' })}.${encode(claims)}`
  const signature = Buffer.concat([neutral, Buffer.alloc(32)]).toString('base64url')
  await refusedFor(t, `${input}.${signature}`, /kid names no key/)
})

departure(
  'keys that are short, for something else, broken or ambiguous are left out at load, and tokens by them',
  async (t) => {
    for (const said of [
      /key \\?"short\\?" is refused: it is an RSA key of 1024 bits/,
      /for encryption.* use /,
      /not to verify.*key_ops/,
      /key \\?"of another curve\\?" is refused/,
      /key \\?"twice\\?" is refused: it names two different keys/
    ])
      await gateway.said(said)
    for (const by of unfit) await refusedFor(t, token(by, claims), /kid names no key/)
  }
)

departure('duplicate JSON members', async (t) => {
  const h = JSON.stringify(header)
  const p = JSON.stringify(claims)
  await refusedFor(t, signText(ec, h.replace('{', '{"alg":"none",'), p), /header.*twice|header.*duplicate/i)
  await refusedFor(t, signText(ec, h.replace('}', ',"kid":"e1"}'), p), /header/)
  await refusedFor(t, signText(ec, h, p.replace('}', ',"sub":"admin"}')), /payload/)
  await refusedFor(t, signText(ec, h, p.replace('}', ',"s\\u0075b":"admin"}')), /payload/)
  await refusedFor(t, signText(ec, h, p.replace('}', ',"a":{"b":1,"b":2}}')), /payload/)
})

departure('no exp, and an exp that is no time', async (t) => {
  const { exp: _, ...without } = claims
  await refusedFor(t, token(ec, without), /no exp/)
  const h = JSON.stringify(header)
  for (const exp of [
    '1e400',
    '-1e400',
    '-1',
    '9007199254740993',
    '"9999999999"',
    'null',
    'true',
    '[9999999999]',
    '{}'
  ]) {
    await refusedFor(t, signText(ec, h, JSON.stringify(claims).replace(String(claims.exp), exp)), /exp is not a time/)
  }
  await refusedFor(t, token(ec, { ...claims, exp: seconds() - 1 }), /expired/)
  await refusedFor(t, token(ec, { ...claims, exp: 0 }), /expired/)
})

departure('iat and nbf in the future, and such that are no time', async (t) => {
  await refusedFor(t, token(ec, { ...claims, iat: seconds() + 60 }), /not valid yet/)
  await refusedFor(t, token(ec, { ...claims, nbf: seconds() + 60 }), /not valid yet/)
  const h = JSON.stringify(header)
  for (const name of ['iat', 'nbf']) {
    for (const time of ['1e400', '"0"', 'null']) {
      const payload = JSON.stringify({ ...claims, [name]: 'HERE' }).replace('"HERE"', time)
      await refusedFor(t, signText(ec, h, payload), new RegExp(`${name} is not a time`))
    }
  }
})

departure('a kid that is no string', async (t) => {
  for (const kid of [1, 0, true, null, ['e1'], { toString: 'e1' }])
    await refusedFor(t, token(ec, claims, { kid }), /kid is not a string/)
  for (const kid of ['', '../../e1', "e1' or '1'='1", 'constructor', '__proto__'])
    await refusedFor(t, token(ec, claims, { kid }), /kid names no key/)
})

departure('a byte order mark', async (t) => {
  const mark = Buffer.from([0xef, 0xbb, 0xbf])
  await refusedFor(
    t,
    signText(ec, Buffer.concat([mark, Buffer.from(JSON.stringify(header))]), JSON.stringify(claims)),
    /header is not JSON/
  )
  await refusedFor(
    t,
    signText(ec, JSON.stringify(header), Buffer.concat([mark, Buffer.from(JSON.stringify(claims))])),
    /payload is not JSON/
  )
})

departure('what is no UTF-8, no object, no JSON', async (t) => {
  const h = JSON.stringify(header)
  for (const payload of [
    '',
    '[]',
    '"x"',
    'null',
    '1',
    '{',
    '{"a":1,}',
    "{'a':1}",
    '{"a":NaN}',
    `${JSON.stringify(claims)} x`
  ]) {
    await refusedFor(t, signText(ec, h, payload), /payload/)
  }
  await refusedFor(
    t,
    signText(ec, h, Buffer.concat([Buffer.from('{"sub":"'), Buffer.from([0xc0, 0xaf]), Buffer.from('"}')])),
    /payload/
  )
  await refusedFor(t, signText(ec, Buffer.from([0xff, 0xfe]), JSON.stringify(claims)), /header/)
})

departure('5,000-deep JSON, and as deep as the length allows', async (t) => {
  const deep = (depth: number) => JSON.stringify(claims).replace('}', `,"a":${'['.repeat(depth)}${']'.repeat(depth)}}`)
  await refusedFor(t, signText(ec, JSON.stringify(header), deep(5000)), /longer than 8192/)
  await refusedFor(t, signText(ec, JSON.stringify(header), deep(2500)), /payload.*(deep|nest)/i)
  await refusedFor(
    t,
    signText(ec, `{"alg":"ES256","kid":"e1","a":${'{"a":'.repeat(400)}1${'}'.repeat(401)}`, JSON.stringify(claims)),
    /header.*(deep|nest)/i
  )
})

departure('typ: another kind of token, or not the one asked for', async (t) => {
  for (const typ of ['logout+jwt', 'secevent+jwt', 'dpop+jwt', 'application/logout+JWT'])
    await refusedFor(t, token(ec, claims, { typ }), /no access token/)
  for (const typ of [1, null, ['JWT']]) await refusedFor(t, token(ec, claims, { typ }), /typ is not a string/)
  const typed = { ...claims, iss: 'https://typed.example' }
  await refusedFor(t, token(ec, typed), /typ is not at\+jwt/)
  await refusedFor(t, token(ec, typed, { typ: undefined }), /typ is not at\+jwt/)
})

departure('b64 without crit, and crit', async (t) => {
  for (const b64 of [false, true, 'false']) await refusedFor(t, token(ec, claims, { b64 }), /b64/)
  for (const crit of [['b64'], ['exp'], ['http://example.com/unknown'], [], 'exp', null])
    await refusedFor(t, token(ec, claims, { crit }), /crit/)
  await refusedFor(t, token(ec, claims, { crit: ['b64'], b64: false }), /crit|b64/)
})

departure('jku, x5u, jwk and x5c say nothing, and nobody is asked', async (t) => {
  const url = `${trap.url}/keys.json`
  const by = { jku: url, x5u: url, jwk: stranger.jwk, x5c: [randomBytes(200).toString('base64')] }
  for (const [name, value] of Object.entries(by)) {
    await refusedFor(t, token(stranger, claims, { [name]: value }), /signature is not by a key/)
    await refusedFor(t, token(stranger, claims, { kid: 'of-the-attacker', [name]: value }), /kid names no key/)
    const honest = token(ec, claims, { [name]: value })
    t.equal((await ask(gateway.port, '/header', { headers: { authorization: `Bearer ${honest}` } })).status, 200, name)
  }
  t.strictSame(trap.seen, [])
})

departure('alg none, in every spelling, signed or not', async (t) => {
  for (const alg of ['none', 'None', 'NONE', 'nOnE']) {
    const input = `${encode({ ...header, alg })}.${encode(claims)}`
    await refusedFor(t, `${input}.`, /not signed|alg/)
    await refusedFor(t, `${input}.${good.split('.')[2]}`, /alg names no/)
  }
  await refusedFor(t, `${good.slice(0, good.lastIndexOf('.'))}.`, /not signed/)
  for (const alg of ['', 'es256', 'ES256K', 'HS1', 'RS1', 'constructor', 1, null, ['ES256'], undefined])
    await refusedFor(t, token(ec, claims, { alg }), /alg/)
})

departure('HS256 with the public key as the secret, in each of its forms', async (t) => {
  for (const by of [rsa, ec, ed]) {
    const secrets = [
      by.publicKey.export({ type: 'spki', format: 'pem' }),
      String(by.publicKey.export({ type: 'spki', format: 'pem' })).trim(),
      by.publicKey.export({ type: 'spki', format: 'der' }),
      JSON.stringify(by.jwk),
      Buffer.from(String(by.jwk['n'] ?? by.jwk['x']), 'base64url'),
      ''
    ]
    for (const secret of secrets) await refusedFor(t, hmacToken(secret, claims, { kid: by.kid }), /HS256 is not among/)
  }
})

departure("another algorithm than the key's, and a stranger's signature under a known kid", async (t) => {
  await refusedFor(t, token(ec, claims, { alg: 'RS256' }), /no key of the issuer fits RS256/)
  await refusedFor(t, token(rsa, claims, { alg: 'PS256' }), /no key of the issuer fits PS256/)
  await refusedFor(t, token(stranger, claims), /signature is not by a key/)
  const [h, , s] = good.split('.')
  await refusedFor(t, `${h}.${encode({ ...claims, sub: 'admin' })}.${s}`, /signature is not by a key/)
  for (const bytes of [1, 63, 65, 128])
    await refusedFor(t, `${h}.${encode(claims)}.${encode(randomBytes(bytes))}`, /signature is not by a key/)
  await refusedFor(t, `${h}.${encode(claims)}.${encode(Buffer.alloc(64))}`, /signature is not by a key/)
  const der = createSign('sha256')
    .update(`${h}.${encode(claims)}`)
    .sign(ec.privateKey)
  await refusedFor(t, `${h}.${encode(claims)}.${encode(der)}`, /signature is not by a key/)
})

departure('an encrypted token, even to a key of ours', async (t) => {
  const wrapped = publicEncrypt({ key: rsa.publicKey, padding: constants.RSA_PKCS1_OAEP_PADDING }, randomBytes(32))
  const parts = [
    encode({ alg: 'RSA-OAEP', enc: 'A256GCM', kid: 'r1' }),
    encode(wrapped),
    encode(randomBytes(12)),
    encode(good),
    encode(randomBytes(16))
  ]
  await refusedFor(t, parts.join('.'), /more than three parts/)
  await refusedFor(t, token(ec, claims, { alg: 'dir', enc: 'A256GCM' }), /alg/)
})

departure('tokens of 10 KB, and parts that are too few or too many', async (t) => {
  await refusedFor(t, token(ec, { ...claims, filler: 'x'.repeat(7500) }), /longer than 8192/)
  await refusedFor(t, `${good}${'A'.repeat(10_240 - good.length)}`, /longer than 8192/)
  await refusedFor(t, 'A'.repeat(10_240), /longer than 8192/)
  await refusedFor(t, '.'.repeat(1000), /more than three parts/)
  for (const text of ['x', '.', '..', 'a.b', `${good}.`, `.${good}`, `${good}.x`])
    await refusedFor(t, text, /parts|canonical|signed|header/)
  const largest = token(ec, { ...claims, filler: 'x'.repeat(5700) })
  t.ok(largest.length > 7800 && largest.length <= 8192)
  t.equal((await ask(gateway.port, '/header', { headers: { authorization: `Bearer ${largest}` } })).status, 200)
})

t.test('several tokens in one request', async (t) => {
  const other = token(ec, { ...claims, sub: 'u2' })
  const ways: [string, Record<string, string | string[]>][] = [
    ['/places', { authorization: `Bearer ${good}`, 'x-token': other }],
    ['/places', { authorization: `Bearer ${good}`, cookie: `session=${other}` }],
    ['/places', { cookie: `session=${good}; session=${other}` }],
    ['/places', { cookie: `session=${good}; other=${other}` }],
    [`/places?t=${other}`, { authorization: `Bearer ${good}` }],
    [`/places?t=${good}&t=${other}`, {}],
    [`/places?t=${good}&%74=${other}`, {}]
  ]
  for (const [path, headers] of ways)
    t.equal((await ask(gateway.port, path, { headers })).status, 401, path.slice(0, 20))
  for (const second of [good, other]) {
    const text = `GET /header HTTP/1.1\r\nhost: a\r\nauthorization: Bearer ${good}\r\nAuthorization: Bearer ${second}\r\nconnection: close\r\n\r\n`
    t.strictSame((await raw(gateway.port, text)).statuses, [401], 'two Authorization fields')
  }
  t.equal(
    (await ask(gateway.port, `/places?t=${good}`, { headers: { authorization: `Bearer ${good}` } })).status,
    200,
    'the same token twice is one'
  )
})

t.test('an Authorization field that is no Bearer token', async (t) => {
  for (const value of [
    'Bearer',
    'bearer',
    'Bearer  ',
    `Basic ${good}`,
    `Token ${good}`,
    good,
    `Bearer,${good}`,
    `Bearer${good}`,
    ''
  ]) {
    const { status, headers } = await ask(gateway.port, '/header', { headers: { authorization: value } })
    t.equal(status, 401, value.slice(0, 12))
    t.match(headers['www-authenticate'], /^Bearer/)
  }
  for (const scheme of ['bearer', 'BEARER'])
    t.equal((await ask(gateway.port, '/header', { headers: { authorization: `${scheme} ${good}` } })).status, 200)
})

t.test('after all of it the gateway serves on', async (t) => {
  t.equal((await ask(gateway.port, '/header', { headers: { authorization: `Bearer ${good}` } })).status, 200)
  t.equal(gateway.child.exitCode, null)
  t.equal(await metric(gateway, 'gatehouse_stage_exceptions_total'), 0)
  t.equal(await metric(gateway, 'gatehouse_worker_restarts_total'), 0)
})

function inSegment(text: string, segment: number, change: (segment: string) => string): string {
  return text
    .split('.')
    .map((part, i) => (i === segment ? change(part) : part))
    .join('.')
}

/** All other last characters of a segment that decode to the same bytes. */
function spellings(text: string, segment: number): string[] {
  const part = text.split('.')[segment] ?? ''
  const bytes = Buffer.from(part, 'base64url')
  return [...'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_']
    .map((last) => part.slice(0, -1) + last)
    .filter((other) => other !== part && Buffer.from(other, 'base64url').equals(bytes))
    .map((other) => inSegment(text, segment, () => other))
}

/** The same signature's other s (n: the order of P-256). */
function twin(text: string): string {
  const order = 0xffffffff00000000ffffffffffffffffbce6faada7179e84f3b9cac2fc632551n
  return inSegment(text, 2, (part) => {
    const bytes = Buffer.from(part, 'base64url')
    const s = BigInt(`0x${bytes.subarray(32).toString('hex')}`)
    return Buffer.concat([bytes.subarray(0, 32), toBytes(order - s, 32)]).toString('base64url')
  })
}

function toBytes(value: bigint, length: number): Buffer {
  return Buffer.from(value.toString(16).padStart(length * 2, '0'), 'hex')
}

function jwkOfNumbers(kid: string, n: bigint, e: bigint): Record<string, unknown> {
  const exponent = e === 1n ? Buffer.from([1]) : Buffer.from([1, 0, 1])
  return {
    kty: 'RSA',
    kid,
    alg: 'RS256',
    use: 'sig',
    n: toBytes(n, 256).toString('base64url'),
    e: exponent.toString('base64url')
  }
}

function strongModulus(): bigint {
  const { n } = createPublicKey(generateKeyPairSync('rsa', { modulusLength: 2048 }).privateKey).export({
    format: 'jwk'
  })
  return BigInt(`0x${Buffer.from(String(n), 'base64url').toString('hex')}`)
}

/** A power of 65537 modulo every prime up to 167, 2048 bits long: the mark of Infineon's keys. */
function rocaModulus(): bigint {
  let product = 1n
  for (let n = 2n; n <= 167n; n++) if (isPrime(n)) product *= n
  const rest = 65537n ** 7n % product
  const n = (1n << 2047n) - ((1n << 2047n) % product) + product + rest
  return n
}

function isPrime(n: bigint): boolean {
  for (let d = 2n; d * d <= n; d++) if (n % d === 0n) return false
  return n > 1n
}

/** With e = 1 the signature is the padded hash itself: no private key is needed. */
function forgedWithExponentOne(): string {
  const input = `${encode({ alg: 'RS256', typ: 'JWT', kid: 'e1-key' })}.${encode(claims)}`
  const prefix = Buffer.from('3031300d060960864801650304020105000420', 'hex')
  const digest = Buffer.concat([prefix, createHash('sha256').update(input).digest()])
  const padding = Buffer.alloc(256 - 3 - digest.length, 0xff)
  return `${input}.${Buffer.concat([Buffer.from([0, 1]), padding, Buffer.from([0]), digest]).toString('base64url')}`
}

/**
 * DPoP (RFC 9449): tokens of a real OpenID provider, bound to a key whose proofs a real client library makes; and every
 * way in which a proof can be somebody else's, or for something else.
 */
import { createHash, createPrivateKey, generateKeyPairSync, randomUUID, type webcrypto } from 'node:crypto'
import * as oauth from 'oauth4webapi'
import t, { type Test } from 'tap'
import { ask, type Reply } from '../client.ts'
import { startGateway } from '../gateway.ts'
import { seconds, signer, signText, token, type Signer } from '../tokens.ts'
import { startUpstream } from '../upstream.ts'
import { ALLOWED, discover, grant, issuersYaml } from './bound-tokens.ts'
import { agent } from './named-issuers.ts'
import { APP, startProvider } from './openid-provider.ts'

const upstream = await startUpstream(t)
const trap = await startUpstream(t)
const own = signer('ES256', 'k1')
const provider = await startProvider(t, [own])
t.teardown(() => agent.destroy())
const gateway = await startGateway(
  t,
  `version: 1
listen: [ { address: "127.0.0.1:0" } ]
state: { dir: var }
${issuersYaml(provider)}services:
  - name: s
    url: ${upstream.url}
    routes:
      - { name: any, match: { paths: ["/any/*"] }, policies: { auth: { jwt: { issuers: [corp] } } } }
      - { name: bound, match: { paths: ["/bound"] }, policies: { auth: { jwt: { issuers: [corp], bound: required } } } }
      - { name: cookie, match: { paths: ["/cookie"] }, policies: { auth: { jwt: { issuers: [corp], cookie: session, header: x-token } } } }
`,
  { workers: 2 }
)
const base = `http://127.0.0.1:${gateway.port}`
const CHALLENGE = /^DPoP algs="RS256 [^"]*ES256[^"]*", error="invalid_token"$/

const as = await discover(provider)
const client = { client_id: APP.id }

/** A token bound to the key, as the library asks for one. */
async function bound(key: webcrypto.CryptoKeyPair, format: 'jwt' | 'opaque' = 'jwt'): Promise<string> {
  const DPoP = oauth.DPoP({}, key)
  const auth = oauth.ClientSecretBasic(APP.secret)
  const { access_token: text, token_type: type } = await grant(as, client, auth, format, { DPoP, ...ALLOWED })
  t.equal(type, 'dpop')
  return text
}

t.test('proofs of a real client library, over JWTs and opaque tokens, for several kinds of key', async (t) => {
  for (const [alg, format] of [
    ['ES256', 'jwt'],
    ['ES256', 'opaque'],
    ['Ed25519', 'jwt']
  ] as const) {
    const key = await oauth.generateKeyPair(alg)
    const text = await bound(key, format)
    const DPoP = oauth.DPoP({}, key)
    for (const [method, path] of [
      ['GET', '/any/a?b=c'],
      ['POST', '/any/%C3%A4/x'],
      ['GET', '/bound']
    ] as const) {
      const url = new URL(base + path)
      const answer = await oauth.protectedResourceRequest(text, method, url, new Headers(), null, { DPoP, ...ALLOWED })
      t.equal(answer.status, 200, `${alg} ${format} ${method} ${path}`)
      const { headers } = (await answer.json()) as { headers: Record<string, string> }
      t.match(headers, { authorization: undefined, dpop: undefined, 'x-issuer': 'corp' }, 'neither half is passed on')
    }
  }
})

const ES256 = { name: 'ECDSA', namedCurve: 'P-256' }
const raw = signer('ES256', '')
const { crv, kty, x, y } = raw.jwk as { crv: string; kty: string; x: string; y: string }
const PUBLIC = { crv, kty, x, y }
const keyPair = {
  privateKey: await importPrivate(raw),
  publicKey: await crypto.subtle.importKey('jwk', PUBLIC, ES256, true, ['verify'])
}
const bearer = await bound(keyPair)
const sha256 = (text: string): string => createHash('sha256').update(text).digest('base64url')

interface Change {
  header?: Record<string, unknown>
  claims?: Record<string, unknown>
  by?: Signer
}

/** A proof made here, right in everything but what `change` says. */
function proof({ header = {}, claims = {}, by = raw }: Change = {}, path = '/any/x'): string {
  const said = { jti: randomUUID(), htm: 'GET', htu: base + path, iat: seconds(), ath: sha256(bearer), ...claims }
  return signText(by, JSON.stringify({ typ: 'dpop+jwt', alg: 'ES256', jwk: PUBLIC, ...header }), JSON.stringify(said))
}

const send = (
  dpop: string | string[] | undefined,
  more: Record<string, string> = {},
  path = '/any/x'
): Promise<Reply> =>
  ask(gateway.port, path, {
    headers: { authorization: `DPoP ${bearer}`, ...(dpop === undefined ? {} : { dpop }), ...more },
    agent
  })

async function refusedFor(t: Test, name: string, reply: Reply, reason: RegExp, challenge = CHALLENGE): Promise<void> {
  t.equal(reply.status, 401, name)
  t.match(reply.headers['www-authenticate'], challenge, name)
  t.notMatch(reply.body, /proof|dpop|htu|jti/i)
  const { instance } = JSON.parse(reply.body) as { instance: string }
  const line = await gateway.line(({ id }) => id === instance)
  t.match(line, { policy: 'auth', problem: 'bad-credential', reason }, name)
}

t.test('what the cases are departures from', async (t) => {
  t.equal((await send(proof())).status, 200)
  t.equal(
    (await send(proof({ claims: { htu: `${base}/any/./x?q=1#f` } }))).status,
    200,
    'query and spelling don’t count'
  )
  t.equal(
    (await ask(gateway.port, '/any/x', { headers: { authorization: `dpop ${bearer}`, dpop: proof() } })).status,
    200
  )
})

const other = signer('ES256', '')
const rsa = generateKeyPairSync('rsa', { modulusLength: 2048 })
const cases: [string, Change, RegExp][] = [
  ['another method', { claims: { htm: 'POST' } }, /htm/],
  ['the method in another case', { claims: { htm: 'get' } }, /htm/],
  ['no method', { claims: { htm: undefined } }, /htm/],
  ['another path', { claims: { htu: `${base}/any/y` } }, /htu/],
  ['a path above', { claims: { htu: `${base}/any` } }, /htu/],
  ['another host', { claims: { htu: 'http://api.example/any/x' } }, /htu/],
  ['another port', { claims: { htu: 'http://127.0.0.1/any/x' } }, /htu/],
  ['another scheme', { claims: { htu: `https${base.slice(4)}/any/x` } }, /htu/],
  ['a user in the target', { claims: { htu: base.replace('//', '//u:p@') + '/any/x' } }, /htu/],
  ['a relative target', { claims: { htu: '/any/x' } }, /htu/],
  ['no target', { claims: { htu: undefined } }, /htu/],
  ['another token', { claims: { ath: sha256('other') } }, /ath/],
  ['no token', { claims: { ath: undefined } }, /ath/],
  ['the token’s hash in another coding', { claims: { ath: `${sha256(bearer)}=` } }, /ath/],
  ['yesterday', { claims: { iat: seconds() - 86_400 } }, /too long ago/],
  ['tomorrow', { claims: { iat: seconds() + 86_400 } }, /future/],
  ['no time', { claims: { iat: undefined } }, /iat is not a time/],
  ['a time as a text', { claims: { iat: String(seconds()) } }, /iat is not a time/],
  ['no name', { claims: { jti: undefined } }, /jti/],
  ['an empty name', { claims: { jti: '' } }, /jti/],
  ['a name without end', { claims: { jti: 'j'.repeat(257) } }, /jti/],
  ['a name that is a number', { claims: { jti: 1 } }, /jti/],
  ['another type', { header: { typ: 'JWT' } }, /typ/],
  ['no type', { header: { typ: undefined } }, /typ/],
  ['an access token’s type', { header: { typ: 'at+jwt' } }, /typ/],
  ['no signature', { header: { alg: 'none' } }, /alg/],
  ['a shared secret', { header: { alg: 'HS256', jwk: { kty: 'oct', k: x } } }, /jwk holds a private or shared key/],
  ['a MAC under the public key', { header: { alg: 'HS256' } }, /alg HS256 is not for such a key/],
  ['an algorithm of another curve', { header: { alg: 'ES384' } }, /alg ES384/],
  ['another key, and its signature', { header: { jwk: other.jwk }, by: other }, /another key/],
  ['the right key, and another’s signature', { by: other }, /signature is not by its key/],
  ['no key', { header: { jwk: undefined } }, /no jwk/],
  ['the private key', { header: { jwk: raw.privateKey.export({ format: 'jwk' }) } }, /private/],
  ['another spelling of the key', { header: { jwk: { ...PUBLIC, x: `${x}=` } } }, /no public key/],
  ['a short RSA key', { header: { alg: 'RS256', jwk: { kty: 'RSA', n: 'AQAB', e: 'AQAB' } } }, /another size/],
  ['an RSA key of its own', { header: { alg: 'RS256', jwk: rsa.publicKey.export({ format: 'jwk' }) } }, /another key/],
  ['a critical extension', { header: { crit: ['x'], x: 1 } }, /crit/],
  ['a key elsewhere', { header: { jwk: undefined, jku: `${trap.url}/k`, x5u: `${trap.url}/c`, kid: 'k1' } }, /no jwk/]
]
t.test('a proof of something else', async (t) => {
  for (const [name, change, reason] of cases) await refusedFor(t, name, await send(proof(change)), reason)
  t.strictSame(trap.seen, [], 'nothing that a proof names is fetched')
})

t.test('no proof, two, and what is none', async (t) => {
  await refusedFor(t, 'none', await send(undefined), /no DPoP proof comes along/)
  await refusedFor(t, 'two', await send([proof(), proof()]), /more than one DPoP proof/)
  for (const text of [
    '',
    'x',
    'a.b.c',
    '..',
    bearer,
    `${proof()}=`,
    `${proof()}.x`,
    proof().replace(/\.[^.]+$/, '.'),
    'x'.repeat(9000)
  ])
    await refusedFor(t, text.slice(0, 20), await send(text), /DPoP proof/)
})

t.test('a proof is good once, on whichever thread and however many send it at once', async (t) => {
  const once = proof()
  const connections = Array.from({ length: 12 }, () =>
    ask(gateway.port, '/any/x', { headers: { authorization: `DPoP ${bearer}`, dpop: once } })
  )
  const statuses = (await Promise.all(connections)).map(({ status }) => status)
  t.equal(statuses.filter((status) => status === 200).length, 1)
  t.equal(statuses.filter((status) => status === 401).length, 11)
  await refusedFor(t, 'later', await send(once), /used before/)
})

t.test('a bound token is no bearer token, and the other way round', async (t) => {
  const asBearer = await send(proof(), { authorization: `Bearer ${bearer}` })
  await refusedFor(t, 'as Bearer', asBearer, /does not come under the DPoP scheme/)
  const [cookie, header] = [
    await send(proof({}, '/cookie'), { cookie: `session=${bearer}`, authorization: '' }, '/cookie'),
    await send(proof({}, '/cookie'), { 'x-token': bearer, authorization: '' }, '/cookie')
  ]
  await refusedFor(t, 'in a cookie', cookie, /does not come under the DPoP scheme/)
  await refusedFor(t, 'in another header', header, /does not come under the DPoP scheme/)
  const plain = await provider.token()
  const elsewhere = { cookie: `session=${plain}`, authorization: `DPoP ${bearer}` }
  t.equal(
    (await send(undefined, elsewhere, '/cookie')).status,
    200,
    'a place that the route does not read says nothing'
  )
  const underDpop = await send(proof({ claims: { ath: sha256(plain) } }), { authorization: `DPoP ${plain}` })
  await refusedFor(t, 'an unbound token under DPoP', underDpop, /bound to no key/)
  t.equal((await ask(gateway.port, '/any/x', { headers: { authorization: `Bearer ${plain}` } })).status, 200)
  const required = await ask(gateway.port, '/bound', { headers: { authorization: `Bearer ${plain}` } })
  await refusedFor(t, 'where it is required', required, /bound to nothing/, /^(DPoP|Bearer)/)
  const { headers } = await ask(gateway.port, '/bound')
  t.match(headers['www-authenticate'], /^DPoP algs="[^"]+", Bearer$/, 'both ways to prove it are offered')
})

t.test('cnf that asks for a proof not understood here is refused', async (t) => {
  const claims = { iss: provider.issuer, aud: 'api', sub: 'u', exp: seconds() + 60 }
  for (const cnf of [{}, null, 'x', [], { jwk: PUBLIC }, { kid: 'x' }, { jkt: 1 }, { jkt: null }, { 'x5t#S256': {} }]) {
    const text = token(own, { ...claims, cnf })
    const reply = await ask(gateway.port, '/any/x', { headers: { authorization: `Bearer ${text}` } })
    await refusedFor(t, JSON.stringify(cnf), reply, /cnf names neither/, /^Bearer error/)
  }
})

async function importPrivate(by: Signer): Promise<webcrypto.CryptoKey> {
  const jwk = createPrivateKey(by.privateKey.export({ type: 'pkcs8', format: 'pem' })).export({ format: 'jwk' })
  return crypto.subtle.importKey('jwk', jwk as webcrypto.JsonWebKey, ES256, true, ['sign'])
}

import { generateKeyPairSync } from 'node:crypto'
import t from 'tap'
import { compilePlan } from '../../../src/control/compile/index.ts'
import { compile, errorsOf, folderOf, load, planOf, routeWith, saysExactly, warningsOf } from './configuration.ts'

const rsa = generateKeyPairSync('rsa', { modulusLength: 2048 })
const ed = generateKeyPairSync('ed25519')
const pem = (key: typeof rsa.publicKey): string => key.export({ type: 'spki', format: 'pem' }).toString()
const jwk = (key: typeof rsa.publicKey, more: object): object => ({ ...key.export({ format: 'jwk' }), ...more })

const HASH = 'a'.repeat(64)
const SECRET = 'Jk3!q9ZrT7vWx2Lm5Np8Ds4Fg6Hy1Bc0'

const issuer = (rest: string): string =>
  routeWith(
    'auth: { jwt: { issuers: [corp] } }',
    `issuers: [ { name: corp, issuer: "https://idp.example", audiences: [a], ${rest} } ]\n`
  )
const consumer = (rest: string): string => routeWith('auth: { key: true }', `consumers: [ { name: acme, ${rest} } ]\n`)

t.test('an audience is required of an issuer', async (t) => {
  saysExactly(t, errorsOf(issuer('jwks: "https://idp.example/k"').replace(' audiences: [a],', '')), [
    /issuers\[0\]: "audiences" is missing/
  ])
})

t.test('keys of an issuer: a url, over https or on loopback', async (t) => {
  t.strictSame(planOf(issuer('jwks: "https://idp.example/k"')).issuers[0]?.jwks, {
    kind: 'url',
    url: 'https://idp.example/k'
  })
  t.strictSame(errorsOf(issuer('jwks: "http://127.0.0.1:1/k"')), [])
  saysExactly(t, errorsOf(issuer('jwks: "http://idp.example/k"')), [/jwks: .*https/])
})

t.test('keys of an issuer: without jwks, found from its name', async (t) => {
  const named = (url: string): string => issuer('typ: JWT').replace('https://idp.example', url)
  t.strictSame(planOf(named('https://idp.example')).issuers[0]?.jwks, {
    kind: 'discovery',
    urls: [
      'https://idp.example/.well-known/openid-configuration',
      'https://idp.example/.well-known/oauth-authorization-server'
    ]
  })
  for (const url of ['https://idp.example:8443/realms/a', 'https://idp.example:8443/realms/a/'])
    t.strictSame(planOf(named(url)).issuers[0]?.jwks, {
      kind: 'discovery',
      urls: [
        'https://idp.example:8443/realms/a/.well-known/openid-configuration',
        'https://idp.example:8443/.well-known/oauth-authorization-server/realms/a'
      ]
    })
  t.strictSame(errorsOf(named('http://127.0.0.1:1')), [])
  for (const url of [
    'http://idp.example',
    'idp',
    'https://idp.example?a=b',
    'https://idp.example#',
    'https://u:p@idp.example'
  ])
    saysExactly(t, errorsOf(named(url)), [/issuers\[0\]\.issuer: .*say jwks/])
})

t.test('introspection: over https or on loopback, with the client’s name and secret form-encoded', async (t) => {
  const asked = (url: string, more = ''): string =>
    issuer(`introspection: { url: "${url}", clientId: "a:b", clientSecret: "s %"${more} }`)
  const { issuers, upstreams, routes } = planOf(asked('https://idp.example/introspect?x=1'))
  t.match(issuers[0]?.introspection, {
    host: 'idp.example',
    path: '/introspect?x=1',
    cache: 30_000,
    authorization: `Basic ${Buffer.from('a%3Ab:s+%25').toString('base64')}`
  })
  t.match(upstreams[issuers[0]?.introspection?.upstream ?? -1], {
    name: 'issuer:corp',
    targets: [{ host: 'idp.example', port: 443, tls: true }]
  })
  t.equal(routes[0]?.auth.jwt?.opaque, 'corp')
  t.equal(planOf(asked('http://127.0.0.1:1/i', ', cache: 0s')).issuers[0]?.introspection?.cache, 0)
  for (const url of [
    'http://idp.example/i',
    'ftp://idp.example',
    'https://u:p@idp.example/i',
    'https://idp.example/i#x'
  ])
    saysExactly(t, errorsOf(asked(url)), [/issuers\[0\]\.introspection\.url: /])
})

t.test('introspection: a route can’t tell whose an opaque token is when two of its issuers are asked', async (t) => {
  const of = (name: string): string =>
    `{ name: ${name}, issuer: "https://${name}.example", audiences: [a], introspection: { url: "https://${name}.example/i", clientId: a, clientSecret: b } }`
  const yaml = (auth: string): string =>
    routeWith(`auth: { jwt: { issuers: ${auth} } }`, `issuers: [ ${of('one')}, ${of('two')} ]\n`)
  t.strictSame(errorsOf(yaml('[two]')), [])
  saysExactly(t, errorsOf(yaml('[one, two]')), [/jwt\.issuers: one and two both have introspection/])
})

t.test('keys of an issuer: inline, each good for something', async (t) => {
  const inline = (...keys: object[]): string => issuer(`jwks: { keys: ${JSON.stringify(keys)} }`)
  t.strictSame(errorsOf(inline(jwk(rsa.publicKey, { kid: 'r' }), jwk(ed.publicKey, { kid: 'e' }))), [])
  saysExactly(t, warningsOf(inline(jwk(rsa.publicKey, { kid: 'r' }), jwk(ed.publicKey, { kid: 'enc', use: 'enc' }))), [
    /jwks\.keys: the key enc .*left out/
  ])
  saysExactly(t, errorsOf(inline(jwk(ed.publicKey, { kid: 'enc', use: 'enc' }))), [/jwks\.keys: .*no usable key/])
  saysExactly(t, errorsOf(inline(jwk(rsa.publicKey, { kid: 'r' }), { kty: 'RSA', kid: 'bad', n: 'AQAB', e: 'AQAB' })), [
    /jwks\.keys: the key bad /
  ])
  t.match(
    errorsOf(inline({ kty: 'oct', k: Buffer.from(SECRET).toString('base64url') })),
    [/jwks\.keys: /],
    'HMAC only where listed'
  )
  t.strictSame(
    errorsOf(
      inline({ kty: 'oct', kid: 'h', k: Buffer.from(SECRET).toString('base64url') }).replace(
        'audiences',
        'algorithms: [HS256], audiences'
      )
    ),
    []
  )
  t.match(errorsOf(inline(jwk(ed.privateKey, { kid: 'p' }))), [/private/])
})

t.test('keys of an issuer: a file, read and watched', async (t) => {
  const folder = folderOf({
    'keys.json': JSON.stringify({ keys: [jwk(rsa.publicKey, { kid: 'r' })] }),
    'broken.json': '{"keys"',
    'none.json': '{"keys":[]}'
  })
  for (const jwks of ['keys.json', '{ file: keys.json }']) {
    const { plan, files } = compile(issuer(`jwks: ${jwks}`), folder)
    t.strictSame(plan?.issuers[0]?.jwks, { kind: 'file', path: `${folder}/keys.json` })
    t.strictSame(files, [`${folder}/keys.json`])
  }
  saysExactly(t, errorsOf(issuer('jwks: none/such.json'), folder), [/jwks: .*such\.json does not exist/])
  saysExactly(t, errorsOf(issuer('jwks: broken.json'), folder), [/jwks: broken\.json: /])
  saysExactly(t, errorsOf(issuer('jwks: none.json'), folder), [/jwks: none\.json: .*no usable key/])
})

t.test('a key set file with other content is another digest', async (t) => {
  const digest = (keys: object[]): string =>
    planOf(issuer('jwks: keys.json'), folderOf({ 'keys.json': JSON.stringify({ keys }) })).digest
  const [one, two] = [jwk(rsa.publicKey, { kid: 'r' }), jwk(ed.publicKey, { kid: 'e' })]
  t.not(digest([one]), digest([one, two]))
})

t.test('every asymmetric algorithm is taken unless some are listed, HMAC never unasked', async (t) => {
  const all = planOf(issuer('jwks: "https://idp.example/k"')).issuers[0]?.algorithms ?? []
  for (const name of ['RS256', 'PS384', 'ES512', 'EdDSA']) t.ok(all.includes(name), name)
  t.notOk(all.some((name) => name.startsWith('HS') || name === 'none'))
  t.strictSame(planOf(issuer('jwks: "https://idp.example/k", algorithms: [ES256]')).issuers[0]?.algorithms, ['ES256'])
})

t.test('what identifies a consumer identifies no other', async (t) => {
  const two = (a: string, b: string): string =>
    issuer('consumerClaim: azp, jwks: "https://idp.example/k"').concat(
      `consumers: [ { name: a, ${a} }, { name: b, ${b} } ]\n`
    )
  const key = (id: string): string => `keys: [ { id: ${id}, hash: "sha256:${HASH}" } ]`
  saysExactly(t, errorsOf(two(key('k1'), key('k2'))), [/consumers\[1\]\.keys\[0\]\.hash: /])
  const client = 'clients: [ { issuer: corp, id: x } ]'
  saysExactly(t, errorsOf(two(client, client)), [/consumers\[1\]\.clients\[0\]/])
  const jwt = (iss: string): string => `jwt: [ { issuer: "${iss}", algorithm: HS256, secret: "${SECRET}" } ]`
  saysExactly(t, errorsOf(two(jwt('https://a.example'), jwt('https://a.example'))), [
    /consumers\[1\]\.jwt\[0\]\.issuer: /
  ])
  saysExactly(t, errorsOf(two(jwt('https://idp.example'), 'groups: [g]')), [/consumers\[0\]\.jwt\[0\]\.issuer: /])
  saysExactly(t, errorsOf(two('groups: [g]', 'groups: [g]').replace('name: b', 'name: a')), [/consumers\[1\]\.name: /])
})

t.test('a key that expires does so at the first instant of its day', async (t) => {
  const plan = planOf(consumer(`keys: [ { id: k, hash: "sha256:${HASH}", expires: 2027-01-01 } ]`))
  t.strictSame(plan.consumers[0]?.keys[0]?.expires, Date.UTC(2027, 0, 1))
  t.equal(plan.consumers[0]?.keys[0]?.hash, HASH)
  saysExactly(t, errorsOf(consumer(`keys: [ { id: k, hash: "sha256:${HASH}", expires: 2027-02-30 } ]`)), [/expires: /])
})

t.test('a key has no scope that its consumer lacks', async (t) => {
  const yaml = consumer(`scopes: [a], keys: [ { id: k, hash: "sha256:${HASH}", scopes: [a, b] } ]`)
  t.strictSame(planOf(yaml).consumers[0]?.keys[0]?.scopes, ['a'])
  saysExactly(t, warningsOf(yaml), [/keys\[0\]\.scopes: .*never gets b/])
})

t.test('a client at an issuer that names none is warned of', async (t) => {
  const yaml = issuer('jwks: "https://idp.example/k"').concat(
    'consumers: [ { name: a, clients: [ { issuer: corp, id: x } ] } ]\n'
  )
  saysExactly(t, warningsOf(yaml), [/consumers\[0\]\.clients\[0\]\.issuer: corp has no consumerClaim/])
})

t.test('keys of tokens that a consumer signs: PEM as path or text, JWK, secret', async (t) => {
  const folder = folderOf({ 'ed.pem': pem(ed.publicKey) })
  const der = new Uint8Array(ed.publicKey.export({ type: 'spki', format: 'der' }))
  for (const key of ['ed.pem', JSON.stringify(pem(ed.publicKey)), JSON.stringify(jwk(ed.publicKey, {}))]) {
    const plan = planOf(consumer(`jwt: [ { issuer: i, algorithm: EdDSA, publicKey: ${key} } ]`), folder)
    t.match(plan.consumers[0]?.jwt[0], { issuer: 'i', key: { algorithms: ['EdDSA'], secret: false, material: der } })
  }
  const hmac = planOf(consumer(`jwt: [ { issuer: i, algorithm: HS256, secret: "${SECRET}" } ]`))
  t.strictSame(hmac.consumers[0]?.jwt[0]?.key.material, new Uint8Array(Buffer.from(SECRET, 'utf8')))
})

t.test('one key with two consumers is two keys to a cache', async (t) => {
  const jwt = (iss: string): string =>
    `jwt: [ { issuer: ${iss}, algorithm: EdDSA, publicKey: ${JSON.stringify(jwk(ed.publicKey, {}))} } ]`
  const plan = planOf(
    routeWith('auth: { key: true }', `consumers: [ { name: a, ${jwt('i')} }, { name: b, ${jwt('j')} } ]\n`)
  )
  const [a, b] = plan.consumers.map((one) => one.jwt[0]?.key)
  t.not(a?.id, b?.id)
  t.strictSame(a?.material, b?.material)
})

t.test('a key that can’t do what its algorithm asks is refused', async (t) => {
  const jwt = (text: string): string => consumer(`jwt: [ { issuer: i, ${text} } ]`)
  const text = (key: typeof rsa.publicKey): string => JSON.stringify(pem(key))
  saysExactly(t, errorsOf(jwt(`algorithm: RS256, publicKey: ${text(ed.publicKey)}`)), [/jwt\[0\]\.publicKey: the key /])
  saysExactly(t, errorsOf(jwt(`algorithm: ES256, publicKey: ${text(rsa.publicKey)}`)), [
    /jwt\[0\]\.publicKey: the key /
  ])
  saysExactly(t, errorsOf(jwt(`algorithm: HS256, publicKey: ${text(rsa.publicKey)}`)), [/jwt\[0\]\.publicKey: /])
  saysExactly(t, errorsOf(jwt(`algorithm: RS256, secret: "${SECRET}"`)), [/jwt\[0\]\.secret: /])
  saysExactly(t, errorsOf(jwt('algorithm: HS256, secret: tooshort')), [/jwt\[0\]\.secret: .*32/])
  saysExactly(t, errorsOf(jwt(`algorithm: HS512, secret: "${SECRET}"`)), [/jwt\[0\]\.secret: .*64/])
  const privatePem = ed.privateKey.export({ type: 'pkcs8', format: 'pem' }).toString()
  saysExactly(t, errorsOf(jwt(`algorithm: EdDSA, publicKey: ${JSON.stringify(privatePem)}`)), [
    /jwt\[0\]\.publicKey: .*private key/
  ])
  saysExactly(t, errorsOf(jwt('algorithm: EdDSA, publicKey: nosuch.pem')), [
    /jwt\[0\]\.publicKey: .*nosuch\.pem does not exist/
  ])
})

t.test('without secrets, what stands in for them is not judged', async (t) => {
  const jwks = issuer('jwks: "${env:NO_JWKS}"').replace('auth:', "authorize: { when: '${env:NO_RULE}' }, auth:")
  for (const yaml of [consumer('jwt: [ { issuer: i, algorithm: HS512, secret: "${env:NO_SECRET}" } ]'), jwks]) {
    const loaded = load(yaml, folderOf(), { secrets: false })
    const { plan, findings } = compilePlan(loaded, { generation: 1, stateDir: '/state', writeFiles: false })
    t.strictSame(findings, [])
    t.ok(plan)
  }
})

t.test('addresses of a consumer: blocks, and never an empty list', async (t) => {
  const [acme] = planOf(consumer('ip: ["203.0.113.7", "2001:db8::/32"]')).consumers
  t.match(acme?.ip, { blocks: ['203.0.113.7', '2001:db8::/32'], where: /^g\.yaml:\d+:\d+$/ })
  t.equal(planOf(consumer('groups: [a]')).consumers[0]?.ip, null)
  for (const bad of [
    '[]',
    '["203.0.113.0/33"]',
    '[example.com]',
    '["1.2.3"]',
    '203.0.113.7',
    '[7]',
    '{ allow: ["::/0"] }'
  ])
    saysExactly(t, errorsOf(consumer(`ip: ${bad}`)), [/consumers\[0\]\.ip/], bad)
})

/** Tokens bound to a client certificate (RFC 8705), as a real OpenID provider binds them. */
import * as oauth from 'oauth4webapi'
import t from 'tap'
import { Agent, fetch as fetchOver } from 'undici'
import { makeCertificate, type MadeCertificate } from '../../control/compile/certificate.ts'
import { testCertificate } from '../certificates.ts'
import { connectTls } from '../connection.ts'
import { startGateway } from '../gateway.ts'
import { signer } from '../tokens.ts'
import { startUpstream } from '../upstream.ts'
import { ALLOWED, discover, grant, issuersYaml } from './bound-tokens.ts'
import { FLEET, startProvider } from './openid-provider.ts'

const server = await testCertificate('server', ['one.test'])
const authority = await makeCertificate('ca')
const [mine, other] = [
  await makeCertificate('mine', { by: authority }),
  await makeCertificate('other', { by: authority })
]
const upstream = await startUpstream(t)
const own = signer('ES256', 'k1')
const provider = await startProvider(t, [own])
const gateway = await startGateway(
  t,
  `version: 1
listen:
  - { name: asks, address: "127.0.0.1:0", tls: { clientCertificates: { ca: ca.pem } } }
  - { name: plain, address: "127.0.0.1:0", tls: true }
tls: { certificates: [ ${server.yaml} ] }
state: { dir: var }
${issuersYaml(provider)}services:
  - name: s
    url: ${upstream.url}
    routes:
      - { name: any, match: { paths: ["/any"] }, policies: { auth: { jwt: { issuers: [corp] } } } }
      - { name: bound, match: { paths: ["/bound"] }, policies: { auth: { jwt: { issuers: [corp], bound: required } } } }
`,
  { files: { ...server.files, 'ca.pem': authority.cert }, workers: 1 }
)
const [asks = 0, plain = 0] = gateway.ports

async function get(port: number, path: string, authorization: string, by?: MadeCertificate): Promise<number> {
  const pair = by === undefined ? {} : { cert: by.cert, key: by.key }
  const connection = await connectTls(port, { ca: server.ca, servername: 'one.test', ...pair })
  try {
    const head = `GET ${path} HTTP/1.1\r\nHost: one.test\r\nAuthorization: ${authorization}\r\n\r\n`
    return (await connection.send(head).response()).status
  } finally {
    connection.close()
  }
}

for (const format of ['jwt', 'opaque'] as const) {
  t.test(`a ${format} token is good with its certificate, and with no other`, async (t) => {
    const token = await provider.boundToken(format, mine.cert)
    const bearer = `Bearer ${token}`
    t.equal(await get(asks, '/any', bearer, mine), 200)
    t.equal(await get(asks, '/bound', bearer, mine), 200)
    t.equal(await get(asks, '/any', bearer, other), 401, 'cached or not')
    t.equal(await get(asks, '/any', bearer), 401, 'without a certificate')
    t.equal(await get(plain, '/any', bearer), 401, 'where nobody asks for one')
    t.equal(await get(asks, '/any', `DPoP ${token}`, mine), 401, 'under a scheme that promises another proof')
    t.equal(await get(asks, '/any', bearer, mine), 200)
  })
}

t.test('a certificate binds no token that names none', async (t) => {
  const bearer = `Bearer ${await provider.token()}`
  t.equal(await get(asks, '/any', bearer, mine), 200)
  t.equal(await get(asks, '/bound', bearer, mine), 401)
})

/** How the library sends what it sends over mutual TLS, as its documentation has it for Node.js. */
function over(by: MadeCertificate): object {
  const dispatcher = new Agent({ connect: { ca: [server.ca], cert: by.cert, key: by.key } })
  t.teardown(() => dispatcher.destroy())
  const send = (url: string, options: object): Promise<unknown> => fetchOver(url, { ...options, dispatcher })
  return { [oauth.customFetch]: send, ...ALLOWED }
}

t.test(
  'a client library from the registry: the certificate is its credential at the provider and its proof here',
  async (t) => {
    const names = [{ type: 'dns' as const, value: FLEET.name }]
    const [certified, impostor, renewed] = [
      await makeCertificate('fleet', { by: authority, names }),
      await makeCertificate('fleet', { names, by: await makeCertificate('stranger') }),
      await makeCertificate('fleet', { by: authority, names })
    ]
    await provider.askForCertificates(t, {
      cert: server.files['server.pem'],
      key: server.files['server.key'],
      ca: authority.cert
    })
    provider.use(own)
    const as = await discover(provider)
    const client = { client_id: FLEET.id, use_mtls_endpoint_aliases: true }
    const auth = oauth.TlsClientAuth()

    for (const format of ['jwt', 'opaque'] as const) {
      const ask = async (by: MadeCertificate): Promise<string> =>
        (await grant(as, client, auth, format, over(by))).access_token
      t.match(await t.rejects(ask(impostor)), { error: 'invalid_client' }, 'the provider looks at certificates')
      const bearer = await ask(certified)
      const call = (path: string, by: MadeCertificate): Promise<Response> =>
        oauth.protectedResourceRequest(
          bearer,
          'GET',
          new URL(`https://127.0.0.1:${asks}${path}`),
          undefined,
          null,
          over(by)
        )
      for (const path of ['/any', '/bound']) {
        const answer = await call(path, certified)
        t.equal(answer.status, 200)
        const { headers } = (await answer.json()) as { headers: Record<string, string> }
        t.match(headers, { 'x-issuer': 'corp', 'x-auth-method': 'jwt', authorization: undefined })
        // The library reads the challenge of a 401 and throws it.
        const refusal = await t.rejects(call(path, renewed), 'another certificate of the same name and authority')
        t.match(refusal, { status: 401 })
      }
      const line = await gateway.line(({ reason }) => /bound to another client certificate/.test(String(reason)))
      t.match(line, { policy: 'auth', problem: 'bad-credential', status: 401 })
    }
  }
)

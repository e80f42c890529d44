/** Tokens bound to a client certificate (RFC 8705), as a real OpenID provider binds them. */
import t from 'tap'
import { makeCertificate, type MadeCertificate } from '../../control/compile/certificate.ts'
import { testCertificate } from '../certificates.ts'
import { connectTls } from '../connection.ts'
import { startGateway } from '../gateway.ts'
import { signer } from '../tokens.ts'
import { startUpstream } from '../upstream.ts'
import { GATEWAY, startProvider } from './openid-provider.ts'

const server = await testCertificate('server', ['one.test'])
const authority = await makeCertificate('ca')
const [mine, other] = [
  await makeCertificate('mine', { by: authority }),
  await makeCertificate('other', { by: authority })
]
const upstream = await startUpstream(t)
const provider = await startProvider(t, [signer('ES256', 'k1')])
const gateway = await startGateway(
  t,
  `version: 1
listen:
  - { name: asks, address: "127.0.0.1:0", tls: { clientCertificates: { ca: ca.pem } } }
  - { name: plain, address: "127.0.0.1:0", tls: true }
tls: { certificates: [ ${server.yaml} ] }
state: { dir: var }
issuers:
  - name: corp
    issuer: "${provider.issuer}"
    audiences: [api]
    introspection: { url: "${provider.issuer}/token/introspection", clientId: ${GATEWAY.id}, clientSecret: "${GATEWAY.secret}" }
services:
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

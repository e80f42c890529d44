import { readFileSync, statSync } from 'node:fs'
import t from 'tap'
import { makeCertificate } from './certificate.ts'
import { compile, errorsOf, folderOf, planOf, saysExactly, warningsOf } from './configuration.ts'

const server = await makeCertificate('a', { names: [{ type: 'dns', value: 'a.example' }] })
const authority = await makeCertificate('authority')
const old = await makeCertificate('old authority', { from: -20, to: -10 })
const PRINT = `sha256:${'0A:'.repeat(31)}0A`

function yaml(asked: string, auth = 'certificate: true', certificates = '{ san: "DNS:A.example" }'): string {
  return `version: 1
listen: [ { address: "127.0.0.1:0", tls: ${asked} } ]
tls: { certificates: [ { hosts: [a.example], cert: c.pem, key: k.pem } ] }
services: [ { name: s, url: "http://127.0.0.1:9", policies: { auth: { ${auth} } }, routes: [ { name: r, match: { paths: [/] } } ] } ]
consumers:
  - { name: acme, certificates: [ ${certificates} ] }
  - { name: other, certificates: [ { san: "IP:2001:DB8:0::1" }, { fingerprint: "${PRINT}" } ] }
`
}

const folder = (ca: string): string => folderOf({ 'c.pem': server.cert, 'k.pem': server.key, 'ca.pem': ca })
const ASKED = '{ clientCertificates: { ca: ca.pem } }'

t.test('a private copy of exactly what was checked, named by its content', async (t) => {
  const bundle = authority.cert + old.cert
  const { plan } = compile(yaml(ASKED), folder(bundle), { writeFiles: true })
  const asked = plan?.listeners[0]?.clientCertificates
  t.match(asked, { required: false, where: /^g\.yaml:2:/ })
  const file = asked?.caFile ?? ''
  t.equal(readFileSync(file, 'utf8'), bundle)
  t.equal(statSync(file).mode & 0o777, 0o600)
  const other = compile(yaml(ASKED), folder(authority.cert)).plan
  t.not(other?.digest, plan?.digest, 'other authorities make another generation')
  t.match(planOf(yaml('{ clientCertificates: { ca: ca.pem, required: true } }'), folder(bundle)).listeners[0], {
    tls: true,
    clientCertificates: { required: true }
  })
})

t.test('authorities that can’t vouch are refused by name', async (t) => {
  for (const [ca, message] of [
    [server.cert, /2:\d+ listen\[0\]\.tls\.clientCertificates\.ca: the certificate is not an authority's/],
    [authority.cert + server.cert, /certificate 2 of 2 is not an authority's/],
    ['', /holds no certificate/],
    [authority.cert.replace(/\n.{20}/, '\n'), /damaged/]
  ] as const) {
    saysExactly(t, errorsOf(yaml(ASKED), folder(ca)), [message])
  }
  saysExactly(t, errorsOf(yaml('{ clientCertificates: { ca: none.pem } }'), folder('')), [/none\.pem .*/])
  saysExactly(t, warningsOf(yaml(ASKED), folder(old.cert)), [/expired on .*: clients it vouches for are refused/])
})

t.test('auth: certificate where nobody is asked for one', async (t) => {
  saysExactly(t, warningsOf(yaml('true'), folder('')), [/auth\.certificate: no listener asks for client certificates/])
})

t.test('names are compared in one spelling, and each belongs to one consumer', async (t) => {
  const { consumers } = planOf(yaml(ASKED), folder(authority.cert))
  t.strictSame(
    consumers.map(({ certificates }) => certificates.map(({ name }) => name)),
    [['DNS:a.example'], ['IP:2001:db8::1', `sha256:${'0a'.repeat(32)}`]]
  )
  for (const taken of ['{ san: "IP:2001:db8::1" }', `{ fingerprint: "sha256:${'0a'.repeat(32)}" }`]) {
    const errors = errorsOf(yaml(ASKED, 'certificate: true', taken), folder(authority.cert))
    saysExactly(t, errors, [
      /7:\d+ consumers\[1\]\.certificates\[\d\]\.(?:san|fingerprint): .* is taken: see g\.yaml:6:/
    ])
  }
})

t.test('what is no alternative name, or no fingerprint', async (t) => {
  for (const wrong of [
    '{ san: "client.example" }',
    '{ san: "DNS:*.example.com" }',
    '{ san: "DNS:" }',
    '{ san: "IP:1.2.3" }',
    '{ san: "URI:relative/path" }',
    '{ san: "email:nobody" }',
    '{ san: "dns:a.example" }',
    '{ fingerprint: "sha256:00" }',
    '{ fingerprint: "sha1:00" }'
  ]) {
    const errors = errorsOf(yaml(ASKED, 'certificate: true', wrong), folder(authority.cert))
    saysExactly(t, errors, [/consumers\[0\]\.certificates\[0\]\.(?:san|fingerprint): expected /], wrong)
  }
  const both = errorsOf(
    yaml(ASKED, 'certificate: true', `{ san: "DNS:a", fingerprint: "${PRINT}" }`),
    folder(authority.cert)
  )
  t.match(both[0], /exclude each other/)
})

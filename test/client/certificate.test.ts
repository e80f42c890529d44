import 'reflect-metadata'
import * as x509 from '@peculiar/x509'
import t from 'tap'
import { alternativeNames, ClientCertificates, parseClientCertificate } from '../../src/client/certificate.ts'
import { makeCertificate } from '../control/compile/certificate.ts'
import { forgeCertificate } from '../e2e/forge.ts'

const made = await makeCertificate('client 1, O=Acme\\, Inc.', {
  names: [
    { type: 'dns', value: 'Client.Example' },
    { type: 'url', value: 'spiffe://acme/a' },
    { type: 'email', value: 'Ops@acme.example' },
    { type: 'ip', value: '192.0.2.7' },
    { type: 'ip', value: '2001:db8:0:0:0:0:0:1' }
  ]
})

t.test('subject, names in one spelling, fingerprint, dates', async (t) => {
  const certificate = parseClientCertificate(made.cert)
  t.strictSame(certificate.sans, [
    'DNS:client.example',
    'URI:spiffe://acme/a',
    'email:Ops@acme.example',
    'IP:192.0.2.7',
    'IP:2001:db8::1'
  ])
  t.match(certificate.fingerprint, /^sha256:[0-9a-f]{64}$/)
  t.match(certificate.subject, /O=Acme\\, Inc\.,CN=client 1$|^O=Acme\\, Inc\.,CN=client 1$/)
  t.ok(certificate.from < Date.now() && Date.now() < certificate.until)
  t.ok(Object.isFrozen(certificate) && Object.isFrozen(certificate.sans))
})

t.test('a key or a signature that can be forged is a weakness', async (t) => {
  t.equal(parseClientCertificate(made.cert).weakness, '')
  for (const [wishes, weakness] of [
    [{ bits: 2048 }, ''],
    [{ bits: 2047 }, 'has an RSA key of 2047 bits'],
    [{ bits: 1024 }, 'has an RSA key of 1024 bits'],
    [{ digest: 'sha512' }, ''],
    [{ digest: 'sha1' }, 'is signed with SHA-1'],
    // Long enough that its lengths take three bytes.
    [
      {
        digest: 'sha1',
        names: Array.from({ length: 4000 }, () => ({ type: 'dns' as const, value: 'client.example' }))
      },
      'is signed with SHA-1'
    ]
  ] as const)
    t.equal(parseClientCertificate(forgeCertificate('client', wishes).cert).weakness, weakness)
  for (const [hash, weakness] of [
    ['SHA-256', ''],
    ['SHA-1', 'is signed with SHA-1']
  ] as const) {
    const { keys } = made.issuer
    const signingAlgorithm = { name: 'ECDSA', namedCurve: 'P-256', hash }
    const own = await x509.X509CertificateGenerator.createSelfSigned({ name: 'CN=x', keys, signingAlgorithm })
    t.equal(parseClientCertificate(own.toString('pem')).weakness, weakness, `ECDSA with ${hash}`)
  }
})

t.test('a certificate without alternative names has none', async (t) => {
  t.strictSame(parseClientCertificate((await makeCertificate('bare')).cert).sans, [])
  t.throws(() => parseClientCertificate('-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n'))
})

t.test('each text is parsed once; none is no certificate', async (t) => {
  const certificates = new ClientCertificates()
  t.equal(certificates.read(''), null)
  const first = certificates.read(made.cert)
  t.equal(certificates.read(made.cert), first)
})

t.test('a name that holds another name’s text is still one name (CVE-2021-44532)', async (t) => {
  for (const [text, names] of [
    ['', []],
    ['DNS:a.example', ['DNS:a.example']],
    ['DNS:a.example, URI:urn:x', ['DNS:a.example', 'URI:urn:x']],
    ['DNS:"a.example, DNS:victim.example", DNS:c.example', ['DNS:a.example, dns:victim.example', 'DNS:c.example']],
    ['URI:"x\\", DNS:victim.example"', ['URI:x", DNS:victim.example']],
    ['othername:<unsupported>, DNS:b', ['othername:<unsupported>', 'DNS:b']],
    ['DNS:"unfinished, DNS:victim.example', []],
    ['DNS', []]
  ] as const) {
    t.strictSame(alternativeNames(text), names, text)
  }
})

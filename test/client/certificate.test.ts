import t from 'tap'
import { alternativeNames, ClientCertificates, parseClientCertificate } from '../../src/client/certificate.ts'
import { makeCertificate } from '../control/compile/certificate.ts'

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

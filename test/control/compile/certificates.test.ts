import { readFileSync, statSync, writeFileSync, existsSync, chmodSync } from 'node:fs'
import { X509Certificate } from 'node:crypto'
import { join } from 'node:path'
import t from 'tap'
import type { CertificatePlan } from '../../../src/plan/certificate.ts'
import { makeCertificate } from './certificate.ts'
import { compile, errorsOf, folderOf, planOf, saysExactly, warningsOf } from './configuration.ts'

const dns = (value: string) => ({ type: 'dns' as const, value })
const good = await makeCertificate('a', {
  names: [
    dns('api.example.com'),
    dns('*.Example.org'),
    { type: 'ip', value: '192.0.2.1' },
    { type: 'ip', value: '2001:db8::1' }
  ]
})

function yaml(certificates: string): string {
  return `version: 1
listen: [ { address: "127.0.0.1:0", tls: true } ]
tls: { certificates: [ ${certificates} ] }
services: [ { name: s, url: "http://127.0.0.1:9", policies: { auth: public }, routes: [ { name: r, match: { paths: [/] } } ] } ]
`
}

const ONE = yaml('{ hosts: [API.example.com], cert: c.pem, key: k.pem }')
const files = { 'c.pem': good.cert, 'k.pem': good.key }

function first(plan: { certificates: CertificatePlan[] } | null): CertificatePlan {
  const certificate = plan?.certificates[0]
  if (!certificate) throw new Error('no certificate')
  return certificate
}

t.test('covers its hosts and every alternative name, in one spelling', async (t) => {
  const certificate = first(planOf(ONE, folderOf(files)))
  t.strictSame(certificate.hosts, ['api.example.com'])
  t.strictSame(certificate.covers, ['api.example.com', '*.example.org', '192.0.2.1', '2001:db8::1'])
  const leaf = new X509Certificate(good.cert)
  t.equal(certificate.fingerprint, leaf.fingerprint256.replaceAll(':', '').toLowerCase())
  t.equal(certificate.notAfter, leaf.validToDate.getTime())
})

t.test('takes PEM text in place, and addresses among hosts', async (t) => {
  const text = (pem: string): string => JSON.stringify(pem)
  const certificate = first(
    planOf(yaml(`{ hosts: ["192.0.2.1", x.example.org], cert: ${text(good.cert)}, key: ${text(good.key)} }`))
  )
  t.strictSame(certificate.hosts, ['x.example.org'], 'no client sends an address as server name')
  t.ok(certificate.covers.includes('192.0.2.1'))
})

t.test('keeps private copies of exactly what was checked', async (t) => {
  const folder = folderOf(files)
  const { plan } = compile(ONE, folder, { writeFiles: true })
  const { certFile, keyFile } = first(plan)
  t.equal(readFileSync(certFile, 'utf8'), good.cert)
  t.equal(readFileSync(keyFile, 'utf8'), good.key)
  t.equal(statSync(keyFile).mode & 0o777, 0o600)
  t.equal(statSync(certFile).mode & 0o777, 0o600)
  t.equal(statSync(join(folder, 'var', 'tls')).mode & 0o777, 0o700)
  const before = statSync(certFile).mtimeMs
  chmodSync(keyFile, 0o644)
  compile(ONE, folder, { writeFiles: true })
  t.equal(statSync(certFile).mtimeMs, before, 'a copy that is right is left alone')
  t.equal(statSync(keyFile).mode & 0o777, 0o600, 'but for its mode')
})

t.test('a damaged copy is written anew, and one of other content goes beside it', async (t) => {
  const folder = folderOf(files)
  const { certFile } = first(compile(ONE, folder, { writeFiles: true }).plan)
  writeFileSync(certFile, 'half a certif')
  compile(ONE, folder, { writeFiles: true })
  t.equal(readFileSync(certFile, 'utf8'), good.cert)
  const other = await makeCertificate('b', { names: [dns('api.example.com')] })
  writeFileSync(join(folder, 'c.pem'), other.cert)
  writeFileSync(join(folder, 'k.pem'), other.key)
  const renewed = first(compile(ONE, folder, { writeFiles: true }).plan)
  t.not(renewed.certFile, certFile)
  t.ok(existsSync(certFile), 'a draining generation may still read the old one')
})

t.test('writes nothing for check', async (t) => {
  const folder = folderOf(files)
  t.notOk(existsSync(first(compile(ONE, folder, { writeFiles: false }).plan).certFile))
  t.notOk(existsSync(join(folder, 'var')))
})

t.test('says where no copy can be kept', async (t) => {
  const folder = folderOf({ ...files, var: 'a file where a directory should be' })
  const { plan, findings } = compile(ONE, folder, { writeFiles: true })
  t.equal(plan, null)
  t.match(findings, [
    { severity: 'error', path: 'tls.certificates[0].cert', message: /no private copy can be kept in .*tls/ }
  ])
})

t.test('names the files for watching, found or not', async (t) => {
  const folder = folderOf({ 'k.pem': good.key })
  t.strictSame(compile(ONE, folder).files, [join(folder, 'c.pem'), join(folder, 'k.pem')])
  saysExactly(t, errorsOf(ONE, folder), [/^3:58 tls\.certificates\[0\]\.cert: .*c\.pem does not exist/])
})

t.test('refuses what TLS could not use', async (t) => {
  const other = await makeCertificate('other', { names: [dns('api.example.com')] })
  const weak = await makeCertificate('weak', { names: [dns('api.example.com')], rsaBits: 1024 })
  const cases: [string, Record<string, string>, RegExp][] = [
    ['no PEM', { ...files, 'c.pem': 'hello' }, /\.cert: holds no certificate/],
    ['damaged', { ...files, 'c.pem': good.cert.replace(/\n.{40}/, '\nAAAA') }, /\.cert: certificate 1 of 1 is damaged/],
    ['no key', { ...files, 'k.pem': good.cert }, /\.key: holds no private key/],
    [
      'a damaged key',
      { ...files, 'k.pem': good.key.replace(/\n.{40}/, '\nAAAA') },
      /\.key: the private key is damaged/
    ],
    [
      'an encrypted key',
      { ...files, 'k.pem': '-----BEGIN ENCRYPTED PRIVATE KEY-----\nAAAA\n-----END ENCRYPTED PRIVATE KEY-----\n' },
      /\.key: the private key is encrypted/
    ],
    ["another's key", { ...files, 'k.pem': other.key }, /\.key: the private key doesn't fit the certificate$/],
    [
      'the chain before the leaf',
      { 'c.pem': other.cert + good.cert, 'k.pem': good.key },
      /fits certificate 2 of the file/
    ],
    ['a short RSA key', { 'c.pem': weak.cert, 'k.pem': weak.key }, /\.key: an RSA key of 1024 bits/]
  ]
  for (const [name, content, expected] of cases) saysExactly(t, errorsOf(ONE, folderOf(content)), [expected], name)
})

t.test('no key is ever in a message', async (t) => {
  const body = good.key.split('\n')[1] ?? ''
  for (const pem of [good.key.replace('END', 'ENT'), good.key.slice(0, 100)])
    t.notOk(errorsOf(ONE, folderOf({ ...files, 'k.pem': pem })).some((text) => text.includes(body.slice(0, 20))))
})

t.test('one host belongs to one certificate', async (t) => {
  const two = yaml(
    '{ hosts: [api.example.com], cert: c.pem, key: k.pem }, { hosts: [API.example.com], cert: c.pem, key: k.pem }'
  )
  saysExactly(t, errorsOf(two, folderOf(files)), [
    /^3:\d+ tls\.certificates\[1\]: api\.example\.com is answered by .*g\.yaml:3:24 already/
  ])
})

t.test('warns of what clients will refuse, and starts all the same', async (t) => {
  const names = [dns('api.example.com')]
  const expired = await makeCertificate('a', { names, from: -9, to: -2 })
  const soon = await makeCertificate('a', { names, to: 13 })
  const early = await makeCertificate('a', { names, from: 2 })
  const cases = [
    [expired, /the certificate expired on \d{4}-\d\d-\d\d/],
    [soon, /expires on .* in less than 14 days/],
    [early, /is valid from .* only/]
  ] as const
  for (const [{ cert, key }, expected] of cases) {
    const folder = folderOf({ 'c.pem': cert, 'k.pem': key })
    saysExactly(t, warningsOf(ONE, folder), [expected])
    t.strictSame(errorsOf(ONE, folder), [])
  }
  t.strictSame(warningsOf(ONE, folderOf(files)), [])
  t.match(
    warningsOf(ONE.replace('API.example.com', '"a.b.example.org", x.example.org'), folderOf(files)),
    [/hosts\[0\]: the certificate doesn't cover a\.b\.example\.org/],
    'a wildcard is one label'
  )
})

t.test('knows a chain in its order from one that is not', async (t) => {
  const root = await makeCertificate('root')
  const leaf = await makeCertificate('leaf', { names: [dns('api.example.com')], by: root })
  const stranger = await makeCertificate('stranger')
  t.strictSame(warningsOf(ONE, folderOf({ 'c.pem': leaf.cert + root.cert, 'k.pem': leaf.key })), [])
  saysExactly(t, warningsOf(ONE, folderOf({ 'c.pem': leaf.cert + stranger.cert, 'k.pem': leaf.key })), [
    /certificate 2 of the file didn't issue certificate 1/
  ])
})

t.test('a changed chain or key is another digest', async (t) => {
  const root = await makeCertificate('root')
  const leaf = await makeCertificate('leaf', { names: [dns('api.example.com')], by: root })
  const digest = (cert: string): string => planOf(ONE, folderOf({ 'c.pem': cert, 'k.pem': leaf.key })).digest
  t.equal(digest(leaf.cert), digest(leaf.cert))
  t.not(digest(leaf.cert), digest(leaf.cert + root.cert))
})

t.test('certificates nobody uses are said', async (t) => {
  saysExactly(t, warningsOf(ONE.replace(', tls: true', ''), folderOf(files)), [
    /tls\.certificates: no listener speaks TLS/
  ])
})

t.test('a redirect to https goes to the port of the first TLS listener', async (t) => {
  const listeners =
    '{ name: plain, address: "127.0.0.1:0", redirect: https }, { address: "127.0.0.1:8443", tls: true }, { address: "127.0.0.1:9443", tls: true }'
  const { listeners: plans } = planOf(ONE.replace('{ address: "127.0.0.1:0", tls: true }', listeners), folderOf(files))
  t.strictSame(plans[0]?.redirect, { port: 8443 })
})

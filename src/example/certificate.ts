/** The example's certificate authority and server certificate: Node.js can read certificates but not make them. */
import 'reflect-metadata'
import * as x509 from '@peculiar/x509'

export interface MadeCertificate {
  /** PEM of the authority: what a client trusts. Its private key is forgotten at once. */
  ca: string
  /** PEM of the server's certificate. */
  certificate: string
  /** PEM (PKCS #8) of the server's private key. */
  key: string
}

const CURVE = { name: 'ECDSA', namedCurve: 'P-256', hash: 'SHA-256' }

/** For `hosts` and the loopback addresses, valid from an hour ago (clocks differ) for `days`. */
export async function makeCertificate(hosts: readonly string[], days: number): Promise<MadeCertificate> {
  x509.cryptoProvider.set(crypto)
  const notBefore = new Date(Date.now() - 3_600_000)
  const notAfter = new Date(Date.now() + days * 86_400_000)
  const authority = await crypto.subtle.generateKey(CURVE, true, ['sign', 'verify'])
  const ca = await x509.X509CertificateGenerator.createSelfSigned({
    name: 'CN=Gatehouse example authority',
    notBefore,
    notAfter,
    keys: authority,
    signingAlgorithm: CURVE,
    extensions: [
      new x509.BasicConstraintsExtension(true, 0, true),
      new x509.KeyUsagesExtension(x509.KeyUsageFlags.keyCertSign | x509.KeyUsageFlags.cRLSign, true),
      await x509.SubjectKeyIdentifierExtension.create(authority.publicKey)
    ]
  })
  const server = await crypto.subtle.generateKey(CURVE, true, ['sign', 'verify'])
  const names: x509.JsonGeneralNames = [
    ...hosts.map((value) => ({ type: 'dns' as const, value })),
    { type: 'ip', value: '127.0.0.1' },
    { type: 'ip', value: '::1' }
  ]
  const certificate = await x509.X509CertificateGenerator.create({
    subject: `CN=${hosts[0] ?? 'localhost'}`,
    issuer: ca.subject,
    notBefore,
    notAfter,
    publicKey: server.publicKey,
    signingKey: authority.privateKey,
    signingAlgorithm: CURVE,
    extensions: [
      new x509.BasicConstraintsExtension(false, undefined, true),
      new x509.KeyUsagesExtension(x509.KeyUsageFlags.digitalSignature, true),
      new x509.ExtendedKeyUsageExtension([x509.ExtendedKeyUsage.serverAuth]),
      new x509.SubjectAlternativeNameExtension(names),
      await x509.AuthorityKeyIdentifierExtension.create(authority.publicKey),
      await x509.SubjectKeyIdentifierExtension.create(server.publicKey)
    ]
  })
  const key = await crypto.subtle.exportKey('pkcs8', server.privateKey)
  return {
    ca: `${ca.toString('pem')}\n`,
    certificate: `${certificate.toString('pem')}\n`,
    key: `${x509.PemConverter.encode(key, 'PRIVATE KEY')}\n`
  }
}

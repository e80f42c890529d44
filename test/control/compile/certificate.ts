/** Certificates for tests, made with WebCrypto. */
import 'reflect-metadata'
import type { webcrypto } from 'node:crypto'
import * as x509 from '@peculiar/x509'

const ALGORITHM = { name: 'ECDSA', namedCurve: 'P-256', hash: 'SHA-256' }
const DAY = 86_400_000

export interface MadeCertificate {
  cert: string
  key: string
  /** What a further certificate is issued by. */
  issuer: { certificate: x509.X509Certificate; keys: webcrypto.CryptoKeyPair }
}

export interface CertificateWishes {
  names?: { type: 'dns' | 'ip' | 'url' | 'email'; value: string }[]
  /** Days from now. */
  from?: number
  to?: number
  rsaBits?: number
  by?: MadeCertificate
}

export async function makeCertificate(subject: string, wishes: CertificateWishes = {}): Promise<MadeCertificate> {
  const { names = [], from = -1, to = 90, rsaBits, by } = wishes
  const algorithm = rsaBits
    ? { name: 'RSASSA-PKCS1-v1_5', hash: 'SHA-256', modulusLength: rsaBits, publicExponent: new Uint8Array([1, 0, 1]) }
    : ALGORITHM
  const keys = await crypto.subtle.generateKey(algorithm, true, ['sign', 'verify'])
  const extensions: x509.Extension[] = [new x509.BasicConstraintsExtension(!by && names.length === 0, undefined, true)]
  if (names.length > 0) extensions.push(new x509.SubjectAlternativeNameExtension(names))
  const certificate = await x509.X509CertificateGenerator.create({
    serialNumber: '01',
    subject: `CN=${subject}`,
    issuer: by ? by.issuer.certificate.subject : `CN=${subject}`,
    notBefore: new Date(Date.now() + from * DAY),
    notAfter: new Date(Date.now() + to * DAY),
    signingAlgorithm: by ? ALGORITHM : algorithm,
    publicKey: keys.publicKey,
    signingKey: by ? by.issuer.keys.privateKey : keys.privateKey,
    extensions
  })
  const der = await crypto.subtle.exportKey('pkcs8', keys.privateKey)
  const key = x509.PemConverter.encode(der, 'PRIVATE KEY')
  return { cert: `${certificate.toString('pem')}\n`, key: `${key}\n`, issuer: { certificate, keys } }
}

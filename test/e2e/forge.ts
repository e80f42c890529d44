/** Certificates of an X.509 implementation of its own (node-forge: ASN.1, names and signatures in JavaScript), RSA throughout. */
import { generateKeyPairSync, X509Certificate } from 'node:crypto'
import forge from 'node-forge'

export interface ForgedCertificate {
  /** PEM. */
  cert: string
  /** PEM (PKCS #8). */
  key: string
  issuer: { certificate: forge.pki.Certificate; key: forge.pki.rsa.PrivateKey }
}

export interface ForgeWishes {
  /** Whose authority signs; absent: itself. */
  by?: ForgedCertificate
  names?: readonly { type: keyof typeof KINDS; value: string }[]
  /** May issue itself. */
  authority?: boolean
  pathLength?: number
  /** Extended key usage. */
  purposes?: ('clientAuth' | 'serverAuth')[]
  /** Days from now. */
  from?: number
  to?: number
  /** Signed over with; sha256 when absent. */
  digest?: 'sha1' | 'md5' | 'sha512'
  bits?: number
  /** Extensions as they are. */
  extensions?: object[]
}

/** Numbers of RFC 5280's GeneralName. */
const KINDS = { email: 1, dns: 2, uri: 6, ip: 7 }
const DAY = 86_400_000
let serial = 0

interface Keys {
  key: string
  own: forge.pki.rsa.PrivateKey
  publicKey: forge.pki.rsa.PublicKey
}

function newKeys(bits = 2048): Keys {
  const pair = generateKeyPairSync('rsa', { modulusLength: bits })
  const key = String(pair.privateKey.export({ type: 'pkcs8', format: 'pem' }))
  const publicKey = forge.pki.publicKeyFromPem(String(pair.publicKey.export({ type: 'spki', format: 'pem' })))
  return { key, own: forge.pki.privateKeyFromPem(key), publicKey }
}

/** Those who are no authority have one of two pairs, as making one takes a tenth of a second: never their issuer's. */
const shared: Keys[] = []

function keysBelow(issuer: ForgedCertificate | undefined): Keys {
  while (shared.length < 2) shared.push(newKeys())
  return shared.find(({ key }) => key !== issuer?.key) ?? newKeys()
}

export function forgeCertificate(subject: string, wishes: ForgeWishes = {}): ForgedCertificate {
  const { by, names = [], authority = false, pathLength, purposes, from = -1, to = 30, digest = 'sha256' } = wishes
  const { key, own, publicKey } = authority || wishes.bits !== undefined ? newKeys(wishes.bits) : keysBelow(by)
  const certificate = forge.pki.createCertificate()
  certificate.publicKey = publicKey
  certificate.serialNumber = (++serial).toString(16).padStart(4, '0')
  certificate.validity.notBefore = new Date(Date.now() + from * DAY)
  certificate.validity.notAfter = new Date(Date.now() + to * DAY)
  certificate.setSubject([{ name: 'commonName', value: subject }])
  certificate.setIssuer(by?.issuer.certificate.subject.attributes ?? certificate.subject.attributes)
  certificate.setExtensions([
    {
      name: 'basicConstraints',
      critical: true,
      cA: authority,
      ...(pathLength === undefined ? {} : { pathLenConstraint: pathLength })
    },
    { name: 'keyUsage', critical: true, ...(authority ? { keyCertSign: true } : { digitalSignature: true }) },
    ...(purposes ? [{ name: 'extKeyUsage', ...Object.fromEntries(purposes.map((purpose) => [purpose, true])) }] : []),
    ...(names.length > 0
      ? [
          {
            name: 'subjectAltName',
            altNames: names.map(({ type, value }) =>
              type === 'ip' ? { type: 7, ip: value } : { type: KINDS[type], value }
            )
          }
        ]
      : []),
    ...(wishes.extensions ?? [])
  ])
  certificate.sign(by?.issuer.key ?? own, forge.md[digest].create())
  return { cert: forge.pki.certificateToPem(certificate), key, issuer: { certificate, key: own } }
}

/** As a configuration writes it. */
export function fingerprintOf({ cert }: ForgedCertificate): string {
  return `sha256:${new X509Certificate(cert).fingerprint256.replaceAll(':', '').toLowerCase()}`
}

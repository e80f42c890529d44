/** Reading the certificates of TLS clients. */
import { X509Certificate } from 'node:crypto'
import { formatIp, parseIp } from '../ip.ts'
import type { ClientCertificate } from '../request.ts'

/** Certificates remembered. Only those that an authority of the listener's vouched for come here. */
const MAX_CERTIFICATES = 1024

/**
 * A worker's certificates, each parsed once: OpenSSL gives the PEM of the connection's one at every request, and parsing
 * takes some 50 µs, while finding the text again takes one.
 */
export class ClientCertificates {
  readonly #known = new Map<string, ClientCertificate>()

  /** `pem`: as the TLS library gives it; '' when the client has none. Throws when it can't be parsed. */
  read(pem: string): ClientCertificate | null {
    if (pem === '') return null
    let certificate = this.#known.get(pem)
    if (certificate === undefined) {
      certificate = parseClientCertificate(pem)
      // Whole: who has more than a thousand clients pays a parse a client now and then.
      if (this.#known.size >= MAX_CERTIFICATES) this.#known.clear()
      this.#known.set(pem, certificate)
    }
    return certificate
  }
}

/** Throws when `pem` is no certificate. */
export function parseClientCertificate(pem: string): ClientCertificate {
  const certificate = new X509Certificate(pem)
  return Object.freeze({
    // Node writes one part a line, most general first, with RFC 2253's escapes.
    subject: (certificate.subject ?? '').split('\n').toReversed().join(','),
    sans: Object.freeze(alternativeNames(certificate.subjectAltName ?? '')),
    fingerprint: `sha256:${certificate.fingerprint256.replaceAll(':', '').toLowerCase()}`,
    from: certificate.validFromDate.getTime(),
    until: certificate.validToDate.getTime(),
    weakness: weaknessOf(certificate)
  })
}

/** What is asked of server certificates and issuers' keys too. */
const LEAST_RSA_BITS = 2048
/** sha1WithRSAEncryption and ecdsa-with-SHA1, in DER: two certificates with one signature have been affordable since 2020. */
const SHA1_SIGNATURES = new Set(['2a864886f70d010105', '2a8648ce3d0401'])

/** BoringSSL takes RSA keys and signatures that can be forged. Of the chain, only the client's own certificate is seen here. */
function weaknessOf({ publicKey, raw }: X509Certificate): string {
  const bits = publicKey.asymmetricKeyDetails?.modulusLength
  if (bits !== undefined && bits < LEAST_RSA_BITS) return `has an RSA key of ${bits} bits`
  return SHA1_SIGNATURES.has(signatureAlgorithm(raw)) ? 'is signed with SHA-1' : ''
}

/**
 * The object identifier as hex digits: of Certificate ::= SEQUENCE { tbsCertificate, signatureAlgorithm SEQUENCE {
 * OBJECT IDENTIFIER, … }, … } (RFC 5280 section 4.1). Node's own field for it came after version 22.
 */
function signatureAlgorithm(der: Buffer): string {
  const tbs = contentOf(der, 0)
  const algorithm = contentOf(der, contentOf(der, tbs.start).end)
  const identifier = contentOf(der, algorithm.start)
  return der.toString('hex', identifier.start, identifier.end)
}

/** Where the content of the DER element at `at` stands. OpenSSL has parsed it before, so its lengths are sound. */
function contentOf(der: Buffer, at: number): { start: number; end: number } {
  const first = der[at + 1] ?? 0
  if (first < 0x80) return { start: at + 2, end: at + 2 + first }
  const start = at + 2 + (first & 0x7f)
  return { start, end: start + der.readUIntBE(at + 2, first & 0x7f) }
}

/**
 * Node writes `DNS:a, IP Address:192.0.2.1, URI:"odd, one"`: a value with anything in it that could be taken for
 * another name stands as a JSON string (CVE-2021-44532), so a comma outside of quotes parts names and nothing else does.
 */
export function alternativeNames(text: string): string[] {
  const names: string[] = []
  for (let at = 0; at < text.length;) {
    const colon = text.indexOf(':', at)
    if (colon < 0) break
    const kind = text.slice(at, colon)
    const quoted = text.charAt(colon + 1) === '"'
    const end = quoted ? closingQuote(text, colon + 2) + 1 : endOf(text, colon + 1)
    const value = text.slice(colon + 1, end)
    const plain = quoted ? unquoted(value) : value
    if (plain !== null) names.push(alternativeName(kind === 'IP Address' ? 'IP' : kind, plain))
    at = end + 2
  }
  return names
}

function endOf(text: string, start: number): number {
  const comma = text.indexOf(', ', start)
  return comma < 0 ? text.length : comma
}

function closingQuote(text: string, start: number): number {
  let i = start
  while (i < text.length && text.charAt(i) !== '"') i += text.charAt(i) === '\\' ? 2 : 1
  return i
}

/** In the one spelling that names are compared in. */
export function alternativeName(kind: string, value: string): string {
  if (kind === 'DNS') return `DNS:${value.toLowerCase()}`
  const address = kind === 'IP' ? parseIp(value) : null
  return `${kind}:${address === null ? value : formatIp(address)}`
}

function unquoted(text: string): string | null {
  try {
    return String(JSON.parse(text))
  } catch {
    return null
  }
}

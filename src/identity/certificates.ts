/** Client certificates: whose one is. That its holder has the key, and who vouches for it, TLS has settled before. */
import type { BadCredential } from './credentials.ts'
import type { CallerDirectory, Holder } from './directory.ts'
import type { ClientCertificate } from '../request.ts'

const UNKNOWN: BadCredential = Object.freeze({ reason: "the client certificate is nobody's" })
const SEVERAL: BadCredential = Object.freeze({ reason: 'the client certificate names several consumers' })

/**
 * The certificate's holder, or why not. Dates are looked at each time: TLS asked at the handshake, and a connection may
 * outlive its certificate.
 */
export function lookUpCertificate(
  certificate: ClientCertificate,
  directory: CallerDirectory,
  now: number
): Holder | BadCredential {
  if (now > certificate.until) return { reason: `the client certificate expired on ${date(certificate.until)}` }
  if (now < certificate.from) return { reason: `the client certificate holds from ${date(certificate.from)} only` }
  let holder = directory.byCertificateName(certificate.fingerprint)
  for (const name of certificate.sans) {
    const named = directory.byCertificateName(name)
    if (named === undefined) continue
    if (holder !== undefined && holder.consumer !== named.consumer) return SEVERAL
    holder ??= named
  }
  return holder ?? UNKNOWN
}

function date(ms: number): string {
  return new Date(ms).toISOString()
}

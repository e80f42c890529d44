import { parseIp } from '../ip.ts'
import type { CertificatePlan } from '../plan/certificate.ts'

/** Whether a certificate speaks for `host` (lower-case, no port). `*.x` covers one label, as certificates have it. */
export function coversHost(certificate: CertificatePlan | undefined, host: string): boolean {
  if (certificate === undefined) return false
  const { covers } = certificate
  if (covers.includes(host)) return true
  const dot = host.indexOf('.')
  if (dot > 0 && covers.includes(`*${host.slice(dot)}`)) return true
  // A client that connects by address sends no server name, so there is none to contradict (RFC 6066 section 3).
  return parseIp(host) !== null
}

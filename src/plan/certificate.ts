import type { Where } from './policy.ts'

export interface CertificatePlan {
  /** Server names answered with it, lower-case, `*.x` for one label. */
  hosts: string[]
  /** Private copies (0600, under state.dir/tls) of exactly the bytes that were checked: uWS reads files, and the owner's may change between check and use. */
  certFile: string
  keyFile: string
  /** Host names and IP addresses it covers: `hosts` and its subject alternative names; a Host outside is 421. */
  covers: string[]
  /** SHA-256 of the leaf, lower-case hex. Same fingerprint and hosts: same app. */
  fingerprint: string
  /** End of validity, ms since the epoch. */
  notAfter: number
  where: Where
}

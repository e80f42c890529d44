import type { Where } from './policy.ts'

/** Whose credentials no longer hold. All it names must be so; it names something besides the issuer. */
export interface RevocationPlan {
  /** Made of what it names, so the same said twice has one: names it in logs and commands. */
  id: string
  /** The issuer's name in the configuration; null: any, or none. */
  issuer: string | null
  jti: string | null
  subject: string | null
  consumer: string | null
  /** Of the key that verified the token. */
  kid: string | null
  /** ms since the epoch: tokens with an earlier `iat`, or without one. */
  issuedBefore: number | null
  /** ms since the epoch: from then on it says nothing. */
  until: number
  /** For the owner; '' for none. */
  reason: string
  /** Its line in the configuration, or `control socket`. */
  where: Where
}

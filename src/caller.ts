/**
 * Who called, whatever the credential was: what rules, limits and identity headers speak of. Made by identity/,
 * read by policy/, limits/ and observe/.
 */
export interface Caller {
  method: 'jwt' | 'key' | 'basic' | 'certificate' | 'signature' | 'external' | 'anonymous' | 'public'
  /** `sub` of a token; '' when none. */
  subject: string
  /** The issuer's name in the configuration (not its URL); '' when none. */
  issuer: string
  /**
   * What names the credential and not its secret: id of an API key, user name, name or fingerprint of a certificate,
   * id of a signing key. '' when none, and for a token alone.
   */
  credential: string
  /** Name of the consumer; '' when none. */
  consumer: string
  groups: readonly string[]
  scopes: readonly string[]
  attributes: Readonly<Record<string, unknown>>
  /** The token's payload, frozen; {} when there was none. */
  claims: Readonly<Record<string, unknown>>
}

/** The caller of a public route, and of any request before the auth stage. */
export const NOBODY: Caller = Object.freeze({
  method: 'public',
  subject: '',
  issuer: '',
  credential: '',
  consumer: '',
  groups: Object.freeze([]),
  scopes: Object.freeze([]),
  attributes: Object.freeze({}),
  claims: Object.freeze({})
})

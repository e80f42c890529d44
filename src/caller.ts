/**
 * Who called, whatever the credential was: what rules, limits and identity headers speak of. Made by identity/,
 * read by policy/, limits/ and observe/.
 */
export interface Caller {
  method: 'jwt' | 'key' | 'anonymous' | 'public'
  /** `sub` of a token; '' when none. */
  subject: string
  /** The issuer's name in the configuration (not its URL); '' when none. */
  issuer: string
  /** Id of the API key, or `jti`-independent name of the token's kind; '' when none. Never the secret itself. */
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

/** Whether a secret can protect anything: of HMAC (RFC 7518 section 3.2; RFC 8725 section 3.5), and the admin API's token. */

/** The warning where one stands in the configuration itself. */
export const WRITTEN_SECRET = 'a secret in a file that many may read; ${env:NAME} and ${file:path} keep it out'

/** Bytes of output of each algorithm's hash: the least a secret may have. */
const LENGTHS: Readonly<Record<string, number>> = { HS256: 32, HS384: 48, HS512: 64, 'hmac-sha256': 32 }

/** Long enough, and known to everybody: from debuggers, libraries' read-me files and tutorials. */
const KNOWN = new Set([
  'a-string-secret-at-least-256-bits-long',
  'a-valid-string-secret-that-is-at-least-384-bits-long',
  'a-valid-string-secret-that-is-at-least-512-bits-long-which-is-very-long',
  'your-256-bit-secret-your-256-bit-secret',
  'GQDstcKsx0NHjPOuXOYg5MbeJ1XT0uFiwDVvVBrk',
  'qwertyuiopasdfghjklzxcvbnm123456',
  'abcdefghijklmnopqrstuvwxyz123456',
  'abcdefghijklmnopqrstuvwxyz0123456789',
  'this-is-a-very-long-secret-key-for-jwt',
  'my-32-character-ultra-secure-and-ultra-long-secret',
  'super-secret-jwt-token-with-at-least-32-characters-long',
  'your-super-secret-jwt-token-with-at-least-32-characters-long',
  'your-secret-key-at-least-32-characters-long',
  'AyM1SysPpbyDfgZld3umj1qzKObwVMkoqQ-EstJQLr_T-1qS0gZH75aKtMN3Yj0iPS4hcgUuTwjAzZr1Z9CAow',
  '404E635266556A586E3272357538782F413F4428472B4B6250645367566B5970',
  '9a4f2c8d3b7a1e6f45c8a0b3f267d8b1d4e6f3c8a9d2b5f8e3a9c8b5f6v8a3d9'
])

/** What is wrong with the secret, without a word of it; null when nothing is. Its bytes are its text's, in UTF-8. */
export function secretFault(secret: string, algorithm: string): string | null {
  const least = LENGTHS[algorithm] ?? 0
  const bytes = Buffer.byteLength(secret)
  if (bytes < least) return `the secret has ${bytes} bytes; ${algorithm} needs at least ${least}, as long as its hash`
  if (KNOWN.has(secret)) return 'the secret is a well-known example: anybody can sign with it'
  if (new Set(secret).size < 8 || repeats(secret))
    return 'the secret is a repetition, easily guessed; `openssl rand -base64 48` makes a good one'
  return null
}

/** Fewer characters could be found by trying, however slowly. */
const ADMIN_TOKEN_LENGTH = 16

/** What is wrong with `admin.token`, without a word of it; null when nothing is. */
export function adminTokenFault(token: string): string | null {
  // RFC 6750 section 2.1, b68token: what can be sent as it is.
  if (!/^[A-Za-z0-9\-._~+/]+=*$/.test(token)) return 'a bearer token is letters, digits and -._~+/ only'
  if (token.length < ADMIN_TOKEN_LENGTH)
    return `the token has ${token.length} characters; it needs at least ${ADMIN_TOKEN_LENGTH}: \`openssl rand -base64 32\` makes a good one`
  if (new Set(token).size < 6 || repeats(token))
    return 'the token is a repetition, easily guessed; `openssl rand -base64 32` makes a good one'
  return null
}

/** Whether the text is one part of at most half its length, over and over. */
function repeats(text: string): boolean {
  const again = `${text}${text}`.indexOf(text, 1)
  return again <= text.length / 2
}

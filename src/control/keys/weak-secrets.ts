/**
 * HMAC secrets that everybody knows: long enough to pass for good ones, and printed in documentation, standards and
 * word lists. Shorter ones are refused for their length alone.
 */
const KNOWN = new Set([
  'a-string-secret-at-least-256-bits-long',
  'a-string-secret-at-least-384-bits-long-for-hs384',
  'a-valid-string-secret-that-is-at-least-384-bits-long',
  'a-valid-string-secret-that-is-at-least-512-bits-long-which-is-very-long',
  'your-256-bit-secret-your-256-bit-secret',
  'your-secret-key-must-be-at-least-32-characters',
  'this-is-a-very-long-secret-key-for-jwt-signing',
  'this_is_a_super_secret_key_for_jwt_tokens',
  'my-super-secret-key-that-is-at-least-32-characters',
  'super-secret-jwt-token-with-at-least-32-characters-long',
  'your-super-secret-jwt-token-with-at-least-32-characters-long',
  'abcdefghijklmnopqrstuvwxyz123456',
  'abcdefghijklmnopqrstuvwxyz0123456789',
  'ABCDEFGHIJKLMNOPQRSTUVWXYZ123456',
  '0123456789abcdef0123456789abcdef',
  '12345678901234567890123456789012',
  'qwertyuiopasdfghjklzxcvbnm123456',
  'secretsecretsecretsecretsecretsecret',
  'changemechangemechangemechangeme',
  'passwordpasswordpasswordpassword',
  // RFC 7515 A.1 and RFC 7520 3.5, as raw bytes in base64url.
  'base64url:AyM1SysPpbyDfgZld3umj1qzKObwVMkoqQ-EstJQLr_T-1qS0gZH75aKtMN3Yj0iPS4hcgUuTwjAzZr1Z9CAow',
  'base64url:hJtXIZ2uSN5kbQfbtTNWbpdmhkV8FJG-Onbc6mxCcYg'
])

/** Fewer different bytes than this are a pattern (all zeros, one word repeated), not a random secret of 32 or more. */
const MIN_DIFFERENT_BYTES = 8

export function isWeakSecret(secret: Uint8Array): boolean {
  if (new Set(secret).size < MIN_DIFFERENT_BYTES) return true
  const bytes = Buffer.from(secret)
  return KNOWN.has(bytes.toString('latin1')) || KNOWN.has(`base64url:${bytes.toString('base64url')}`)
}

/**
 * A DPoP key is its client's own choice. One of 3072 bits whose exponent is as long took a thread 20 ms a proof instead of
 * half of one.
 */
import { createHash, randomBytes } from 'node:crypto'
import t from 'tap'
import { HeaderList } from '../../src/headers.ts'
import { authRequest, dpopProofs, InlineVerifier, NOW, rawToken, SECONDS } from '../identity/kit.ts'

const TOKEN = 'the-token'
const digest = (text: string): string => createHash('sha256').update(text).digest('base64url')

/** An odd number of so many bytes. */
function odd(bytes: number): string {
  const number = randomBytes(bytes)
  number[0] = 0x81
  number[bytes - 1] = 0x01 | (number[bytes - 1] ?? 0)
  return number.toString('base64url')
}

t.test('an exponent of 64 bits, and one of more', async (t) => {
  const signatures = new InlineVerifier()
  const proofs = dpopProofs(signatures, () => 1_000_000_000n)
  for (const [bytes, expected] of [
    [3, /not by its key/],
    [8, /not by its key/],
    [9, /oversized exponent/],
    [384, /oversized exponent/]
  ] as const) {
    const key = { e: odd(bytes), kty: 'RSA', n: odd(384) }
    const claims = { jti: `j${bytes}`, htm: 'GET', htu: 'https://api.example/orders', iat: SECONDS, ath: digest(TOKEN) }
    const header = JSON.stringify({ typ: 'dpop+jwt', alg: 'RS256', jwk: key })
    const headers = new HeaderList()
    headers.add('dpop', rawToken(header, JSON.stringify(claims)))
    const verdict = await proofs.verify(TOKEN, digest(JSON.stringify(key)), authRequest({ headers }), NOW)
    t.match(verdict?.reason, expected, `${bytes} bytes`)
  }
  t.equal(signatures.verified, 2, 'a signature was looked at')
})

/** The only importer of jose: makes keys and signs tokens, for the command line, the example and tests. */
import { createPrivateKey } from 'node:crypto'
import { calculateJwkThumbprint, exportJWK, generateKeyPair, generateSecret, importJWK, SignJWT } from 'jose'

export type Jwk = Record<string, unknown>

/**
 * Signs `claims` as they are: nothing is filled in. `header` needs `alg`; `key` is a private key in PEM, a private
 * JWK, or for HS* a JWK of kty oct. Throws an Error for people when the key does not fit the algorithm.
 */
export async function signToken(
  claims: Record<string, unknown>,
  header: { alg: string; kid?: string; typ?: string },
  key: string | Jwk
): Promise<string> {
  try {
    const signer = typeof key === 'string' ? createPrivateKey(key) : await importJWK(key, header.alg)
    return await new SignJWT(claims).setProtectedHeader(header).sign(signer)
  } catch (error) {
    const why = error instanceof Error ? error.message : String(error)
    throw new Error(`the key does not sign with ${header.alg}: ${why}`, { cause: error })
  }
}

/**
 * A fresh key for `alg`: both halves carry alg, use and the kid, which is the key's thumbprint (RFC 7638). For HS* the
 * two are the same secret. Throws for an algorithm that isn't one for signatures.
 */
export async function generateKeys(alg: string): Promise<{ privateJwk: Jwk; publicJwk: Jwk }> {
  const shared = { alg, use: 'sig' }
  if (alg.startsWith('HS')) {
    const secret = await exportJWK(await generateSecret(alg, { extractable: true }))
    const jwk = { ...secret, ...shared, kid: await calculateJwkThumbprint(secret) }
    return { privateJwk: jwk, publicJwk: jwk }
  }
  const pair = await generateKeyPair(alg, { extractable: true, modulusLength: 2048 })
  const publicPart = await exportJWK(pair.publicKey)
  const kid = await calculateJwkThumbprint(publicPart)
  return {
    privateJwk: { ...(await exportJWK(pair.privateKey)), ...shared, kid },
    publicJwk: { ...publicPart, ...shared, kid }
  }
}

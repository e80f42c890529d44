import type { SignatureVerifier, VerifyAnswer, VerifyRequest } from '../identity/pool.ts'
import { importKey, verifySignature } from '../identity/signature.ts'
import { signedParts } from '../identity/token.ts'

/** Verifies where it is called: for a command that looks at one token, threads would cost more than they spare. */
export class SameThreadSignatures implements SignatureVerifier {
  verify({ alg, token, keys }: VerifyRequest): Promise<VerifyAnswer> {
    const { input, signature } = signedParts(token)
    const signer = keys.find((key) => verifySignature(alg, importKey(key), input, signature))
    return Promise.resolve(signer ?? null)
  }

  close(): Promise<void> {
    return Promise.resolve()
  }
}

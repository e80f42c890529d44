/** Keys of the tokens and requests that consumers sign themselves: an HMAC secret, or a public key as path, PEM text or JWK. */
import type { ConsumerConfig } from '../config/schema.ts'
import { lintJwk, lintPem, lintSecret, type LintedKey } from '../keys/lint.ts'
import type { SigningAlgorithm } from '../../plan/consumer.ts'
import type { VerificationKey } from '../../plan/keys.ts'
import type { Documents } from './documents.ts'
import type { Path, Report } from './report.ts'

type KeyConfig = Pick<NonNullable<ConsumerConfig['jwt']>[number], 'secret' | 'publicKey'>

/** JWS names of the same cryptography: tokens and requests are verified by the same code. */
export const SIGNING_ALGORITHMS: Readonly<Record<SigningAlgorithm, string>> = {
  ed25519: 'Ed25519',
  'hmac-sha256': 'HS256',
  'ecdsa-p256-sha256': 'ES256',
  'rsa-pss-sha512': 'PS512',
  'rsa-v1_5-sha256': 'RS256'
}

export class ConsumerKeys {
  readonly #documents: Documents
  readonly #report: Report

  constructor(documents: Documents, report: Report) {
    this.#documents = documents
    this.#report = report
  }

  /**
   * null, and an error, when the key can't verify what `algorithm` signs. `name` begins the key's id. That it is a
   * secret for HMAC and a public key for the rest has been checked with the configuration.
   */
  compile(config: KeyConfig, algorithm: string, name: string, path: Path): VerificationKey | null {
    const at = [...path, config.secret === undefined ? 'publicKey' : 'secret']
    // What stands in for a value that wasn't resolved says nothing of it.
    if (this.#report.isPlaceholder(at)) return null
    const verdict = this.#lint(config, algorithm, at)
    if (!verdict) return null
    if (!verdict.ok) {
      this.#report.error(at, `the key ${verdict.reason}`)
      return null
    }
    // The same key may stand with two consumers.
    return { ...verdict.key, id: `${name}:${verdict.key.id}` }
  }

  #lint({ secret, publicKey }: KeyConfig, algorithm: string, path: Path): LintedKey | null {
    // RFC 7518 section 3.2: an HMAC secret is bytes; a configuration's text stands for its UTF-8.
    if (secret !== undefined) return lintSecret(Buffer.from(secret, 'utf8'), null, [algorithm])
    if (typeof publicKey === 'object') return lintJwk(publicKey, [algorithm])
    const pem = publicKey === undefined ? null : this.#documents.pem(publicKey, path)
    return pem === null ? null : lintPem(pem, null, [algorithm])
  }
}

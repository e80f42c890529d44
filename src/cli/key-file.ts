/** Key files as the token commands read them: a JSON Web Key, a key set, or PEM. */
import { createPublicKey } from 'node:crypto'
import { readFileSync } from 'node:fs'
import type { Jwk } from '../identity/jose.ts'
import { UsageError } from './command.ts'

export type KeyText = { kind: 'pem'; pem: string } | { kind: 'jwks'; keys: Jwk[] }

const LARGEST = 1 << 20

export function readKeyFile(name: string): KeyText {
  let text: string
  try {
    text = readFileSync(name, 'utf8')
  } catch (error) {
    throw new UsageError(`the key ${name} can't be read: ${error instanceof Error ? error.message : String(error)}`)
  }
  if (text.length > LARGEST) throw new UsageError(`${name} is too long for a key`)
  if (text.includes('-----BEGIN ')) return { kind: 'pem', pem: text }
  let value: unknown
  try {
    value = JSON.parse(text)
  } catch {
    value = null
  }
  const keys = isMapping(value) && Array.isArray(value['keys']) ? (value['keys'] as unknown[]) : [value]
  if (!keys.every(isMapping)) throw new UsageError(`${name} is neither PEM nor a JSON Web Key (or a set of them)`)
  return { kind: 'jwks', keys }
}

/** The half that may be published: what tokens are verified with. A shared secret stays as it is. */
export function publicHalf(key: KeyText): Jwk[] {
  if (key.kind === 'pem') return [{ ...createPublicKey(key.pem).export({ format: 'jwk' }) }]
  return key.keys.map((jwk) => {
    const { d: _d, p: _p, q: _q, dp: _dp, dq: _dq, qi: _qi, oth: _oth, key_ops: _operations, ...rest } = jwk
    return jwk['kty'] === 'oct' ? jwk : rest
  })
}

function isMapping(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

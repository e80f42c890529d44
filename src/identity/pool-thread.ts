/**
 * A verification thread: takes the cold tokens of one tick as one task and says for each which of its keys signed it.
 */
import { lowerPriority } from '../priority.ts'
import { importKey, verifySignature } from './signature.ts'
import { signedParts } from './token.ts'
import type { KeyObject } from 'node:crypto'
import type { VerificationKey } from '../plan/keys.ts'

/**
 * Lists side by side, an item for each token: to copy an object for each from thread to thread takes half as long again.
 * Tokens travel as text, whole and of canonical shape: a Buffer cut from Node's pool would take the 8 KB of its pool
 * along.
 */
export interface VerifyTask {
  /** Once each: most tokens share one. */
  readonly keys: readonly TaskKey[]
  readonly algs: readonly string[]
  readonly tokens: readonly string[]
  /** Those of `keys` that may have signed it, by their index. */
  readonly candidates: readonly (readonly number[])[]
}

export type TaskKey = Pick<VerificationKey, 'id' | 'material' | 'secret'>

/** Keys imported here, by id. Consumers may have 10,000 of them; an import costs less than one verification. */
const MAX_KEYS = 1024
const imported = new Map<string, { readonly material: Uint8Array; readonly key: KeyObject }>()

lowerPriority(10)

/** For each token the index (in the task's keys) of the key that signed it, or -1. */
export default function verifyTask({ keys, algs, tokens, candidates }: VerifyTask): number[] {
  const signers: number[] = []
  for (const [i, token] of tokens.entries()) {
    const { input, signature } = signedParts(token)
    // By `push`, as `taskOf` says.
    signers.push(candidates[i]?.find((index) => signedBy(keys[index], algs[i] ?? '', input, signature)) ?? -1)
  }
  return signers
}

function signedBy(key: TaskKey | undefined, alg: string, input: Buffer, signature: Buffer): boolean {
  if (key === undefined) return false
  try {
    return verifySignature(alg, keyObject(key), input, signature)
  } catch {
    // A key that does not import or fit signs nothing; the other tokens of the task must not suffer for it.
    return false
  }
}

function keyObject(key: TaskKey): KeyObject {
  const known = imported.get(key.id)
  // Ids are unique, yet a wrong key would be worse than a slow one: the comparison costs 50 ns.
  if (known !== undefined && Buffer.compare(known.material, key.material) === 0) return known.key
  const fresh = importKey(key)
  if (imported.size >= MAX_KEYS) for (const oldest of imported.keys()) if (imported.delete(oldest)) break
  imported.set(key.id, { material: key.material, key: fresh })
  return fresh
}

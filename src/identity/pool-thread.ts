/**
 * A verification thread: takes the cold tokens of one tick as one task and says for each which of its keys signed it.
 */
import { lowerPriority } from '../priority.ts'
import { importKey, verifySignature } from './signature.ts'
import { signedParts } from './token.ts'
import type { KeyObject } from 'node:crypto'
import type { VerificationKey } from '../plan/keys.ts'

/**
 * One token, whole and of canonical shape, and the keys of the task that may have signed it, by their index. It
 * travels as text: a Buffer cut from Node's pool would take the 8 KB of its pool along.
 */
export interface VerifyJob {
  readonly alg: string
  readonly token: string
  readonly keys: readonly number[]
}

export interface VerifyTask {
  readonly keys: readonly VerificationKey[]
  readonly jobs: readonly VerifyJob[]
}

/** Keys imported here, by id. Consumers may have 10,000 of them; an import costs less than one verification. */
const MAX_KEYS = 1024
const imported = new Map<string, { readonly material: Uint8Array; readonly key: KeyObject }>()

lowerPriority(10)

/** For each job the index (in the task's keys) of the key that signed it, or -1. */
export default function verifyTask(task: VerifyTask): number[] {
  return task.jobs.map((job) => {
    const { input, signature } = signedParts(job.token)
    return job.keys.find((index) => signedBy(task.keys[index], job.alg, input, signature)) ?? -1
  })
}

function signedBy(key: VerificationKey | undefined, alg: string, input: Buffer, signature: Buffer): boolean {
  if (key === undefined) return false
  try {
    return verifySignature(alg, keyObject(key), input, signature)
  } catch {
    // A key that does not import or fit signs nothing; the other jobs of the task must not suffer for it.
    return false
  }
}

function keyObject(key: VerificationKey): KeyObject {
  const known = imported.get(key.id)
  // Ids are unique, yet a wrong key would be worse than a slow one: the comparison costs 50 ns.
  if (known !== undefined && Buffer.compare(known.material, key.material) === 0) return known.key
  const fresh = importKey(key)
  if (imported.size >= MAX_KEYS) for (const oldest of imported.keys()) if (imported.delete(oldest)) break
  imported.set(key.id, { material: key.material, key: fresh })
  return fresh
}

/** A verification thread that misbehaves as its token's subject says. */
import type { VerifyTask } from '../../src/identity/pool-thread.ts'

export default function fail(task: VerifyTask): number[] {
  const text = Buffer.from(task.tokens[0]?.split('.')[1] ?? '', 'base64url').toString()
  if (text.includes('"throw"')) throw new Error('thrown in the thread')
  if (text.includes('"exit"')) process.exit(3)
  return task.tokens.map(() => 0)
}

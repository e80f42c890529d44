/** A thread that checks passwords: each takes it a fraction of a second, which no worker has. */
import { isPassword, parsePasswordHash } from './password.ts'
import { lowerPriority } from '../priority.ts'

export interface PasswordTask {
  readonly password: string
  /** As PasswordPlan has it. */
  readonly hash: string
}

// A quarter of a worker's share of a busy core: at less, a known user's check once a minute would take seconds.
lowerPriority(5)

/** Throws for a hash that load would not have taken. */
export default function passwordTask({ password, hash }: PasswordTask): boolean {
  const parsed = parsePasswordHash(hash)
  if (parsed === null) throw new Error('the password hash is out of bounds')
  return isPassword(password, parsed)
}

import { isPassword, parsePasswordHash } from '../identity/password.ts'
import type { PasswordCheck } from '../identity/password-pool.ts'
import type { PasswordTask } from '../identity/password-thread.ts'

/** Checks where it is called, for a command that has one to check. */
export class SameThreadPasswords implements PasswordCheck {
  check({ password, hash }: PasswordTask): Promise<boolean> {
    const parsed = parsePasswordHash(hash)
    return Promise.resolve(parsed !== null && isPassword(password, parsed))
  }

  close(): Promise<void> {
    return Promise.resolve()
  }
}

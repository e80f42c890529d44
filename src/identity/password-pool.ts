/** The worker's thread for passwords. Apart from the one for tokens: a flood of passwords must not hold those up. */
import { Threads, threadFile } from '../threads.ts'
import type { PasswordTask } from './password-thread.ts'

/** The need of `Passwords`; `explain` can do without threads. Never rejects; an Error: the check itself failed. */
export interface PasswordCheck {
  check(task: PasswordTask): Promise<boolean | Error>
  close(): Promise<void>
}

/** A thread that has nothing to do for this long ends, ms: most gateways know no passwords. */
const IDLE = 60_000
/** More than ever wait: `Passwords` bounds those. */
const QUEUE = 1024

export class PasswordPool implements PasswordCheck {
  #threads: Threads<PasswordTask, boolean> | null = null
  #closed = false

  async check(task: PasswordTask): Promise<boolean | Error> {
    if (this.#closed) return new Error('the password thread is closed')
    this.#threads ??= new Threads(threadFile('password-thread', import.meta.url), {
      least: 0,
      most: 1,
      queue: QUEUE,
      idle: IDLE
    })
    try {
      return await this.#threads.run(task)
    } catch (error) {
      return error instanceof Error ? error : new Error(String(error))
    }
  }

  async close(): Promise<void> {
    this.#closed = true
    await this.#threads?.close()
  }
}

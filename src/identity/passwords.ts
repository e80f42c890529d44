/**
 * A worker's judgement on user names and passwords. scrypt takes a fraction of a second, so it runs on a thread of its
 * own, for few at a time and few of one client, and what it said good of is remembered until a minute after its last use. Remembered is that
 * this password fits this hash, which no generation changes; whose the hash is, the directory says each time, so a
 * removed or changed password ends with its generation.
 */
import { createHmac, randomBytes } from 'node:crypto'
import { refused } from './verdict.ts'
import { WaitingRoom, type Doorkeeper } from './waiting.ts'
import type { BasicCredential } from './basic.ts'
import type { CallerDirectory, Holder } from './directory.ts'
import type { PasswordCheck } from './password-pool.ts'
import type { RefusedToken } from './verdict.ts'

/**
 * How long a good password is taken without another check from its last use on, ms. Whoever goes on calling never waits
 * among the guesses of others.
 */
const REMEMBERED = 60_000
const MAX_REMEMBERED = 4096
/** Passwords that may wait, all clients together: at 0.2 s each the last of them waits for some seconds. */
const QUEUE = 32

const WRONG = refused('the user name is nobody’s, or the password is wrong')

export class Passwords {
  readonly #check: PasswordCheck
  readonly #waiting: WaitingRoom
  /** A memory dump must not hold what a dictionary could be tried on. */
  readonly #secret = randomBytes(32)
  /** Until when it holds, by `digestOf`. The oldest comes first. */
  readonly #good = new Map<string, number>()
  readonly #pending = new Map<string, Promise<boolean | Error>>()

  /** `perClient`: passwords of one client that may wait (GATEHOUSE_VERIFY_PER_CLIENT). */
  constructor(check: PasswordCheck, perClient: number, doorkeeper?: Doorkeeper) {
    this.#check = check
    this.#waiting = new WaitingRoom(QUEUE, Math.min(perClient, QUEUE), 'passwords', doorkeeper)
  }

  /**
   * `now`: ms since the epoch. A promise, which never rejects, only for what isn't remembered. A user name that nobody
   * has is checked against somebody's hash all the same, so that neither the time it takes nor a full queue tells.
   */
  verify(
    { username, password }: BasicCredential,
    directory: CallerDirectory,
    clientKey: string,
    now: number
  ): Holder | RefusedToken | Promise<Holder | RefusedToken> {
    const holder = directory.byUsername(username)
    const hash = holder?.hash ?? directory.decoyHash(username)
    const digest = createHmac('sha256', this.#secret).update(`${hash}\0${username}\0${password}`).digest('base64')
    const until = this.#good.get(digest) ?? 0
    if (holder !== undefined && now < until) {
      if (until - now < REMEMBERED / 2) this.#remember(digest, now)
      return holder
    }
    const checking = this.#pending.get(digest) ?? this.#begin(digest, password, hash, clientKey)
    if (typeof checking === 'string') return { ok: false, code: 'verify-overload', reason: checking }
    return checking.then((fits) => {
      if (fits instanceof Error) {
        return { ok: false, code: 'verify-overload', reason: `the check of the password failed: ${fits.message}` }
      }
      if (holder === undefined) return WRONG
      if (!fits) return { ...WRONG, account: holder.consumer.name }
      this.#remember(digest, now)
      return holder
    })
  }

  /** The same credential waiting twice is checked once. A string: why it may not wait. */
  #begin(digest: string, password: string, hash: string, clientKey: string): Promise<boolean | Error> | string {
    const full = this.#waiting.enter(clientKey)
    if (full !== null) return full
    const work = this.#check.check({ password, hash }).finally(() => {
      this.#waiting.leave(clientKey)
      this.#pending.delete(digest)
    })
    this.#pending.set(digest, work)
    return work
  }

  #remember(digest: string, now: number): void {
    this.#good.delete(digest)
    if (this.#good.size >= MAX_REMEMBERED) for (const oldest of this.#good.keys()) if (this.#good.delete(oldest)) break
    this.#good.set(digest, now + REMEMBERED)
  }
}

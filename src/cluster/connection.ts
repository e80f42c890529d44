import { monotonicMs } from '../memory/clock.ts'
import type { ClusterPlan } from '../plan/cluster.ts'
import { connect, reasonOf, type Client } from './redis.ts'
import { GREET, type Script } from './scripts.ts'

/** Answers missed in a row, after which the store is taken to be away: one may be a pause of this process's own. */
const MISSES = 3
/** Between two attempts to reach a store that is away, ms: at random up to this, longer from time to time. */
const FIRST_PAUSE = 100
const LONGEST_PAUSE = 1000
/** How long one of them is waited for, ms: as long as an answer may take, between these. */
const GREETING_TIMEOUT = 500
const LONGEST_GREETING = 1000
/**
 * Greetings in a row that have to be answered in time before it is asked again. A store that was late again soon after it came
 * back, or refused what it was asked, has to show about twice as many each time: one that is slow, or has an access list that
 * lets greetings pass and little else, is not away, and would come and go several times a second.
 */
const GREETINGS = 1
const MOST_GREETINGS = 127
/** It came back in earnest when it stays for this long, ms. */
const STEADY = 30_000
/** Greetings without an answer, after which the connection itself is replaced: its other end may be gone for good. */
const DEAF = 4

export interface ConnectionEvents {
  /** `reason` says why it is away. */
  changed(up: boolean, reason: string): void
  /** What the store holds to hash keys with: each time it was reached. */
  seed?(seed: string): void
}

/**
 * Whether the store can be asked, and the asking within a time. While it is away nobody waits for it: that is found out
 * by greetings, at random moments, and not by requests.
 */
export class Connection {
  readonly #plan: ClusterPlan
  readonly #events: ConnectionEvents
  readonly #seed: () => string
  readonly #patience: number
  #client: Client | null = null
  #up = false
  #closed = false
  #misses = 0
  #greetings = 0
  /** Greetings that were answered in time, in a row, and how many it takes. */
  #inTime = 0
  #wanted = GREETINGS
  #trouble = 'not reached yet'
  #timer: NodeJS.Timeout | undefined
  /** ms, monotonic, since which it is as it is. */
  since = monotonicMs()

  /**
   * @param seed offered to a store that has none
   * @param patience how long it may take to answer, ms: one that takes longer is away
   */
  constructor(plan: ClusterPlan, seed: () => string, patience: number, events: ConnectionEvents) {
    this.#plan = plan
    this.#patience = patience
    this.#seed = seed
    this.#events = events
    void this.#open()
  }

  get up(): boolean {
    return this.#up
  }

  /** Why it is away; '' while it isn't. */
  get trouble(): string {
    return this.#up ? '' : this.#trouble
  }

  /** Rejects when there is no answer within `limit` ms, at once while the store is away. */
  async run(script: Script, keys: string[], args: string[], limit: number): Promise<unknown> {
    if (!this.#up || this.#client === null) throw new Error(this.#trouble)
    try {
      const answer = await asked(this.#client, script, keys, args, limit)
      this.#misses = 0
      return answer
    } catch (error) {
      this.#missed(error)
      throw error
    }
  }

  close(): void {
    this.#closed = true
    clearTimeout(this.#timer)
    this.#client?.destroy()
  }

  async #open(): Promise<void> {
    const trouble = (reason: string): void => {
      this.#trouble = reason
      this.#away(false)
    }
    const client = await connect(this.#plan, trouble)
    if (this.#closed) return client.destroy()
    this.#client = client
    this.#greetIn(0)
  }

  #missed(error: unknown): void {
    this.#trouble = reasonOf(error)
    // A late answer may come yet; an error has come already.
    if (!(error instanceof LateError) || ++this.#misses >= MISSES) this.#away(true)
  }

  /** @param there as far as one knows: it is slow, or refused what it was asked */
  #away(there: boolean): void {
    if (!this.#up) return
    this.#up = false
    const now = monotonicMs()
    this.#wanted = there && now - this.since < STEADY ? Math.min(MOST_GREETINGS, 2 * this.#wanted + 1) : GREETINGS
    this.since = now
    this.#greetings = 0
    this.#inTime = 0
    this.#events.changed(false, this.#trouble)
    this.#greetIn(Math.random() * FIRST_PAUSE)
  }

  #greetIn(pause: number): void {
    clearTimeout(this.#timer)
    this.#timer = setTimeout(() => void this.#greet(), pause).unref()
  }

  async #greet(): Promise<void> {
    const client = this.#client
    if (client === null || this.#closed || this.#up) return
    try {
      const began = monotonicMs()
      const limit = Math.min(LONGEST_GREETING, Math.max(GREETING_TIMEOUT, this.#patience))
      const seed = await asked(client, GREET, [seedKey(this.#plan)], [this.#seed()], limit)
      if (this.#closed || client !== this.#client) return
      const took = monotonicMs() - began
      if (took > this.#patience) {
        this.#trouble = `it takes ${Math.round(took)} ms to answer, and has ${this.#patience} ms`
        this.#inTime = 0
        this.#greetings++
        return this.#greetLater()
      }
      if (++this.#inTime < this.#wanted) return this.#greetIn(Math.random() * FIRST_PAUSE)
      this.#up = true
      this.#misses = 0
      this.since = monotonicMs()
      this.#events.seed?.(String(seed))
      this.#events.changed(true, '')
    } catch (error) {
      if (this.#closed || client !== this.#client) return
      if (!(error instanceof LateError)) this.#trouble = reasonOf(error)
      this.#inTime = 0
      this.#greetings++
      if (error instanceof LateError && this.#greetings % DEAF === 0) {
        client.destroy()
        this.#client = null
        return void this.#open()
      }
      this.#greetLater()
    }
  }

  #greetLater(): void {
    this.#greetIn(Math.random() * Math.min(LONGEST_PAUSE, FIRST_PAUSE * 2 ** this.#greetings))
  }
}

/** The seed's place. Its own hash tag: in a Redis Cluster it is one node's. */
function seedKey({ prefix }: ClusterPlan): string {
  return `${prefix}:seed`
}

/** An answer that the script can't have given is no answer: whoever gave it doesn't count for us. */
async function asked(client: Client, script: Script, keys: string[], args: string[], limit: number): Promise<unknown> {
  const answer = await within(limit, client.run(script, keys, args))
  if (!script.fits(answer, keys.length)) throw new TypeError('the store answered something else')
  return answer
}

class LateError extends Error {}

function within<T>(limit: number, work: Promise<T>): Promise<T> {
  let timer: NodeJS.Timeout | undefined
  const late = new Promise<never>((_resolve, reject) => {
    timer = setTimeout(() => reject(new LateError(`no answer within ${limit} ms`)), limit)
  })
  return Promise.race([work, late]).finally(() => clearTimeout(timer))
}

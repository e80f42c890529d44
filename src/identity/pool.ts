/**
 * The worker's side of its verification threads: collects what one tick brings, sends it as one task, and
 * keeps the rest back until a thread is free, so that under load tasks grow instead of queues.
 */
import { Threads, threadFile } from '../threads.ts'
import type { TaskKey, VerifyTask } from './pool-thread.ts'
import type { VerificationKey } from '../plan/keys.ts'

/** A token's part of a task. */
export interface VerifyRequest {
  readonly alg: string
  /** Whole, of the shape that `parseJws` checks. */
  readonly token: string
  /** Tried in this order. */
  readonly keys: readonly VerificationKey[]
}

/** The key that signed it; null: none of them; an Error: the verification itself failed. */
export type VerifyAnswer = VerificationKey | null | Error

/** The verifier's only need; tests and `explain` can do without threads. */
export interface SignatureVerifier {
  verify(request: VerifyRequest): Promise<VerifyAnswer>
  /** Signed requests may come from now on: what the first would wait for can start. */
  start?(): void
  close(): Promise<void>
}

interface Waiting {
  readonly request: VerifyRequest
  readonly resolve: (answer: VerifyAnswer) => void
}

/** Tokens in one task: 64 take 3-6 ms, so an answer never waits long for its neighbours, nor does a shutdown. */
const MAX_TASK = 64

export class VerifyPool implements SignatureVerifier {
  #pool: Threads<VerifyTask, number[]> | null = null
  readonly #file: URL
  readonly #threads: number
  #waiting: Waiting[] = []
  #scheduled = false
  #tasksOut = 0
  #closed = false
  /** Signatures checked and tasks sent since the start. */
  verified = 0
  tasks = 0

  constructor(options: { threads: number; file?: URL }) {
    this.#threads = options.threads
    this.#file = options.file ?? threadFile('pool-thread', import.meta.url)
  }

  /**
   * Starts its threads and keeps them: the first token after a quiet night must not pay 50 ms for a thread. An idle one
   * sleeps in Atomics.wait and costs memory only. Not before there is something to serve: at a start they would take
   * the processor from what that waits for.
   */
  start(): void {
    this.#threadsUp()
  }

  #threadsUp(): Threads<VerifyTask, number[]> {
    // This class bounds what waits; a thread is never given more than one task.
    return (this.#pool ??= new Threads(this.#file, {
      least: this.#threads,
      most: this.#threads,
      queue: this.#threads
    }))
  }

  /** Resolves when a thread has loaded its code. */
  async ready(): Promise<void> {
    await this.#threadsUp().run({ keys: [], algs: [], tokens: [], candidates: [] })
  }

  /** Never rejects. The caller bounds how many wait. */
  verify(request: VerifyRequest): Promise<VerifyAnswer> {
    if (this.#closed) return Promise.resolve(new Error('the verification threads are closed'))
    return new Promise((resolve) => {
      this.#waiting.push({ request, resolve })
      if (this.#scheduled) return
      // After the poll phase: every request that this tick's packets brought is in by then. A microtask would run
      // after each uWS callback, one request at a time.
      this.#scheduled = true
      setImmediate(() => {
        this.#scheduled = false
        this.#send()
      })
    })
  }

  /** What waits is answered with an Error; resolves when the threads are gone, so that the worker can exit. */
  async close(): Promise<void> {
    this.#closed = true
    const waiting = this.#waiting
    this.#waiting = []
    for (const { resolve } of waiting) resolve(new Error('the verification threads are closed'))
    await this.#pool?.close()
  }

  #send(): void {
    while (this.#waiting.length > 0 && this.#tasksOut < this.#threads && !this.#closed) {
      const batch = this.#waiting.length <= MAX_TASK ? this.#waiting : this.#waiting.slice(0, MAX_TASK)
      this.#waiting = batch === this.#waiting ? [] : this.#waiting.slice(MAX_TASK)
      void this.#run(batch)
    }
  }

  async #run(batch: readonly Waiting[]): Promise<void> {
    const keys: VerificationKey[] = []
    const task = taskOf(batch, keys)
    this.#tasksOut++
    this.tasks++
    let signers: number[] | Error
    try {
      signers = await this.#threadsUp().run(task)
      this.verified += batch.length
    } catch (error) {
      signers = error instanceof Error ? error : new Error(String(error))
    }
    this.#tasksOut--
    for (const [i, { resolve }] of batch.entries()) {
      resolve(signers instanceof Error ? signers : (keys[signers[i] ?? -1] ?? null))
    }
    this.#send()
  }
}

/**
 * Leaves the task's keys in `keys`. The lists grow by `push`: V8 takes those that `map` makes for sparse, and copies
 * each item from thread to thread with its index, which takes sixteen tokens 18.6 µs there and back instead of 13.8.
 */
function taskOf(batch: readonly Waiting[], keys: VerificationKey[]): VerifyTask {
  const algs: string[] = []
  const tokens: string[] = []
  const candidates: number[][] = []
  for (const { request } of batch) {
    algs.push(request.alg)
    tokens.push(request.token)
    const its: number[] = []
    for (const key of request.keys) its.push(indexIn(keys, key))
    candidates.push(its)
  }
  const needed: TaskKey[] = []
  for (const { id, material, secret } of keys) needed.push({ id, material, secret })
  return { keys: needed, algs, tokens, candidates }
}

/** A task carries each key once: most of its tokens share one. */
function indexIn(keys: VerificationKey[], key: VerificationKey): number {
  const i = keys.indexOf(key)
  return i >= 0 ? i : keys.push(key) - 1
}

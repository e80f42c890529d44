/**
 * Signs of life and the process's few shared states. Every word has its own meaning and is written whole; nothing is
 * read together with anything else, so sequentially consistent single loads and stores are all the order needed.
 */
import { monotonicMs } from './clock.ts'

/** Who beats: `main`, `control`, or a worker's index. */
export type Who = 'main' | 'control' | number

const READY = 0
const DRAINING = 1
const STATES = 2
const THREADS_BESIDE_WORKERS = 2

export function bytesOfBeats(workers: number): number {
  return (STATES + THREADS_BESIDE_WORKERS + 2 * workers) * Int32Array.BYTES_PER_ELEMENT
}

export class Beats {
  readonly workers: number
  readonly #words: Int32Array
  readonly #clock: () => number

  /** @param clock ms, the same over all threads; for tests */
  constructor(
    memory: { readonly beats: SharedArrayBuffer; readonly workers: number },
    clock: () => number = monotonicMs
  ) {
    this.workers = memory.workers
    this.#words = new Int32Array(memory.beats)
    this.#clock = clock
  }

  /** I am alive now. */
  beat(who: Who): void {
    Atomics.store(this.#words, this.#at(who), this.#now())
  }

  /** ms since the last beat; Infinity before the first. Right for ages up to 24 days. */
  ageMs(who: Who): number {
    const beaten = Atomics.load(this.#words, this.#at(who))
    if (beaten === 0) return Infinity
    // Milliseconds wrap at 32 bits; their difference does not. A beat between the two reads would be a negative age.
    return Math.max(0, (this.#now() - beaten) | 0)
  }

  /** As before the first beat: a replacement is not judged by the beats of the one it replaces. */
  forget(who: Who): void {
    Atomics.store(this.#words, this.#at(who), 0)
    if (typeof who === 'number') this.setShedding(who, 0)
  }

  /** How far a worker turns requests away: the level of its admission (limits/admission.ts), 0 to 3. */
  setShedding(worker: number, level: number): void {
    Atomics.store(this.#words, this.#at(worker) + this.workers, level)
  }

  shedding(worker: number): number {
    return Atomics.load(this.#words, this.#at(worker) + this.workers)
  }

  /** Whether the ready path answers 200: a plan is served and no stop was asked for. */
  setReady(ready: boolean): void {
    Atomics.store(this.#words, READY, ready ? 1 : 0)
  }

  isReady(): boolean {
    return Atomics.load(this.#words, READY) === 1
  }

  /** A stop was asked for: answers carry `Connection: close`, the process ends when the last exchange has. */
  setDraining(draining: boolean): void {
    Atomics.store(this.#words, DRAINING, draining ? 1 : 0)
  }

  isDraining(): boolean {
    return Atomics.load(this.#words, DRAINING) === 1
  }

  #now(): number {
    // 0 means "never", so the one millisecond in 49 days that would be 0 is taken for the next.
    return Math.floor(this.#clock()) | 0 || 1
  }

  #at(who: Who): number {
    if (who === 'main') return STATES
    if (who === 'control') return STATES + 1
    return STATES + THREADS_BESIDE_WORKERS + who
  }
}

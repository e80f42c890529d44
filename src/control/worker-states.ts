import type { Beats } from '../memory/beats.ts'
import type { WorkerReport } from './admin/report.ts'
import { type SlowToStart, withinStart } from './patience.ts'

/** By the level of a worker's admission (limits/admission.ts). */
const WORTHS = ['nobody', 'strangers', 'newcomers', 'callers'] as const

/** What the control thread knows of the worker threads, for `status` and the metrics. */
export class WorkerStates {
  readonly #states: { state: WorkerReport['state']; starts: number; came: () => void }[]

  readonly #slow: SlowToStart

  constructor(workers: number, slow: SlowToStart) {
    this.#slow = slow
    this.#states = Array.from({ length: workers }, () => ({ state: 'starting', starts: 0, came: () => {} }))
  }

  up(index: number): void {
    const worker = this.#states[index]
    if (worker === undefined) return
    worker.state = 'starting'
    worker.starts++
    worker.came()
  }

  /** It has the generation that the others serve. */
  serves(index: number): void {
    const worker = this.#states[index]
    if (worker !== undefined) worker.state = 'serving'
  }

  /** A generation was taken over by every worker there is. */
  allServe(): void {
    for (const worker of this.#states) if (worker.state === 'starting') worker.state = 'serving'
  }

  /**
   * Resolves when each has come up once. They come one after the other where processors are few, so each has its time
   * from when the one before it came; rejects when one does not come in that.
   */
  async allUp(): Promise<void> {
    for (const [index, worker] of this.#states.entries()) {
      if (worker.starts > 0) continue
      const came = new Promise<void>((resolve) => (worker.came = resolve))
      await withinStart(
        index,
        `worker ${index} did not come up, because one before it still loads its code,`,
        this.#slow,
        came
      )
    }
  }

  down(index: number): void {
    const worker = this.#states[index]
    if (worker !== undefined) worker.state = 'down'
  }

  bypassed(index: number, bypassed: boolean): void {
    const worker = this.#states[index]
    if (worker !== undefined) worker.state = bypassed ? 'bypassed' : 'serving'
  }

  report(beats: Beats): WorkerReport[] {
    return this.#states.map(({ state, starts }, index) => ({
      index,
      state,
      beatAge: finite(beats.ageMs(index)),
      restarts: Math.max(0, starts - 1),
      shedding: WORTHS[beats.shedding(index)] ?? 'nobody'
    }))
  }
}

/** Infinity, before the first beat, has no place in JSON. */
function finite(age: number): number | null {
  return Number.isFinite(age) ? age : null
}

import type { Beats } from '../memory/beats.ts'
import type { WorkerReport } from './admin/report.ts'

/** By the level of a worker's admission (limits/admission.ts). */
const WORTHS = ['nobody', 'strangers', 'newcomers', 'callers'] as const

/** What the control thread knows of the worker threads, for `status` and the metrics. */
export class WorkerStates {
  readonly #states: { state: WorkerReport['state']; starts: number }[]

  constructor(workers: number) {
    this.#states = Array.from({ length: workers }, () => ({ state: 'starting', starts: 0 }))
  }

  up(index: number): void {
    const worker = this.#states[index]
    if (worker === undefined) return
    worker.state = 'starting'
    worker.starts++
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

  get allUp(): boolean {
    return this.#states.every(({ starts }) => starts > 0)
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

import { constrainedMemory, memoryUsage } from 'node:process'
import { totalmem } from 'node:os'
import { getHeapStatistics } from 'node:v8'
import { INTERVAL, type Admission } from '../limits/admission.ts'
import { monotonicMs } from '../memory/clock.ts'

/** Between two looks at how late the event loop is, ms. */
const LOOK = 50
/** Looks that an interval takes at the least: after a long turn of the loop a single one would fill it. */
const LEAST_LOOKS = 4
/** Of what the cgroup or the machine has, where no limit is set. */
const SHARE = 0.9

/** Measures what weighs on a worker's admission, and has it judged. */
export class LoadProbe {
  readonly #admission: Admission
  readonly #waiting: () => number
  readonly #changed: () => void
  readonly #countUnderWay: () => void
  readonly #memoryLimit: number
  readonly #timer: NodeJS.Timeout
  #lookedAt = monotonicMs()
  #began = this.#lookedAt
  #looks = 0
  #lag = Infinity

  /**
   * @param memoryLimit bytes the process may take; 0: nine tenths of what there is
   * @param waiting share of the places for verification that is taken
   * @param countUnderWay tells the admission what the worker is about
   * @param changed the admission's level is another
   */
  constructor(
    admission: Admission,
    memoryLimit: number,
    waiting: () => number,
    countUnderWay: () => void,
    changed: () => void
  ) {
    this.#admission = admission
    this.#waiting = waiting
    this.#changed = changed
    this.#countUnderWay = countUnderWay
    this.#memoryLimit = memoryLimit || SHARE * memoryThereIs()
    this.#timer = setInterval(() => this.#look(), LOOK)
  }

  close(): void {
    clearInterval(this.#timer)
  }

  #look(): void {
    const now = monotonicMs()
    const lag = Math.max(0, now - this.#lookedAt - LOOK)
    this.#admission.late(lag)
    this.#lag = Math.min(this.#lag, lag)
    this.#lookedAt = now
    this.#looks++
    if (this.#looks < LEAST_LOOKS || now - this.#began < INTERVAL) return
    const { used_heap_size: used, heap_size_limit: limit } = getHeapStatistics()
    const load = {
      lag: this.#lag,
      waiting: this.#waiting(),
      memory: memoryUsage.rss() / this.#memoryLimit,
      heap: used / limit
    }
    this.#began = now
    this.#looks = 0
    this.#lag = Infinity
    if (this.#admission.judge(load)) this.#changed()
    if (this.#admission.watches) this.#countUnderWay()
  }
}

/** Bytes. A cgroup without a limit says 0, or more than any machine has. */
function memoryThereIs(): number {
  return Math.min(constrainedMemory() || Infinity, totalmem())
}

import type { Log } from '../observe/log.ts'
import type { PackedPlan } from '../plan/plan.ts'
import { saveLastGood } from './last-good.ts'
import { removeUnusedCopies } from './private-copies.ts'

/** A generation that served this long without the process ending is one to come back to, ms. */
const PROVEN = 10_000
/** Until it is looked again whether a reload is over, ms. */
const AGAIN = 1_000

export interface ProvingOptions {
  stateDir: () => string
  /** What the configuration was read from. */
  files: () => readonly string[]
  reloading: () => boolean
  log: () => Log
}

/** Which plan is the one to come back to: the last that ran well. */
export class Proving {
  readonly #options: ProvingOptions
  #timer: NodeJS.Timeout | undefined

  constructor(options: ProvingOptions) {
    this.#options = options
  }

  /** `plan` serves from now on. */
  begin(plan: PackedPlan): void {
    this.#in(PROVEN, plan)
  }

  #in(delay: number, plan: PackedPlan): void {
    clearTimeout(this.#timer)
    this.#timer = setTimeout(() => this.#hasProven(plan), delay).unref()
  }

  #hasProven(plan: PackedPlan): void {
    const { stateDir, files, reloading, log } = this.#options
    // A reload under way has written copies of certificates that no plan in force names yet.
    if (reloading()) return this.#in(AGAIN, plan)
    try {
      saveLastGood(stateDir(), { plan, files: files() })
      // Not sooner: until now the one to come back to was another, with certificates of its own.
      removeUnusedCopies(stateDir(), plan)
    } catch (error) {
      const reason = error instanceof Error ? error.message : String(error)
      log().warn("the running configuration can't be kept as the last good one", { reason })
    }
  }
}

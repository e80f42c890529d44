import { Threads, threadFile } from '../../threads.ts'
import { judgeContent, type Judged } from './content.ts'
import type { ContentTask } from './content-thread.ts'
import type { PreparedContent } from './prepared.ts'
import { FEW_STEPS, stepsFor } from './validator.ts'

/** Bodies up to this size are judged where they are: 1 ms at most. A larger one would hold up everybody else, bytes. */
const LARGE = 64 * 1024

/** How long a thread is kept without a body, ms. */
const IDLE = 30_000

/** Judges bodies: small ones at once, large ones, and those that turn out to take long, on a thread of low priority. */
export class ContentJudge {
  readonly #file: URL
  readonly #max: number
  #threads: Threads<ContentTask, Judged> | null = null
  #running = 0
  /** Each goes on with its own task when a thread is free. What waits holds its body, which BodyMemory bounds. */
  readonly #waiting: (() => void)[] = []
  #closed = false

  /** @param max threads; 0: everything is judged at once, as `explain` wants it. They are started when first needed. */
  constructor(max: number, file = threadFile('content-thread', import.meta.url)) {
    this.#max = max
    this.#file = file
  }

  /** @param wantValue whether the body's value is asked for besides */
  judge(bytes: Uint8Array, content: PreparedContent, wantValue: boolean): Judged | Promise<Judged> {
    const { bounds, schema } = content
    if (this.#max === 0) return judgeContent(bytes, bounds, schema?.check ?? null)
    if (bytes.length <= LARGE) {
      const judged = judgeContent(bytes, bounds, schema?.check ?? null, FEW_STEPS)
      if (judged.fault?.undecided !== true || stepsFor(bytes.length) === FEW_STEPS) return judged
    }
    return this.#run({ bytes, bounds, source: schema?.source ?? null, name: schema?.name ?? '', wantValue })
  }

  async #run(task: ContentTask): Promise<Judged> {
    if (this.#running >= this.#max) await new Promise<void>((resolve) => this.#waiting.push(resolve))
    if (this.#closed) throw new Error('the threads that judge bodies are closed')
    this.#threads ??= new Threads(this.#file, { least: 0, most: this.#max, queue: this.#max, idle: IDLE })
    this.#running++
    try {
      return await this.#threads.run(task)
    } finally {
      this.#running--
      this.#waiting.shift()?.()
    }
  }

  async close(): Promise<void> {
    this.#closed = true
    for (const wake of this.#waiting.splice(0)) wake()
    await this.#threads?.close()
  }
}

/** Threads beside a worker for work that would hold it up: the only importer of piscina. */
import { extname } from 'node:path'
import { fileURLToPath } from 'node:url'
import { Piscina } from 'piscina'

/** Threads that run one file's task, one at a time each. */
export class Threads<Task, Result> {
  readonly #piscina: Piscina<Task, Result>

  /**
   * @param file module whose default export does a task, see `threadFile`
   * @param options at least and at most so many threads; ms without work after which one above the least ends; tasks
   * that may wait
   */
  constructor(file: URL, options: { least: number; most: number; queue: number; idle?: number }) {
    this.#piscina = new Piscina({
      // A path: of an address piscina would make one again for each task.
      filename: fileURLToPath(file),
      minThreads: options.least,
      maxThreads: options.most,
      concurrentTasksPerWorker: 1,
      maxQueue: options.queue,
      ...(options.idle === undefined ? {} : { idleTimeout: options.idle }),
      recordTiming: false
    })
    // A thread that dies with nothing to do is replaced at the next task; unheard, the event would end the worker.
    this.#piscina.on('error', () => {})
  }

  /** Rejects when the task threw, its thread died, or the threads are closed. */
  run(task: Task): Promise<Result> {
    return this.#piscina.run(task)
  }

  /** Resolves when the threads are gone, so that the worker can exit. */
  async close(): Promise<void> {
    await this.#piscina.destroy()
  }
}

/** The module `name`, without its ending, beside the one at `beside`: a source here, compiled in dist/. */
export function threadFile(name: string, beside: string): URL {
  return new URL(`./${name}${extname(fileURLToPath(beside))}`, beside)
}

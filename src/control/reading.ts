import { once } from 'node:events'
import type { PackedPlan } from '../plan/plan.ts'
import type { Finding } from './config/load.ts'
import { type ReadingThread, startReading } from './start-reading.ts'

/** What one reading of the configuration gave. */
export interface Reading {
  /** null when there are errors. */
  plan: PackedPlan | null
  findings: Finding[]
  /** Files and folders it was read from, found or not: to watch. */
  files: string[]
  /** Absolute; '' when the configuration does not get as far as to say it. */
  stateDir: string
}

/** With when it began, ms since the epoch: what changed after that is not in it. */
export interface TimedReading extends Reading {
  began: number
}

/** `failed`: for what is wrong with a configuration there is a Reading all the same. */
export type ReadingAnswer = Reading | { failed: string }

/** What the reading thread is asked. */
export interface ReadingRequest {
  /** Absolute path of the root configuration file. */
  configFile: string
  /** The same as the owner wrote it, for messages. */
  configName: string
  generation: number
}

/** An owner at work reloads again and again; loading the thread's code costs a quarter of a second each time. ms. */
const KEPT = 10_000

/**
 * Reads and compiles the configuration in a thread of its own: 10,000 routes take seconds, and the control thread has
 * to beat meanwhile, or the guard takes the gateway for hung. The thread and its memory go when nothing was read for a
 * while.
 */
export class ConfigurationReader {
  #thread: ReadingThread | null = null
  #idle: NodeJS.Timeout | undefined
  #ahead: { generation: number; reading: Promise<TimedReading> } | null = null

  /**
   * A thread that is at work already: what it was asked is what `read` will be asked for by its generation.
   *
   * @param began when it was asked, ms since the epoch
   */
  adopt(thread: ReadingThread, generation: number, began: number): void {
    this.#thread = thread
    const reading = this.#answer(thread, began)
    this.#ahead = { generation, reading }
    // Whoever asks for it meets its failure; until then nobody listens.
    reading.catch(() => {})
  }

  /** One at a time. Rejects when the thread fails, never for what is wrong with a configuration: that is in `findings`. */
  read(request: ReadingRequest): Promise<TimedReading> {
    const ahead = this.#ahead
    this.#ahead = null
    if (ahead?.generation === request.generation) return ahead.reading
    const began = Date.now()
    const thread = (this.#thread ??= startReading())
    thread.port.postMessage(request)
    return this.#answer(thread, began)
  }

  async #answer({ port, failed }: ReadingThread, began: number): Promise<TimedReading> {
    clearTimeout(this.#idle)
    const done = new AbortController()
    const { signal } = done
    try {
      const ended = failed.then((error): never => {
        throw error
      })
      const answer = once(port, 'message', { signal }) as Promise<[ReadingAnswer]>
      const [reading] = await Promise.race([answer, ended])
      if ('failed' in reading) throw new Error(reading.failed)
      return { ...reading, began }
    } catch (error) {
      this.close()
      throw error
    } finally {
      done.abort()
      this.#idle = setTimeout(() => this.close(), KEPT).unref()
    }
  }

  /** The thread ends when it has read what it may be reading. */
  close(): void {
    clearTimeout(this.#idle)
    this.#thread?.port.close()
    this.#thread = null
  }
}

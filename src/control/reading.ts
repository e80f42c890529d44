import { once } from 'node:events'
import { extname } from 'node:path'
import { Worker } from 'node:worker_threads'
import type { Plan } from '../plan/plan.ts'
import type { Finding } from './config/load.ts'

/** What one reading of the configuration gave. */
export interface Reading {
  /** null when there are errors. */
  plan: Plan | null
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
  #thread: Worker | null = null
  #idle: NodeJS.Timeout | undefined
  #ahead: { generation: number; reading: Promise<TimedReading> } | null = null

  /** Begins at once what `read` will be asked for, by its generation. */
  readAhead(request: ReadingRequest): void {
    const reading = this.#read(request)
    this.#ahead = { generation: request.generation, reading }
    // Whoever asks for it meets its failure; until then nobody listens.
    reading.catch(() => {})
  }

  /** One at a time. Rejects when the thread fails, never for what is wrong with a configuration: that is in `findings`. */
  read(request: ReadingRequest): Promise<TimedReading> {
    const ahead = this.#ahead
    this.#ahead = null
    return ahead?.generation === request.generation ? ahead.reading : this.#read(request)
  }

  async #read(request: ReadingRequest): Promise<TimedReading> {
    clearTimeout(this.#idle)
    const began = Date.now()
    const thread = (this.#thread ??= newThread())
    const done = new AbortController()
    const { signal } = done
    try {
      const ended = once(thread, 'exit', { signal }).then((): never => {
        throw new Error('the thread that reads the configuration ended without a word')
      })
      const answer = once(thread, 'message', { signal }) as Promise<[Reading]>
      thread.postMessage(request)
      const [reading] = await Promise.race([answer, ended])
      return { ...reading, began }
    } catch (error) {
      await this.close()
      throw error
    } finally {
      done.abort()
      this.#idle = setTimeout(() => void this.close(), KEPT).unref()
    }
  }

  async close(): Promise<void> {
    clearTimeout(this.#idle)
    const thread = this.#thread
    this.#thread = null
    await thread?.terminate()
  }
}

function newThread(): Worker {
  return new Worker(new URL('./reading-thread' + extname(import.meta.url), import.meta.url), { name: 'reading' })
}

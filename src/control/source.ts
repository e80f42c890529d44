import type { Log } from '../observe/log.ts'
import { type LastGood, readLastGood } from './last-good.ts'
import type { ConfigurationReader, Reading } from './reading.ts'
import { FileWatch } from './watch.ts'

export interface SourceOptions {
  /** Absolute path of the root configuration file. */
  configFile: string
  /** The same as the owner wrote it. */
  configName: string
  /** State directory to start on the last good plan of; null: start on the file. */
  lastGoodIn: string | null
  /** May have begun to read already; closed by `close`. */
  reader: ConfigurationReader
  log: () => Log
  /** The files changed, and the change has settled. */
  changed: () => void
}

/** Where plans come from: the configuration's files, or the last plan that ran well when those brought the gateway down. */
export class ConfigurationSource {
  readonly #options: SourceOptions
  readonly #watch: FileWatch

  constructor(options: SourceOptions) {
    this.#options = options
    this.#watch = new FileWatch(options.changed)
  }

  /** For the start. `lastGood`: the plan is not what the configuration's files say. */
  async first(generation: number): Promise<Reading & { lastGood: boolean }> {
    const { lastGoodIn } = this.#options
    if (lastGoodIn !== null) {
      const kept = readLastGood(lastGoodIn)
      if (kept !== null) return { ...this.#lastGood(lastGoodIn, kept, generation), lastGood: true }
      this.#options.log().error('no configuration has run well yet: starting on the present one once more', {})
    }
    return { ...(await this.read(generation)), lastGood: false }
  }

  #lastGood(stateDir: string, kept: LastGood, generation: number): Reading {
    this.#options.log().error('starting on the last configuration that ran well: the present one failed', { stateDir })
    // What the files say now is what failed: the next change of one of them is what counts.
    const files = [this.#options.configFile, ...kept.files]
    this.#watch.reading()(files)
    return { plan: { ...kept.plan, generation }, findings: [], files, stateDir }
  }

  /** What the files say now. Rejects as ConfigurationReader does. */
  async read(generation: number): Promise<Reading> {
    const { configFile, configName, reader } = this.#options
    const watch = this.#watch.reading()
    const reading = await reader.read({ configFile, configName, generation })
    watch(reading.files, reading.began)
    return reading
  }

  /** From now on changes are told. */
  watch(): void {
    this.#watch.begin()
  }

  /** Files and folders that were read last. */
  get files(): readonly string[] {
    return this.#watch.files
  }

  /** Whether the files changed since they were read last. */
  differs(): boolean {
    return this.#watch.differs()
  }

  stopWatching(): void {
    this.#watch.stop()
  }

  close(): void {
    this.#watch.stop()
    this.#options.reader.close()
  }
}

import type { LastReload, ReloadVerdict } from './admin/report.ts'

/** The cause that gives way to any other, and is no news when nothing came of it. */
export const FILE_CHANGE = 'a changed file'

export interface ReloadOptions {
  /** Reads, compiles and rolls out. What it throws is the reason of a refusal. */
  attempt(): Promise<ReloadVerdict>
  refused(reason: string): ReloadVerdict
  /** Whether the files changed since they were read last. */
  differs(): boolean
  /** Each verdict, before whoever asked has it. */
  decided(verdict: ReloadVerdict, cause: string): void
}

/**
 * One reload at a time. Asked for meanwhile: once more, unless what was asked for has just been done: an owner who
 * saves the file and asks comes while the change itself is being followed.
 */
export class Reloads {
  readonly #options: ReloadOptions
  #underWay: Promise<ReloadVerdict> | null = null
  /** Who asked for one more while one was under way; an owner's word goes before a file's. */
  #again: string | null = null
  #last: LastReload | null = null

  constructor(options: ReloadOptions) {
    this.#options = options
  }

  /** null: none was asked for yet. */
  get last(): LastReload | null {
    return this.#last
  }

  get underWay(): boolean {
    return this.#underWay !== null
  }

  /** @returns the verdict on what the files said when, or after, it was asked for. Never rejects. */
  reload(cause: string): Promise<ReloadVerdict> {
    if (this.#underWay !== null) {
      if (this.#again === null || cause !== FILE_CHANGE) this.#again = cause
      return this.#underWay.then((verdict) => this.#underWay ?? verdict)
    }
    this.#again = null
    this.#underWay = this.#once(cause).then((verdict) => {
      this.#underWay = null
      const again = this.#again
      const done = verdict.outcome !== 'refused' && !this.#options.differs()
      if (again !== null && !done) void this.reload(again)
      return verdict
    })
    return this.#underWay
  }

  async #once(cause: string): Promise<ReloadVerdict> {
    const verdict = await this.#options
      .attempt()
      .catch((error: unknown) => this.#options.refused(error instanceof Error ? error.message : String(error)))
    const reason = verdict.outcome === 'refused' ? verdict.reason : ''
    this.#last = { at: new Date().toISOString(), outcome: verdict.outcome, reason }
    this.#options.decided(verdict, cause)
    return verdict
  }
}

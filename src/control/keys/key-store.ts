/**
 * Every issuer's verification keys, in the control thread: fetched, judged, kept fresh, and told to the workers as
 * whole sets. A new configuration's sources are tried before it is taken and heard only once it is.
 */
import { KeySource } from './key-source.ts'
import type { FetchJson, SourceOptions, SourceStatus } from './key-source.ts'
import type { IssuerPlan } from '../../plan/issuer.ts'
import type { KeySet } from '../../plan/keys.ts'

export interface KeyStoreOptions {
  readonly fetchJson: FetchJson
  /** Good sets are kept in `<stateDir>/keys/<issuer>.json`. */
  readonly stateDir: string
  /** A set that differs from the one before; to be sent to every worker. */
  readonly onKeys: (set: KeySet) => void
  /** For the owner's log: refused keys, failed fetches. */
  readonly onNote: (level: 'warn' | 'error', text: string) => void
  /** ms since the epoch; for tests. */
  readonly clock?: () => number
}

/** Sources that were tried for a configuration that isn't taken yet. Exactly one of the two is called. */
export interface PreparedKeys {
  commit(): void
  cancel(): Promise<void>
}

export type KeyStatus = SourceStatus & { readonly version: number }

export class KeyStore {
  readonly #options: KeyStoreOptions
  readonly #clock: () => number
  #sources = new Map<string, KeySource>()
  /** Last set of each issuer. */
  readonly #sets = new Map<string, KeySet>()

  constructor(options: KeyStoreOptions) {
    this.#options = options
    this.#clock = options.clock ?? Date.now
  }

  /** Resolves when every issuer has keys or its first attempt failed. Never rejects. */
  async start(issuers: readonly IssuerPlan[]): Promise<void> {
    const prepared = await this.prepare(issuers)
    prepared.commit()
  }

  /**
   * Tries the sources that `issuers` add or change; those that stay as they are keep their keys and schedule.
   * `commit` announces the new sets; a changed source that has no keys voids the old ones, which were another's word.
   */
  async prepare(issuers: readonly IssuerPlan[]): Promise<PreparedKeys> {
    const next = new Map<string, KeySource>()
    const fresh: KeySource[] = []
    for (const plan of issuers) {
      const current = this.#sources.get(plan.name)
      if (current !== undefined && current.serves(plan)) next.set(plan.name, current)
      else {
        const source = new KeySource(plan, this.#sourceOptions())
        next.set(plan.name, source)
        fresh.push(source)
      }
    }
    await Promise.all(fresh.map((source) => source.load()))
    return {
      commit: () => {
        const kept = new Set(next.values())
        for (const source of this.#sources.values()) if (!kept.has(source)) void source.close()
        this.#sources = next
        for (const name of this.#sets.keys()) if (!next.has(name)) this.#sets.delete(name)
        for (const source of fresh) {
          source.begin()
          if (source.keys.length > 0 || this.#sets.has(source.plan.name)) this.#publish(source)
        }
      },
      cancel: async () => {
        await Promise.all(fresh.map((source) => source.close()))
      }
    }
  }

  /**
   * A token named a key that this version of the issuer's set lacks. False: a newer one is on its way to that worker, the
   * source was asked too often just now, or has no more to say.
   */
  refetch(issuer: string, version: number): boolean {
    // Each worker hears of a set at its own time: one rotation must not use up what unknown kids may ask for.
    if ((this.#sets.get(issuer)?.version ?? 0) > version) return false
    return this.#sources.get(issuer)?.refetch() ?? false
  }

  /** Reads the key files again, when one was seen to change. */
  async refreshFiles(): Promise<void> {
    await Promise.all([...this.#sources.values()].map((source) => source.refreshFile()))
  }

  /** Resolves when no attempt is under way. */
  async settled(): Promise<void> {
    await Promise.all([...this.#sources.values()].map((source) => source.settled()))
  }

  status(): KeyStatus[] {
    return [...this.#sources.values()].map((source) => ({
      ...source.status(),
      version: this.#sets.get(source.plan.name)?.version ?? 0
    }))
  }

  async close(): Promise<void> {
    await Promise.all([...this.#sources.values()].map((source) => source.close()))
  }

  #publish(source: KeySource): void {
    const { name } = source.plan
    // By the clock, so that a control thread that was started anew still counts up.
    const version = Math.max((this.#sets.get(name)?.version ?? 0) + 1, this.#clock())
    const set: KeySet = { issuer: name, version, keys: [...source.keys], fetchedAt: source.fetchedAt }
    this.#sets.set(name, set)
    this.#options.onKeys(set)
  }

  #sourceOptions(): SourceOptions {
    const { fetchJson, stateDir, onNote } = this.#options
    return { fetchJson, stateDir, onNote, clock: this.#clock, onChange: (source) => this.#publish(source) }
  }
}

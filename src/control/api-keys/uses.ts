import type { Client } from '../../observe/record.ts'
import type { ApiKeyPlan } from '../../plan/consumer.ts'
import { unpack } from '../../plan/packed.ts'
import type { PackedPlan } from '../../plan/plan.ts'
import type { KeyUseRow } from '../store/key-uses.ts'

/** An API key as its owner is shown it: points in time in ISO 8601, UTC. Nothing of the key itself, nor its hash. */
export interface ApiKeyReport {
  id: string
  consumer: string
  /** First instant it no longer holds; null: never. */
  expires: string | null
  expired: boolean
  canary: boolean
  /** When a configuration with it came to serve first: what "never used" counts from. */
  known: string
  /** The last request that it identified, whatever was decided of it; null: none since `known`. */
  used: string | null
  /** Line of the configuration. */
  where: string
}

/** Where they are kept: `KeyUseRows`. */
export interface KeptUses {
  all(): Promise<KeyUseRow[]>
  put(row: KeyUseRow): void
  remove(id: string): void
}

/** What the store is told of is at most this much newer than what it knows, ms: a busy key is no write a second. */
const GRAIN = 60_000
/** Until the keys of a new plan are looked at, unless somebody asks before, ms: a start or a reload doesn't wait for it. */
const LATER = 1_000

interface Use extends KeyUseRow {
  /** `used` as it is kept. */
  kept: number | null
  consumer: string
  key: Pick<ApiKeyPlan, 'expires' | 'canary' | 'where'>
}

/**
 * When each API key was used last, from the access records. As many entries as the configuration has keys, whatever
 * clients send. Kept over restarts; kill -9 can cost the last minute of a key.
 */
export class KeyUses {
  readonly #clock: () => number
  /** By id, in the configuration's order. */
  #uses = new Map<string, Use>()
  #rows: KeptUses | null = null
  /** What the store held at the start, until the first plan says which of it are keys. */
  #restored = new Map<string, KeyUseRow>()
  /** The keys that are there since `at`, not looked at yet. */
  #next: { consumers: PackedPlan['consumers']; at: number } | null = null
  #timer: NodeJS.Timeout | undefined

  /** @param clock ms since the epoch; for tests */
  constructor(clock: () => number = Date.now) {
    this.#clock = clock
  }

  /** To be called before the first plan. Rejects when the store can't be read. */
  async restore(rows: KeptUses): Promise<void> {
    this.#rows = rows
    for (const row of await rows.all()) this.#restored.set(row.id, row)
  }

  /** These keys are there from now on; what was known of others is forgotten. */
  use({ consumers }: Pick<PackedPlan, 'consumers'>): void {
    this.#takeUp()
    this.#next = { consumers, at: this.#clock() }
    this.#timer = setTimeout(() => this.#takeUp(), LATER).unref()
  }

  #takeUp(): void {
    if (this.#next === null) return
    clearTimeout(this.#timer)
    const { consumers, at } = this.#next
    this.#next = null
    const before: ReadonlyMap<string, KeyUseRow> = this.#restored.size > 0 ? this.#restored : this.#uses
    const uses = new Map<string, Use>()
    for (const { name, keys } of unpack(consumers)) {
      for (const { id, expires, canary, where } of keys) {
        const known = before.get(id)
        const row = known ?? { id, known: at, used: null }
        if (known === undefined) this.#rows?.put(row)
        const kept = this.#uses.get(id)?.kept ?? row.used
        const key = { expires, canary, where }
        uses.set(id, { id, known: row.known, used: row.used, kept, consumer: name, key })
      }
    }
    for (const id of before.keys()) if (!uses.has(id)) this.#rows?.remove(id)
    this.#uses = uses
    this.#restored = new Map()
  }

  /** For every record, in any order. */
  record({ authMethod, credential }: Pick<Client, 'authMethod' | 'credential'>, time: number): void {
    if (authMethod !== 'key') return
    this.#takeUp()
    const use = this.#uses.get(credential)
    // Records of an earlier generation may name a key that is gone.
    if (use === undefined || time <= (use.used ?? 0)) return
    use.used = time
    if (time - (use.kept ?? 0) >= GRAIN) this.#keep(use)
  }

  list(): ApiKeyReport[] {
    this.#takeUp()
    const now = this.#clock()
    return [...this.#uses.values()].map(({ id, known, used, consumer, key }) => ({
      id,
      consumer,
      expires: key.expires === null ? null : iso(key.expires),
      expired: key.expires !== null && key.expires <= now,
      canary: key.canary,
      known: iso(known),
      used: used === null ? null : iso(used),
      where: key.where
    }))
  }

  /** Hands the store what it was not told yet. After the last record. */
  flush(): void {
    this.#takeUp()
    for (const use of this.#uses.values()) if (use.used !== use.kept) this.#keep(use)
  }

  #keep(use: Use): void {
    use.kept = use.used
    this.#rows?.put({ id: use.id, known: use.known, used: use.used })
  }
}

function iso(time: number): string {
  return new Date(time).toISOString()
}

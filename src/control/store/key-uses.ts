import type { Store } from './store.ts'

/** One row of `key_uses`. Points in time are ms since the epoch. */
export interface KeyUseRow {
  /** The key's id, which only one key of a configuration has. */
  id: string
  /** When a configuration with it came to serve first. */
  known: number
  /** Null: never since. */
  used: number | null
}

const PUT = 'INSERT OR REPLACE INTO key_uses (id, known, used) VALUES (?, ?, ?)'

/** When each API key of the configuration was used last. */
export class KeyUseRows {
  readonly #store: Store

  constructor(store: Store) {
    this.#store = store
  }

  async all(): Promise<KeyUseRow[]> {
    const rows = await this.#store.rows('SELECT id, known, used FROM key_uses')
    return rows.map(({ id, known, used }) => ({
      id: String(id),
      known: Number(known),
      used: used === null ? null : Number(used)
    }))
  }

  put({ id, known, used }: KeyUseRow): void {
    this.#store.write('key_uses', id, PUT, [id, known, used])
  }

  remove(id: string): void {
    this.#store.write('key_uses', id, 'DELETE FROM key_uses WHERE id = ?', [id])
  }
}

import type { BanReport, Evidence } from '../../ban.ts'
import { whyNotKept } from './kept.ts'
import type { Row } from './sqlite.ts'
import type { Store } from './store.ts'

const PUT = `INSERT OR REPLACE INTO bans
  (id, kind, key, who, scenario, place, reason, at, until, offences, remembered, mode, limited, evidence)
  VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`

/**
 * A key of several parts has U+0000 between the words of `by` and their values, and SQLite's texts end there when they are
 * read as such: as bytes it comes back whole.
 */
const ALL = 'SELECT *, CAST(key AS BLOB) AS whole FROM bans WHERE remembered > ? ORDER BY at, id'

/** Bans with what explains them. One that has ended is kept while it makes the next one longer. */
export class BanRows {
  readonly #store: Store

  constructor(store: Store) {
    this.#store = store
  }

  /** Those that hold or are remembered at `now`, ms. */
  async all(now: number): Promise<BanReport[]> {
    const rows = await this.#store.rows(ALL, [now])
    return rows.map(read)
  }

  /** `id`: of what is banned, so that its next ban takes this one's place. */
  put(id: string, ban: BanReport): void {
    const { kind, key, who, scenario, where, reason, at, until, offences, remembered, mode, limited, evidence } = ban
    const values = [id, kind, key, who, scenario, where, reason, at, until, offences, remembered, mode]
    this.#store.write('bans', id, PUT, [...values, limited ? 1 : 0, JSON.stringify(evidence)])
  }

  /** '' once what was changed so far outlives a restart; else why it may not. */
  kept(): Promise<string> {
    return whyNotKept(this.#store.flush())
  }

  remove(id: string): void {
    this.#store.write('bans', id, 'DELETE FROM bans WHERE id = ?', [id])
  }
}

function read(row: Row): BanReport {
  return {
    kind: row.kind === 'key' ? 'key' : 'address',
    key: Buffer.from(row.whole as Uint8Array).toString(),
    who: String(row.who),
    scenario: String(row.scenario),
    where: String(row.place),
    reason: String(row.reason),
    at: Number(row.at),
    until: Number(row.until),
    offences: Number(row.offences),
    remembered: Number(row.remembered),
    mode: row.mode === 'shadow' ? 'shadow' : 'enforce',
    limited: row.limited === 1,
    evidence: JSON.parse(String(row.evidence)) as Evidence[]
  }
}

import type { Store } from './store.ts'
import type { Row, SqlValue } from './sqlite.ts'

/** One row of `revocations`: made by the owner while the gateway ran. Points in time are ms since the epoch. */
export interface RevocationRow {
  /** Of what it revokes: the same twice is one row. */
  id: string
  issuer: string | null
  jti: string | null
  subject: string | null
  consumer: string | null
  kid: string | null
  issuedBefore: number | null
  until: number
  reason: string
  added: number
}

const PUT = `INSERT OR REPLACE INTO revocations
  (id, issuer, jti, subject, consumer, kid, issued_before, until, reason, added) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`

/** Revocations that were made by command or over the control socket; those of the configuration stand in its files. */
export class RevocationTable {
  readonly #store: Store

  constructor(store: Store) {
    this.#store = store
  }

  /** Those that still hold at `now`, ms. */
  async all(now: number): Promise<RevocationRow[]> {
    const rows = await this.#store.rows('SELECT * FROM revocations WHERE until > ? ORDER BY added, id', [now])
    return rows.map(read)
  }

  put(row: RevocationRow): void {
    const { id, issuer, jti, subject, consumer, kid, issuedBefore, until, reason, added } = row
    const values = [id, issuer, jti, subject, consumer, kid, issuedBefore, until, reason, added]
    this.#store.write('revocations', id, PUT, values)
  }

  remove(id: string): void {
    this.#store.write('revocations', id, 'DELETE FROM revocations WHERE id = ?', [id])
  }
}

function read(row: Row): RevocationRow {
  return {
    id: String(row.id),
    issuer: text(row.issuer),
    jti: text(row.jti),
    subject: text(row.subject),
    consumer: text(row.consumer),
    kid: text(row.kid),
    issuedBefore: row.issued_before === null ? null : Number(row.issued_before),
    until: Number(row.until),
    reason: String(row.reason),
    added: Number(row.added)
  }
}

function text(value: SqlValue | undefined): string | null {
  return typeof value === 'string' ? value : null
}

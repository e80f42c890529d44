import { SKETCH_LAYOUT } from '../../memory/debt-sketch.ts'
import { startOf } from '../../memory/calendar.ts'
import type { SketchPage } from '../../memory/sketch-pages.ts'
import type { Half } from '../../memory/shared.ts'
import type { Row } from './sqlite.ts'
import type { Store } from './store.ts'

const WORD = BigInt64Array.BYTES_PER_ELEMENT
// In the place of the former: a row that is replaced would be written to another place of the file.
const PUT = `INSERT INTO quota_sketch (half, layout, columns, page, until, words) VALUES (?, ?, ?, ?, ?, ?)
  ON CONFLICT DO UPDATE SET until = excluded.until, words = excluded.words`

/** What was kept, as far as it can be used. */
export interface KeptPages {
  pages: { half: Half; page: SketchPage }[]
  /** Rows of another layout than this version's: they say nothing here. */
  foreign: number
}

/**
 * What those callers have used of their quotas who found the table of quotas full: the pages of its sketch
 * (memory/sketch-pages.ts). `columns` is how wide the sketch was, which is GATEHOUSE_LIMIT_SLOTS' matter; rows of other
 * widths stay until their periods are over, and are put together with those of the present one. `words` are 64-bit
 * words, little-endian as on every machine that Gatehouse runs on.
 */
export class QuotaSketchRows {
  readonly #store: Store

  constructor(store: Store) {
    this.#store = store
  }

  /** @param now ms since the epoch */
  async all(now: number): Promise<KeptPages> {
    const rows = await this.#store.rows('SELECT * FROM quota_sketch WHERE until > ?', [now])
    const known = rows.filter(({ layout }) => layout === SKETCH_LAYOUT)
    const pages = known.map((row) => {
      const half: Half = row.half === 'callers' ? 'callers' : 'strangers'
      return { half, page: pageOf(row) }
    })
    return { pages, foreign: rows.length - known.length }
  }

  /** @param end first day on which nothing of it holds */
  put(half: Half, { columns, page, words }: SketchPage, end: number): void {
    const bytes = new Uint8Array(words.buffer, words.byteOffset, words.byteLength)
    const values = [half, SKETCH_LAYOUT, columns, page, startOf(end), bytes]
    this.#store.write('quota_sketch', `${half} ${columns} ${page}`, PUT, values)
  }
}

/** A row with words that are not whole is a page of none, which no sketch takes. */
function pageOf({ columns, page, words }: Row): SketchPage {
  const whole = words instanceof Uint8Array && words.length % WORD === 0
  // Copied, because words must lie at a multiple of their size.
  return {
    columns: Number(columns),
    page: whole ? Number(page) : -1,
    words: whole ? new BigInt64Array(words.slice().buffer) : new BigInt64Array(0)
  }
}

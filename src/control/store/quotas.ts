import { randomFillSync } from 'node:crypto'
import { startOf, dayOf } from '../../memory/calendar.ts'
import type { QuotaCount } from '../../memory/quota-table.ts'
import type { Half } from '../../memory/shared.ts'
import type { Store } from './store.ts'

const SEED_BYTES = 16
const PUT = 'INSERT OR REPLACE INTO quotas (half, key, until, count) VALUES (?, ?, ?, ?)'
const PUT_SEED = "INSERT OR REPLACE INTO secrets (name, value) VALUES ('quota-seed', ?)"

/**
 * What callers have used of their quotas. `key` is the 64-bit hash under which the limiter counts (16 hex digits), made
 * with a seed that is kept beside: the store holds no name of anyone.
 */
export class QuotaCounts {
  readonly #store: Store

  constructor(store: Store) {
    this.#store = store
  }

  /** The seed of the keys, 16 bytes: made the first time, and the same ever after. Rejects when it can't be kept. */
  async seed(): Promise<Uint8Array> {
    const [row] = await this.#store.rows("SELECT value FROM secrets WHERE name = 'quota-seed'")
    if (row?.value instanceof Uint8Array && row.value.length === SEED_BYTES) return row.value
    const seed = randomFillSync(new Uint8Array(SEED_BYTES))
    this.#store.write('secrets', 'quota-seed', PUT_SEED, [seed])
    // Counts under a seed that got lost would say nothing.
    const fault = await this.#store.flush()
    if (fault !== null) throw new Error(`the seed of the quotas can't be kept: ${fault}`)
    return seed
  }

  /** @param now ms since the epoch */
  async all(now: number): Promise<(QuotaCount & { half: Half })[]> {
    const rows = await this.#store.rows('SELECT half, key, until, count FROM quotas WHERE until > ?', [now])
    return rows.map(({ half, key, until, count }) => {
      const bits = Buffer.from(String(key), 'hex')
      return {
        half: half === 'callers' ? 'callers' : 'strangers',
        lo: bits.length === 8 ? bits.readInt32BE(0) : 0,
        hi: bits.length === 8 ? bits.readInt32BE(4) : 0,
        end: dayOf(Number(until)),
        count: Number(count)
      }
    })
  }

  put(half: Half, { lo, hi, end, count }: QuotaCount): void {
    const key = keyOf(lo, hi)
    this.#store.write('quotas', half + key, PUT, [half, key, startOf(end), count])
  }

  remove(half: Half, { lo, hi }: QuotaCount): void {
    const key = keyOf(lo, hi)
    this.#store.write('quotas', half + key, 'DELETE FROM quotas WHERE half = ? AND key = ?', [half, key])
  }
}

function keyOf(lo: number, hi: number): string {
  return hex(lo) + hex(hi)
}

function hex(word: number): string {
  return (word >>> 0).toString(16).padStart(8, '0')
}

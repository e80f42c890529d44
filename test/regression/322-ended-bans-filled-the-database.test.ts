/**
 * Bans that have ended are remembered for a day, to make the next one longer, and nothing bounded how many: a client with
 * many addresses filled the database with them, and then neither quotas nor revocations were kept over a restart.
 */
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import t from 'tap'
import { Database, type Write } from '../../src/control/store/sqlite.ts'

const MOST = 30_000
const NOW = 1_000_000

t.test('those that end last are kept, and an owner’s', (t) => {
  const dir = mkdtempSync(join(tmpdir(), 'gh-'))
  t.teardown(() => rmSync(dir, { recursive: true, force: true }))
  const database = new Database(join(dir, 'g.db'), 256 << 20)
  t.teardown(() => database.close())
  const sql = `INSERT INTO bans VALUES (?, 'address', ?, '', ?, '', '', ?, ?, 0, ?, 'enforce', 0, '[]')`
  const row = (i: number, scenario: string): Write => ({
    sql,
    values: [String(i).padStart(12, '0'), String(i), scenario, NOW, NOW + i, NOW + 1e9]
  })
  const rows = Array.from({ length: MOST + 50 }, (_, i) => row(i, i === 0 ? 'added' : 'scanner'))
  t.same(database.apply(rows, false), [])
  database.expire(NOW)
  const [kept] = database.rows('SELECT count(*) AS n, min(until) AS first FROM bans', [])
  t.match(kept, { n: MOST + 1, first: NOW })
  t.match(database.rows(`SELECT min(until) AS first FROM bans WHERE scenario <> 'added'`, []), [{ first: NOW + 50 }])
  database.expire(NOW + 1e9)
  t.match(database.rows('SELECT count(*) AS n FROM bans', []), [{ n: 0 }])
  t.end()
})

/**
 * Past GATEHOUSE_BAN_SLOTS bans the oldest left the list, an owner's too: it went on holding, and could neither be seen nor be
 * ended. What had left stayed in the database, and a restart listed all of it, whatever the table enforced.
 */
import t from 'tap'
import type { BanReport } from '../../src/ban.ts'
import { BanBook } from '../../src/control/bans/book.ts'
import type { BanRows } from '../../src/control/store/bans.ts'
import { allocateShared } from '../../src/memory/shared.ts'
import type { Log } from '../../src/observe/log.ts'

const NOW = 1_000_000
const SLOTS = 16
const log = (): Log => ({ warn: () => {}, info: () => {} }) as unknown as Log

const banOf = (i: number): BanReport => ({
  kind: 'address',
  key: `192.0.2.${i}`,
  who: `192.0.2.${i}`,
  scenario: 'scanner',
  where: '',
  reason: '',
  at: NOW + i,
  until: NOW + 60_000,
  offences: 0,
  remembered: NOW + 120_000,
  mode: 'enforce',
  limited: false,
  evidence: []
})

/** A table in memory. */
class Rows {
  readonly held = new Map<string, BanReport>()
  all = async (): Promise<BanReport[]> => [...this.held.values()]
  put = (id: string, ban: BanReport): unknown => this.held.set(id, ban)
  remove = (id: string): unknown => this.held.delete(id)
}

async function bookOn(rows: Rows): Promise<BanBook> {
  const memory = allocateShared({ workers: 1, limitSlots: 1024, ringBytes: 1 << 16, banSlots: SLOTS })
  const book = new BanBook(memory, log, () => NOW)
  t.teardown(() => book.close())
  await book.restore(rows as unknown as BanRows)
  return book
}

t.test('an owner’s ban stays in a list that is full, and in the next one', async (t) => {
  const rows = new Rows()
  const book = await bookOn(rows)
  t.type(book.add({ address: '203.0.113.7', time: 60_000, reason: '' }), 'object')
  for (let i = 0; i < 3 * SLOTS; i++) book.made(banOf(i))
  t.equal(book.list().length, SLOTS)
  t.equal(rows.held.size, SLOTS, 'no more are kept')
  t.ok(book.list().some(({ who }) => who === '203.0.113.7'))
  const next = await bookOn(rows)
  t.same(
    next.list().map(({ who }) => who),
    book.list().map(({ who }) => who)
  )
  t.equal(book.remove('203.0.113.7').length, 1)
})

t.test('a list that was longer is cut', async (t) => {
  const rows = new Rows()
  for (let i = 0; i < 3 * SLOTS; i++) rows.put(String(i), banOf(i))
  t.equal((await bookOn(rows)).list().length, SLOTS)
})

/** What is learned of a ban after it was made explains it, and changes nothing about whether it holds. */
import t, { type Test } from 'tap'
import type { BanReport, Evidence } from '../../../src/ban.ts'
import { BanBook } from '../../../src/control/bans/book.ts'
import { allocateShared } from '../../../src/memory/shared.ts'
import type { Log } from '../../../src/observe/log.ts'

const NOW = 1_000_000
const REQUEST: Evidence = { time: NOW, method: 'GET', path: '/a', status: 404, id: 'one' }

const banOf = (at = NOW): BanReport => ({
  kind: 'address',
  key: '192.0.2.1',
  who: '192.0.2.1',
  scenario: 'scanner',
  where: '',
  reason: 'too many',
  at,
  until: at + 60_000,
  offences: 0,
  remembered: at + 120_000,
  mode: 'enforce',
  limited: false,
  evidence: []
})

function bench(t: Test): { book: BanBook; said: string[]; shared: BanReport[] } {
  const said: string[] = []
  const log = (): Log => ({ warn: (text: string) => void said.push(text) }) as unknown as Log
  const book = new BanBook(allocateShared({ workers: 1, limitSlots: 1024, ringBytes: 1 << 16 }), log, () => NOW)
  t.teardown(() => book.close())
  const shared: BanReport[] = []
  book.share({ made: (_, ban) => void shared.push(ban), removed: () => {} })
  return { book, said, shared }
}

t.test('a ban that holds is shown with it, and told with it', async (t) => {
  const { book, said, shared } = bench(t)
  const ban = banOf()
  book.made(ban)
  t.match(book.list(), [{ who: '192.0.2.1', evidence: [] }])
  t.same([said, shared], [[], []], 'not told yet')
  book.tell(book.explain(ban, [REQUEST]))
  t.match(book.list(), [{ evidence: [{ path: '/a', id: 'one' }] }])
  t.match(shared, [{ evidence: [REQUEST] }])
  t.same(said, ['192.0.2.1 is banned: scanner, too many'])
})

t.test('one that its owner has ended stays ended, here and on the other hosts', async (t) => {
  const { book, said, shared } = bench(t)
  const ban = banOf()
  book.made(ban)
  t.equal(book.remove('192.0.2.1').length, 1)
  book.tell(book.explain(ban, [REQUEST]))
  t.same([book.list(), shared], [[], []])
  t.match(said, [/no longer banned/, /is banned: scanner/], 'that there was one is said all the same')
})

t.test('one that another has taken the place of does not come back', async (t) => {
  const { book, shared } = bench(t)
  const [first, second] = [banOf(), banOf(NOW + 1)]
  book.made(first)
  book.made(second)
  book.tell(book.explain(first, [REQUEST]))
  t.match(book.list(), [{ at: new Date(NOW + 1).toISOString(), evidence: [] }])
  t.same(shared, [])
})

/**
 * In a full list each new ban was made room for by walking over all of its owner's bans, and over what earlier ones had left: with
 * a hundred thousand of them a new ban took the control thread a millisecond.
 */
import t from 'tap'
import type { BanReport } from '../../src/ban.ts'
import { BanList } from '../../src/control/bans/list.ts'
import { ADDED } from '../../src/threats/tag.ts'

const banOf = (scenario: string, i: number): BanReport => ({ scenario, who: String(i) }) as unknown as BanReport

t.test('the oldest goes that is not its owner’s', async (t) => {
  const list = new BanList()
  t.equal(list.deleteOldest(), null)
  list.add('own', banOf(ADDED, 0))
  for (const id of ['a', 'b', 'c']) list.add(id, banOf('scanner', 1))
  list.add('a', banOf('scanner', 2))
  list.replace('b', banOf('scanner', 3))
  t.equal(list.deleteOldest(), 'b')
  list.add('d', banOf('scanner', 4))
  list.delete('c')
  t.same([list.deleteOldest(), list.deleteOldest(), list.deleteOldest()], ['a', 'd', null])
  list.add('e', banOf('scanner', 5))
  t.same([list.deleteOldest(), list.size], ['e', 1], 'also when there was none')
  list.add('f', banOf('scanner', 6))
  list.add('f', banOf(ADDED, 6))
  t.equal(list.deleteOldest(), null, 'what became its owner’s stays')
  t.same(
    [...list].map(([id]) => id),
    ['own', 'f']
  )
})

t.test('however many stay', async (t) => {
  const list = new BanList()
  for (let i = 0; i < 100_000; i++) list.add(`own${i}`, banOf(ADDED, i))
  for (let i = 0; i < 1_000; i++) list.add(`s${i}`, banOf('scanner', i))
  const before = performance.now()
  for (let i = 1_000; i < 41_000; i++) {
    list.add(`s${i}`, banOf('scanner', i))
    list.deleteOldest()
  }
  const each = (performance.now() - before) / 40_000
  t.ok(each < 0.1, `${(each * 1000).toFixed(1)} µs each`)
  t.equal(list.size, 101_000)
})

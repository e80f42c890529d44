import t from 'tap'
import type { Serving } from '../../src/worker/serving.ts'
import { UnderWay } from '../../src/worker/under-way.ts'

/** All that UnderWay reads of an exchange is its place. */
const exchange = (name: string): Serving => ({ name, place: -1 }) as unknown as Serving
const namesOf = (list: readonly Serving[]): string[] =>
  list.map((serving) => (serving as unknown as { name: string }).name).toSorted()

t.test('holds what was added and not removed, in whatever order they end', (t) => {
  const underWay = new UnderWay()
  const [a, b, c, d] = [exchange('a'), exchange('b'), exchange('c'), exchange('d')]
  for (const one of [a, b, c, d]) underWay.add(one)
  underWay.remove(b)
  t.strictSame(namesOf(underWay.all()), ['a', 'c', 'd'])
  underWay.remove(a)
  underWay.remove(d)
  t.strictSame(namesOf(underWay.all()), ['c'])
  underWay.add(b)
  underWay.remove(c)
  t.strictSame(namesOf(underWay.all()), ['b'])
  underWay.remove(b)
  t.equal(underWay.size, 0)
  t.end()
})

t.test('everyone is visited though each ends during its visit', (t) => {
  const underWay = new UnderWay()
  for (let i = 0; i < 5; i++) underWay.add(exchange(String(i)))
  const visited: Serving[] = []
  underWay.forEach((serving) => {
    visited.push(serving)
    underWay.remove(serving)
  })
  t.strictSame(namesOf(visited), ['0', '1', '2', '3', '4'])
  t.equal(underWay.size, 0)
  t.end()
})

t.test('ends of several during one visit break nothing', (t) => {
  const underWay = new UnderWay()
  const all = Array.from({ length: 6 }, (_, i) => exchange(String(i)))
  for (const one of all) underWay.add(one)
  underWay.forEach(() => {
    const [first] = underWay.all()
    if (first !== undefined) underWay.remove(first)
  })
  t.ok(underWay.size < 6)
  for (const one of underWay.all()) underWay.remove(one)
  t.equal(underWay.size, 0)
  t.end()
})

import t from 'tap'
import { Once } from '../../src/memory/once.ts'
import { allocateShared } from '../../src/memory/shared.ts'

const shared = (onceSlots: number): ReturnType<typeof allocateShared> =>
  allocateShared({ workers: 1, limitSlots: 1024, onceSlots, ringBytes: 1 << 16 })

t.test('once within the time, whichever thread looks, and again after it', async (t) => {
  let now = 1_000_000_000n
  const memory = shared(1024)
  const [one, two] = [new Once(memory, 'x', 90_000, () => now), new Once(memory, 'x', 90_000, () => now)]
  t.equal(one.look('a'), 'first')
  t.equal(one.use('a'), 'first')
  t.strictSame([two.look('a'), two.use('a'), one.use('a')], ['again', 'again', 'again'])
  t.equal(two.use('b'), 'first')
  t.equal(new Once(memory, 'y', 90_000, () => now).use('a'), 'first', 'another kind of thing')
  now += 89_999_999_999n
  t.equal(two.use('a'), 'again')
  now += 1n
  t.equal(two.use('a'), 'first')
})

t.test('with more than there is room for, none is the first twice, and new ones are turned away', async (t) => {
  let now = 1_000_000_000n
  const once = new Once(shared(1024), 'x', 90_000, () => now)
  const count = (uses: readonly string[], what: string): number => uses.filter((use) => use === what).length
  const keys = Array.from({ length: 20_000 }, (_, i) => `k${i}`)
  const uses = keys.map((key) => once.use(key))
  t.ok(count(uses, 'first') > 1024, `${count(uses, 'first')} remembered`)
  t.ok(count(uses, 'full') > 1000, `${count(uses, 'full')} turned away`)
  t.ok(count(uses, 'again') < 200, `${count(uses, 'again')} mistaken for others`)
  t.equal(
    count(
      keys.map((key) => once.look(key)),
      'first'
    ),
    0
  )
  const later = keys.map((key) => once.use(key))
  t.equal(count(later, 'first'), 0)
  now += 90_000_000_001n
  t.equal(once.use('k0'), 'first')
})

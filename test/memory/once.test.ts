import t from 'tap'
import { Once } from '../../src/memory/once.ts'
import { allocateShared } from '../../src/memory/shared.ts'

const shared = (onceSlots: number): ReturnType<typeof allocateShared> =>
  allocateShared({ workers: 1, limitSlots: 1024, onceSlots, ringBytes: 1 << 16 })

t.test('once within the time, whichever thread looks, and again after it', async (t) => {
  let now = 1_000_000_000n
  const memory = shared(1024)
  const [one, two] = [new Once(memory, 'x', 90_000, () => now), new Once(memory, 'x', 90_000, () => now)]
  t.equal(one.used('a'), false)
  t.equal(one.use('a'), 'first')
  t.strictSame([two.used('a'), two.use('a'), one.use('a')], [true, 'again', 'again'])
  t.equal(two.use('b'), 'first')
  t.equal(new Once(memory, 'y', 90_000, () => now).use('a'), 'first', 'another kind of thing')
  now += 89_999_999_999n
  t.equal(two.use('a'), 'again')
  now += 1n
  t.equal(two.use('a'), 'first')
})

t.test('without room nothing is said to be the first, and what is remembered stays', async (t) => {
  let now = 1_000_000_000n
  const once = new Once(shared(1024), 'x', 90_000, () => now)
  const uses = Array.from({ length: 5000 }, (_, i) => once.use(`k${i}`))
  const first = uses.filter((use) => use === 'first').length
  t.ok(first > 512 && first < 1100, `${first} remembered`)
  t.equal(uses.filter((use) => use === 'full').length, 5000 - first)
  t.equal(uses.indexOf('again'), -1)
  for (const [i, use] of uses.entries()) if (use === 'first' && once.use(`k${i}`) !== 'again') t.fail(`k${i}`)
  now += 90_000_000_001n
  t.equal(once.use('k0'), 'first')
})

import t from 'tap'
import fc from 'fast-check'
import { BanFilter, bytesOfBanFilter, maskOf, type Mark } from '../../src/memory/ban-filter.ts'

const SLOTS = 1024
const ALL4 = 0b11110
const ALL16 = 0x1fffe

function filterOf(slots = SLOTS): BanFilter {
  const multipliers = [0x12345671, -0x7654321, 0x3456789b, 0x2345679d]
  return new BanFilter(new SharedArrayBuffer(bytesOfBanFilter(slots)), 0, slots, (i) => multipliers[i] ?? 1)
}

interface Block {
  space: number
  words: readonly [number, number, number, number]
  level: number
  v4: boolean
}

const word = fc.integer({ min: -(2 ** 31), max: 2 ** 31 - 1 })
// Few bits are free, so that many blocks lie in each other.
const near = fc.integer({ min: 0, max: 3 }).map((i) => [0, 1, 0x100, 0x01000000][i] ?? 0)
const block: fc.Arbitrary<Block> = fc
  .record({
    space: fc.integer({ min: 0, max: 1 }),
    words: fc.oneof(fc.tuple(word, word, word, word), fc.tuple(near, near, near, near)),
    level: fc.integer({ min: 1, max: 16 }),
    v4: fc.boolean()
  })
  .map((one) => ({ ...one, level: one.v4 ? ((one.level - 1) & 3) + 1 : one.level }))

function markOf(filter: BanFilter, { space, words, level, v4 }: Block): Mark {
  const mark = { at: 0, within: 0 }
  const [a, b, c, d] = words
  if (v4) filter.mark(space, a & maskOf(level, 0), level, mark)
  else {
    const cut = [a & maskOf(level, 0), b & maskOf(level, 1), c & maskOf(level, 2), d & maskOf(level, 3)] as const
    filter.markWords(space, ...cut, level, mark)
  }
  return mark
}

function mayHold(filter: BanFilter, { space, words, level, v4 }: Block): boolean {
  const levels = v4 ? filter.levelsOf(space, words[0], ALL4) : filter.levelsOfWords(space, ...words, ALL16)
  return (levels & (1 << level)) !== 0
}

t.test('a block that is counted is never said not to be, whatever else comes and goes', async (t) => {
  fc.assert(
    fc.property(fc.array(fc.record({ block, again: fc.boolean() }), { maxLength: 60 }), (steps) => {
      const filter = filterOf(8)
      const counted = new Map<string, { block: Block; mark: Mark }>()
      for (const { block: one, again } of steps) {
        const key = JSON.stringify([one.space, one.v4, one.level, markOf(filter, one)])
        const known = counted.get(key)
        if (known !== undefined && again) {
          filter.lower(known.mark)
          counted.delete(key)
        } else if (known === undefined) {
          const mark = markOf(filter, one)
          filter.raise(mark)
          counted.set(key, { block: one, mark })
        }
        for (const each of counted.values()) if (!mayHold(filter, each.block)) return false
      }
      for (const { mark } of counted.values()) filter.lower(mark)
      return [...counted.values()].every((each) => !mayHold(filter, each.block))
    })
  )
  t.pass('100 runs')
})

t.test('only the lengths asked for, and the spaces are apart', async (t) => {
  const filter = filterOf()
  for (const level of [1, 2, 3, 4]) {
    filter.raise(markOf(filter, { space: 0, words: [0x0a010203, 0, 0, 0], level, v4: true }))
  }
  t.equal(filter.levelsOf(0, 0x0a010203, ALL4), ALL4)
  for (const level of [1, 2, 3, 4]) t.equal(filter.levelsOf(0, 0x0a010203, 1 << level), 1 << level)
  t.equal(filter.levelsOf(0, 0x0a010203, 0), 0)
  t.equal(filter.levelsOf(0, 0x0a010204, ALL4), 0b01110, 'its neighbour is in the networks')
  t.equal(filter.levelsOf(0, 0x0a020203, ALL4), 0b00010)
  t.equal(filter.levelsOf(0, 0x0b010203, ALL4), 0)
  t.equal(filter.levelsOf(1, 0x0a010203, ALL4), 0)
})

t.test('a counter that comes to 255 stays there: at 254, 255 and 256', async (t) => {
  for (const [times, gone] of [
    [254, true],
    [255, false],
    [256, false]
  ] as const) {
    for (const level of [2, 4]) {
      const filter = filterOf()
      const one: Block = { space: 0, words: [0x0a010203, 0, 0, 0], level, v4: true }
      for (let i = 0; i < times; i++) filter.raise(markOf(filter, one))
      for (let i = 0; i < times; i++) filter.lower(markOf(filter, one))
      t.equal(mayHold(filter, one), !gone, `${times} times, ${level} bytes`)
    }
  }
})

t.test('with 42 % of the slots in use one address in ten takes the longer way at most', async (t) => {
  const filter = filterOf(1 << 16)
  let state = 1
  const drawn = (): number => {
    state ^= state << 13
    state ^= state >>> 17
    return (state ^= state << 5)
  }
  const add = (level: number): void => {
    filter.raise(markOf(filter, { space: 0, words: [drawn(), 0, 0, 0], level, v4: true }))
  }
  for (let i = 0; i < 25_000; i++) add(4)
  for (let i = 0; i < 2500; i++) add(3)
  let longer = 0
  for (let i = 0; i < 10_000; i++) if (filter.levelsOf(0, drawn(), ALL4) !== 0) longer++
  t.ok(longer < 1000, `${longer} of 10,000`)
})

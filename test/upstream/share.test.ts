import t from 'tap'
import { withinShare } from '../../src/upstream/share.ts'

/** What clients who take all they may get of so many places, one after the other until none gets more. */
function greedy(clients: number, places: number): number[] {
  const held = Array.from({ length: clients }, () => 0)
  let free = places
  for (let before = -1; before !== free;) {
    before = free
    for (let i = 0; i < clients; i++) {
      if (free === 0 || !withinShare(held[i] ?? 0, free)) continue
      held[i] = (held[i] ?? 0) + 1
      free--
    }
  }
  return held
}

const sum = (held: number[]): number => held.reduce((a, b) => a + b, 0)

t.test('a client that is alone has three quarters, to the place', async (t) => {
  t.ok(withinShare(191, 256 - 191))
  t.notOk(withinShare(192, 256 - 192))
  t.notOk(withinShare(193, 256 - 193))
  t.same(greedy(1, 256), [192])
})

t.test('of up to three places it has all', async (t) => {
  for (const places of [1, 2, 3]) t.same(greedy(1, places), [places])
  t.same(greedy(1, 4), [3])
})

t.test('several get the same, to one place, and leave the more the fewer they are', async (t) => {
  for (const clients of [2, 5, 20, 85]) {
    const held = greedy(clients, 256)
    t.ok(Math.max(...held) - Math.min(...held) <= 1, held.join(' '))
    t.ok(256 - sum(held) >= Math.floor(256 / (3 * clients + 1)), `${clients} leave ${256 - sum(held)}`)
  }
})

t.test('85 leave a place of 256 for somebody else, and more take it', async (t) => {
  t.equal(sum(greedy(85, 256)), 255)
  t.equal(sum(greedy(86, 256)), 256)
})

t.test('nobody gets what is not free', async (t) => {
  t.notOk(withinShare(0, 0))
  t.notOk(withinShare(1, 0))
})

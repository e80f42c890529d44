import t from 'tap'
import { alternate, median, pairedRatio } from '../../bench/pairs.ts'

t.test('the median of an even number of values is between the middle two', async (t) => {
  t.equal(median([4, 1, 3, 2]), 2.5)
  t.equal(median([9, 1, 5]), 5)
  t.ok(Number.isNaN(median([])))
})

t.test('every round measures everybody, and the order turns round', async (t) => {
  const seen: string[] = []
  const results = await alternate(3, ['a', 'b', 'c'], async (name, round) => {
    seen.push(name)
    return round * 10 + 'abc'.indexOf(name)
  })
  t.equal(seen.join(''), 'abccbaabc')
  t.same(results, [
    [0, 10, 20],
    [1, 11, 21],
    [2, 12, 22]
  ])
})

t.test('a ratio is taken within its round: a machine that slows down for both changes nothing', async (t) => {
  const { ratio, low, high, ours, theirs } = pairedRatio([10, 100, 1000], [20, 200, 1000])
  t.equal(ratio, 0.5)
  t.equal(low, 0.5)
  t.equal(high, 1)
  t.equal(ours, 100)
  t.equal(theirs, 200)
})

t.test('what is missing is not a figure that could hold', async (t) => {
  t.ok(Number.isNaN(pairedRatio([10], []).ratio))
})

import t from 'tap'
import fc from 'fast-check'
import { VerifyCache } from '../../src/identity/verify-cache.ts'

t.test('gives back what was set, until it is deleted', async (t) => {
  const cache = new VerifyCache<number>(1000)
  cache.set('a', 1, 'o', 100)
  cache.set('b', 2, 'o', 100)
  t.equal(cache.get('a'), 1)
  t.equal(cache.get('A'), undefined)
  cache.set('a', 3, 'p', 50)
  t.equal(cache.get('a'), 3)
  t.strictSame([cache.size, cache.bytes], [2, 150])
  cache.delete('a')
  cache.delete('a')
  t.equal(cache.get('a'), undefined)
  t.strictSame([cache.size, cache.bytes], [1, 100])
  t.strictSame([...cache.values()], [2])
})

t.test('never holds more bytes than it may, whatever comes', async () => {
  const step = fc.record({
    token: fc.integer({ min: 0, max: 60 }),
    owner: fc.integer({ min: 0, max: 4 }),
    weight: fc.integer({ min: 1, max: 300 }),
    act: fc.constantFrom('set', 'set', 'get', 'delete')
  })
  fc.assert(
    fc.property(fc.array(step, { maxLength: 400 }), (steps) => {
      const cache = new VerifyCache<string>(1000)
      for (const { token, owner, weight, act } of steps) {
        const name = `t${token}`
        if (act === 'set') {
          cache.set(name, name, `o${owner}`, weight)
          if (cache.get(name) !== name) return false
        } else if (act === 'get') {
          const found = cache.get(name)
          if (found !== undefined && found !== name) return false
        } else cache.delete(name)
        if (cache.bytes > 1000 || cache.bytes < 0 || [...cache.values()].length !== cache.size) return false
      }
      for (let i = 0; i <= 60; i++) cache.delete(`t${i}`)
      return cache.bytes === 0 && cache.size === 0
    }),
    { numRuns: 200, seed: 11 }
  )
})

t.test('does not keep what is heavier than itself', async (t) => {
  const cache = new VerifyCache<number>(1000)
  cache.set('a', 1, 'o', 10)
  cache.set('big', 2, 'o', 1001)
  t.equal(cache.get('big'), undefined)
  t.equal(cache.get('a'), 1)
})

t.test('a flood of tokens used once, of as many callers, does not push out those in use', async (t) => {
  const cache = new VerifyCache<number>(100_000)
  for (let i = 0; i < 800; i++) cache.set(`known${i}`, i, `caller${i}`, 100)
  for (let round = 0; round < 2; round++) for (let i = 0; i < 800; i++) cache.get(`known${i}`)
  for (let i = 0; i < 20_000; i++) cache.set(`flood${i}`, i, `stranger${i}`, 100)
  let left = 0
  for (let i = 0; i < 800; i++) if (cache.get(`known${i}`) !== undefined) left++
  t.equal(left, 800)
})

t.test('one caller with any number of tokens, each used again and again, keeps to its share', async (t) => {
  const cache = new VerifyCache<number>(100_000)
  for (let i = 0; i < 800; i++) cache.set(`known${i}`, i, `caller${i}`, 100)
  for (let i = 0; i < 800; i++) cache.get(`known${i}`)
  for (let i = 0; i < 5000; i++) {
    cache.set(`mine${i}`, i, 'greedy', 100)
    for (let use = 0; use < 4; use++) cache.get(`mine${i}`)
  }
  let left = 0
  for (let i = 0; i < 800; i++) if (cache.get(`known${i}`) !== undefined) left++
  t.equal(left, 800)
  let mine = 0
  for (let i = 0; i < 5000; i++) if (cache.get(`mine${i}`) !== undefined) mine++
  t.ok(mine >= 125 && mine <= 200, `${mine} of the greedy caller's tokens`)
})

t.test('one caller alone may fill it', async (t) => {
  const cache = new VerifyCache<number>(10_000)
  for (let i = 0; i < 100; i++) cache.set(`t${i}`, i, 'only', 100)
  t.equal(cache.size, 100)
  cache.set('t100', 100, 'only', 100)
  t.equal(cache.get('t0'), undefined, 'its own oldest goes')
  t.equal(cache.size, 100)
})

t.test('a token that nobody uses any more makes room in the end', async (t) => {
  const cache = new VerifyCache<number>(10_000)
  for (let i = 0; i < 100; i++) cache.set(`old${i}`, i, `o${i}`, 100)
  for (let i = 0; i < 100; i++) cache.get(`old${i}`)
  for (let i = 0; i < 1000; i++) {
    cache.set(`new${i}`, i, `n${i}`, 100)
    cache.get(`new${i}`)
  }
  let left = 0
  for (let i = 0; i < 100; i++) if (cache.get(`old${i}`) !== undefined) left++
  t.ok(left < 10, `${left} left`)
})

t.test('a token that ends like a cached one is not mistaken for it', async (t) => {
  const cache = new VerifyCache<number>(1000)
  const end = 's'.repeat(40)
  cache.set(`a.${end}`, 1, 'o', 100)
  t.equal(cache.get(`b.${end}`), undefined)
  cache.delete(`b.${end}`)
  t.equal(cache.get(`a.${end}`), 1)
  cache.set(`b.${end}`, 2, 'o', 100)
  t.equal(cache.get(`b.${end}`), 2)
  t.equal(cache.get(`a.${end}`), undefined)
  t.strictSame([cache.size, cache.bytes], [1, 100])
})

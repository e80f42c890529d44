/** A sketch in pages: told once, and never saying less after it was put back, in whatever size. */
import t from 'tap'
import { bytesOfDebtSketch, DebtSketch, withScale, type SketchSize } from '../../src/memory/debt-sketch.ts'
import { PAGE_CELLS, SketchPages, type SketchPage } from '../../src/memory/sketch-pages.ts'

const SIZE: SketchSize = { slotsPerCell: 1, scales: 2 }
const KEYS = 3000

const sketchOf = (slots: number): DebtSketch =>
  new DebtSketch(new SharedArrayBuffer(bytesOfDebtSketch(slots, SIZE)), 0, slots, SIZE)
function told(pages: SketchPages): SketchPage[] {
  const all: SketchPage[] = []
  pages.changes((page) => all.push(page))
  return all
}
/** The `i`th key: its hash, and what it owes. */
const key = (i: number): [number, number, bigint] => [
  Math.imul(i, 0x9e3779b1),
  withScale(Math.imul(i, 0x85ebca6b), i & 1),
  BigInt(1000 + ((i * 7919) % 100_000))
]

t.test('a sketch that nobody needed has nothing to tell', async (t) => {
  t.same(told(new SketchPages(sketchOf(4096))), [])
})

t.test('each change is told once', async (t) => {
  const sketch = sketchOf(4096)
  const pages = new SketchPages(sketch)
  sketch.note(1, 2, 7n)
  const first = told(pages)
  t.ok(first.length >= 1 && first.length <= 4, `${first.length} pages: a cell in each of four rows`)
  t.equal(first.flatMap(({ words }) => [...words]).filter((word) => word === 7n).length, 4)
  t.same(told(pages), [])
  sketch.note(1, 2, 9n)
  t.same(
    told(pages).map(({ page }) => page),
    first.map(({ page }) => page)
  )
})

t.test('the last page is shorter, and the pages are the whole', async (t) => {
  const sketch = sketchOf(1024)
  for (let cell = 0; cell < sketch.cells.length; cell++) sketch.raise(cell, BigInt(cell + 1))
  const all = told(new SketchPages(sketch))
  t.equal(all.length, Math.ceil(sketch.cells.length / PAGE_CELLS))
  t.same(
    all.flatMap(({ words }) => [...words]),
    Array.from({ length: sketch.cells.length }, (_, i) => BigInt(i + 1))
  )
})

for (const [before, after] of [
  [4096, 4096],
  [4096, 1024],
  [1024, 4096]
] as const) {
  t.test(`${before} columns put into ${after}: no key owes less than it did`, async (t) => {
    const sketch = sketchOf(before)
    for (let i = 0; i < KEYS; i++) sketch.note(...key(i))
    const other = sketchOf(after)
    const pages = new SketchPages(other)
    for (const page of told(new SketchPages(sketch))) t.ok(pages.put(page, () => true))
    let more = 0
    for (let i = 0; i < KEYS; i++) {
      const [lo, hi] = key(i)
      const [was, is] = [sketch.owed(lo, hi), other.owed(lo, hi)]
      if (is < was) t.fail(`key ${i} owed ${was} and owes ${is}`)
      if (is > was) more++
    }
    if (after >= before) t.equal(more, 0, 'nor more, where there are as many columns')
    t.ok(other.any(1000n), 'claimants look here')
    t.notOk(other.any(200_000n))
  })
}

t.test('what no longer holds is left out', async (t) => {
  const sketch = sketchOf(1024)
  sketch.note(1, 2, 5n)
  const [page] = told(new SketchPages(sketch))
  const other = sketchOf(1024)
  t.ok(page && new SketchPages(other).put(page, (word) => word > 5n))
  t.notOk(other.used)
})

t.test('what can’t be a page is not put', async (t) => {
  const words = new BigInt64Array(PAGE_CELLS).fill(5n)
  const last = Math.floor((8 * 1024) / PAGE_CELLS)
  for (const [what, page] of [
    ['columns of no power of two', { columns: 1000, page: 0, words }],
    ['no columns', { columns: 0, page: 0, words }],
    ['a place before the first', { columns: 1024, page: -1, words }],
    ['a place between two', { columns: 1024, page: 0.5, words }],
    ['no number', { columns: NaN, page: NaN, words }],
    ['too long', { columns: 1024, page: 0, words: new BigInt64Array(PAGE_CELLS + 1).fill(5n) }],
    ['past the end by one', { columns: 1024, page: last, words: words.slice(0, 8 * 1024 - last * PAGE_CELLS + 1) }],
    ['far past the end', { columns: 1024, page: 1e12, words }]
  ] as const) {
    const sketch = sketchOf(1024)
    t.notOk(
      new SketchPages(sketch).put(page, () => true),
      what
    )
    t.notOk(sketch.used, what)
  }
})

import t from 'tap'
import type { MatchPlan } from '../../src/plan/route.ts'
import { findConflicts, type RouteConflict } from '../../src/routing/conflicts.ts'

function conflicts(...matches: Partial<MatchPlan>[]): RouteConflict[] {
  return findConflicts(
    matches.map((match, index) => ({
      index,
      name: `s.r${index}`,
      match: { hosts: [], methods: null, paths: ['/a'], headers: [], listeners: null, ...match }
    }))
  )
}

function pairs(...matches: Partial<MatchPlan>[]): string[] {
  return conflicts(...matches).map(({ a, b }) => `${a}-${b}`)
}

const beta = [{ name: 'x-beta', value: '1' }]

t.test('two routes of one place, method and listener conflict, with a reason that says by what', async (t) => {
  const [found, ...others] = conflicts({ methods: ['GET', 'HEAD', 'PUT'] }, { methods: ['PUT', 'POST'] })
  t.same(others, [])
  t.match(found, { a: 0, b: 1, host: '', path: '/a' })
  t.match(found?.reason, /^by PUT; part them by methods/)
})

t.test('what precedence decides is no conflict', async (t) => {
  t.same(pairs({ paths: ['/a'] }, { paths: ['/{x}'] }, { paths: ['/*'] }, { paths: ['/a/*'] }), [])
  t.same(pairs({ hosts: ['a.test'] }, { hosts: ['*.test'] }, { hosts: [] }, { hosts: ['*.a.test'] }), [])
  t.same(pairs({}, { headers: beta }, { headers: [...beta, { name: 'x-b', value: '1' }] }), [])
})

t.test('methods, listeners and contradicting headers part routes', async (t) => {
  t.same(pairs({ methods: ['GET'] }, { methods: ['POST'] }), [])
  t.same(pairs({ methods: null }, { methods: ['TRACE'] }), [])
  t.same(pairs({ listeners: ['a'] }, { listeners: ['b'] }), [])
  t.same(pairs({ headers: beta }, { headers: [{ name: 'x-beta', value: '2' }] }), [])
})

t.test('overlap in one of several is enough', async (t) => {
  t.same(pairs({ listeners: ['a', 'b'] }, { listeners: ['b', 'c'] }), ['0-1'])
  t.same(pairs({ listeners: ['a'] }, { listeners: null }), ['0-1'])
  t.same(pairs({ listeners: null }, { listeners: ['a'] }), ['0-1'])
  t.same(pairs({ methods: null }, { methods: ['DELETE'] }), ['0-1'])
  t.same(pairs({ paths: ['/x', '/a'] }, { paths: ['/a', '/y'] }), ['0-1'])
  t.same(pairs({ hosts: ['a.test', 'b.test'] }, { hosts: ['b.test'] }), ['0-1'])
})

t.test('names do not part routes', async (t) => {
  t.same(pairs({ paths: ['/a/{x}/c'] }, { paths: ['/a/{y}/c'] }), ['0-1'])
  t.same(pairs({ hosts: ['*.test'] }, { hosts: ['{t}.test'] }), ['0-1'])
  t.same(pairs({ paths: ['/a/{x}'] }, { paths: ['/a/{x}/*'] }), [])
})

t.test('as many headers, other fields: both could be there', async (t) => {
  t.same(pairs({ headers: beta }, { headers: [{ name: 'x-other', value: '1' }] }), ['0-1'])
  t.same(pairs({ headers: beta }, { headers: beta }), ['0-1'])
  const two = (a: string, other: string): Partial<MatchPlan> => ({
    headers: [
      { name: 'x-a', value: a },
      { name: other, value: '1' }
    ]
  })
  t.same(pairs(two('1', 'x-b'), two('1', 'x-c'), two('2', 'x-c'), two('2', 'x-b')), ['0-1', '2-3'])
})

t.test("the order of a route's headers does not matter", async (t) => {
  const a = { name: 'x-a', value: '1' }
  const b = { name: 'x-b', value: '2' }
  t.same(pairs({ headers: [a, b] }, { headers: [b, a] }), ['0-1'])
})

t.test('one route may name a place twice only with the same names', async (t) => {
  t.same(pairs({ paths: ['/a', '/a'] }), [])
  t.same(pairs({ paths: ['/{x}', '/{y}'] }), ['0-0'])
  t.same(pairs({ hosts: ['*.test', '{t}.test'] }), ['0-0'])
})

t.test('each later route is reported with the earliest', async (t) => {
  t.same(pairs({}, {}, {}), ['0-1', '0-2'])
  t.same(pairs({ methods: ['GET'] }, { methods: ['POST'] }, { methods: ['GET', 'POST'] }), ['0-2'])
})

t.test('agrees with comparing every pair, place by place', async (t) => {
  const random = generator(7)
  const pick = <T>(from: readonly T[]): T => from[random(from.length)] as T
  for (let round = 0; round < 300; round++) {
    const matches = Array.from({ length: 6 }, (): MatchPlan => ({
      hosts: pick([[], ['*.t'], ['{h}.t'], ['a.t']]),
      methods: pick([null, ['GET'], ['POST'], ['GET', 'POST']]),
      paths: [pick(['/a', '/{x}', '/{y}'])],
      headers: pick([0, 1, 2, 3, 4, 5]) === 0 ? [] : [{ name: pick(['x', 'y']), value: pick(['1', '2']) }],
      listeners: pick([null, ['in'], ['out'], ['in', 'out']])
    }))
    const expected = new Set<number>()
    for (const [b, later] of matches.entries())
      for (const earlier of matches.slice(0, b)) if (collide(earlier, later)) expected.add(b)
    const found = new Set(conflicts(...matches).map((conflict) => conflict.b))
    if (!t.same(found, expected, JSON.stringify(matches))) return
  }
})

function collide(x: MatchPlan, y: MatchPlan): boolean {
  const shape = (m: MatchPlan): string =>
    `${m.hosts.join()} ${m.paths.join()}`.replace(/\{h\}/g, '*').replace(/\{[xy]\}/g, '{}')
  const all = ['GET', 'POST', 'PUT']
  return (
    shape(x) === shape(y) &&
    (x.methods ?? all).some((m) => (y.methods ?? all).includes(m)) &&
    (x.listeners ?? ['in', 'out', 'more']).some((l) => (y.listeners ?? ['in', 'out', 'more']).includes(l)) &&
    x.headers.length === y.headers.length &&
    !x.headers.some((h) => y.headers.some((g) => g.name === h.name && g.value !== h.value))
  )
}

/** Numerical Recipes' linear congruential generator: whole numbers below `n`. */
function generator(seed: number): (n: number) => number {
  let state = seed
  return (n) => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0
    return Math.floor((state / 2 ** 32) * n)
  }
}

t.test('10,000 routes on one place, parted by a header, are compared without comparing pairs', async (t) => {
  const matches = Array.from({ length: 10_000 }, (_, i) => ({ headers: [{ name: 'x-tenant', value: String(i) }] }))
  t.same(conflicts(...matches), [])
  t.same(pairs(...matches, { headers: [{ name: 'x-tenant', value: '77' }] }), ['77-10000'])
})

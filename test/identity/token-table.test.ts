import t from 'tap'
import fc from 'fast-check'
import { tailOf, TokenTable } from '../../src/identity/token-table.ts'

class Entry {
  readonly token: string
  readonly tail: number
  next: Entry | null = null

  constructor(token: string, tail = tailOf(token)) {
    this.token = token
    this.tail = tail
  }
}

t.test('does what a Map by tail does, whatever comes and goes', async () => {
  const step = fc.tuple(fc.constantFrom('add', 'add', 'remove', 'find'), fc.nat(400))
  fc.assert(
    fc.property(fc.array(step, { maxLength: 600 }), (steps) => {
      const table = new TokenTable<Entry>()
      const model = new Map<number, Entry>()
      for (const [what, tail] of steps) {
        const known = model.get(tail)
        if (table.find(tail) !== (known ?? null)) return false
        if (what === 'add' && known === undefined) {
          const entry = new Entry('', tail)
          table.add(entry)
          model.set(tail, entry)
        } else if (what === 'remove' && known !== undefined) {
          table.remove(known)
          model.delete(tail)
          if (known.next !== null) return false
        }
      }
      const held = new Set(table.values())
      return table.size === model.size && held.size === model.size && [...model.values()].every((one) => held.has(one))
    })
  )
})

t.test('gives all that stay, while it grows and others go', async (t) => {
  const table = new TokenTable<Entry>()
  const stay = Array.from({ length: 60 }, (_, i) => new Entry(`stays ${i}`, i * 7))
  const go = Array.from({ length: 60 }, (_, i) => new Entry(`goes ${i}`, i * 7 + 1))
  for (const entry of [...stay, ...go]) table.add(entry)
  const seen = new Set<Entry>()
  let n = 0
  for (const entry of table.values()) {
    seen.add(entry)
    const leaving = go[n]
    if (leaving !== undefined) table.remove(leaving)
    for (let i = 0; n < 40 && i < 20; i++) table.add(new Entry('new', 10_000 + n * 20 + i))
    n++
  }
  t.ok(
    stay.every((entry) => seen.has(entry)),
    `${stay.filter((entry) => seen.has(entry)).length} of ${stay.length}`
  )
})

t.test('one that is not in it is not taken out', async (t) => {
  const table = new TokenTable<Entry>()
  const entry = new Entry('a')
  table.add(entry)
  table.remove(new Entry('a'))
  t.equal(table.size, 1)
  table.remove(entry)
  table.remove(entry)
  t.equal(table.size, 0)
})

t.test('a tail is the end of the token, of short ones all of it', async (t) => {
  t.equal(tailOf('a.b.cdefgh'), tailOf('x.y.cdefgh'))
  t.not(tailOf('a.b.cdefgh'), tailOf('a.b.bdefgh'))
  t.equal(tailOf(''), 0)
  t.not(tailOf('a'), tailOf('b'))
  t.equal(tailOf('\uffff\uffff\uffff\uffff\uffff\uffff') >= 0, true)
})

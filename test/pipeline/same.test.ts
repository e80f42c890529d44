import t from 'tap'
import { Same } from '../../src/pipeline/same.ts'

t.test('equal data is one object, the first', async (t) => {
  const same = new Same()
  const first = { a: [1, 'b', null] }
  t.equal(same.of(first), first)
  t.equal(same.of({ a: [1, 'b', null] }), first)
  for (const other of [{ a: [1, 'b'] }, { a: [1, 'b', null], c: 1 }, { a: ['1', 'b', null] }, [first]]) {
    t.equal(same.of(other), other)
  }
})

t.test('made once of equal data, and of each kind apart', async (t) => {
  const same = new Same()
  let made = 0
  const make = (): object => ({ n: ++made })
  const first = same.once('one', [1], make)
  t.equal(same.once('one', [1], make), first)
  t.not(same.once('other', [1], make), first)
  t.not(same.once('one', [2], make), first)
  t.equal(made, 3)
})

t.test('nothing is a result, too', async (t) => {
  const same = new Same()
  let asked = 0
  const none = (): null => {
    asked++
    return null
  }
  t.equal(same.once('cors', null, none), null)
  t.equal(same.once('cors', null, none), null)
  t.equal(asked, 1)
})

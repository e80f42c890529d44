import t from 'tap'
import { Gathering } from '../src/turn.ts'

const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve))

t.test('what a turn gathers is done at its end, in order, and once', async (t) => {
  const gathering = new Gathering()
  const done: string[] = []
  for (const name of ['a', 'b', 'c']) gathering.add({ flush: () => done.push(name) })
  t.strictSame(done, [])
  await turn()
  t.strictSame(done, ['a', 'b', 'c'])
  await turn()
  t.equal(done.length, 3)
  gathering.add({ flush: () => done.push('later') })
  await turn()
  t.strictSame(done.slice(3), ['later'], 'and so is what a later turn gathers')
})

t.test('the sixteenth does not wait for the end of the turn', (t) => {
  const gathering = new Gathering()
  let done = 0
  for (let i = 0; i < 15; i++) gathering.add({ flush: () => done++ })
  t.equal(done, 0)
  gathering.add({ flush: () => done++ })
  t.equal(done, 16)
  gathering.add({ flush: () => done++ })
  t.equal(done, 16, 'the next row begins anew')
  t.end()
})

t.test('what a flush gathers goes out in the same pass', async (t) => {
  const gathering = new Gathering()
  const done: string[] = []
  gathering.add({
    flush: () => {
      done.push('first')
      gathering.add({ flush: () => done.push('second') })
    }
  })
  await turn()
  t.strictSame(done, ['first', 'second'])
})

t.test('an exception is its own affair: the others are done all the same', async (t) => {
  const gathering = new Gathering()
  let done = 0
  const fails = () => {
    throw new Error('of this one')
  }
  for (let i = 0; i < 7; i++) gathering.add({ flush: () => done++ })
  gathering.add({ flush: fails })
  for (let i = 0; i < 7; i++) gathering.add({ flush: () => done++ })
  t.throws(() => gathering.add({ flush: () => done++ }), { message: 'of this one' })
  t.equal(done, 7)
  await turn()
  t.equal(done, 15)
})

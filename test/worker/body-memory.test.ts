import t from 'tap'
import { BodyMemory } from '../../src/worker/body-memory.ts'

t.test('a client gets its share, to the byte, and what it gives back', async (t) => {
  const memory = new BodyMemory(1000, 40)
  const [one, again, other] = [memory.of('a'), memory.of('a'), memory.of('b')]
  t.ok(one.take(399))
  t.notOk(again.take(2))
  t.ok(again.take(1))
  t.notOk(one.take(1))
  t.equal(memory.held, 400, 'what was refused took nothing')
  t.ok(other.take(400))
  one.give(399)
  t.ok(again.take(399))
  again.give(400)
  t.ok(one.take(400))
})

t.test('all together never more than all there is', async (t) => {
  const memory = new BodyMemory(1000, 40)
  t.ok(memory.of('a').take(400))
  t.ok(memory.of('b').take(400))
  t.notOk(memory.of('c').take(201))
  t.ok(memory.of('c').take(200))
  t.notOk(memory.of('d').take(1))
  memory.of('c').give(200)
  t.equal(memory.held, 800)
  t.ok(memory.of('d').take(200), 'the refusal left nothing behind')
})

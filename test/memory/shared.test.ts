import t from 'tap'
import { MessageChannel } from 'node:worker_threads'
import { allocateShared } from '../../src/memory/shared.ts'
import { Limiter, newLimitVerdict } from '../../src/limits/limiter.ts'
import { COUNTER, CounterReader, Counters } from '../../src/memory/counters.ts'
import { Beats } from '../../src/memory/beats.ts'

t.test('every boot has its own seed', async (t) => {
  const options = { workers: 1, limitSlots: 1024, ringBytes: 1 << 16 }
  t.not(allocateShared(options).seed.join(), allocateShared(options).seed.join())
})

t.test('a structured clone shares the memory and keeps the rest', async (t) => {
  const memory = allocateShared({ workers: 3, limitSlots: 1500, ringBytes: 100_000 })
  const { port1, port2 } = new MessageChannel()
  const received = new Promise<typeof memory>((resolve) => void port2.once('message', resolve))
  port1.postMessage(memory)
  const clone = await received
  port1.close()
  t.same(clone.seed, memory.seed)
  t.equal(clone.rings.length, 3)
  new Beats(memory).setReady(true)
  t.ok(new Beats(clone).isReady())
  new Counters(clone, 2).add(COUNTER.requests)
  const reader = new CounterReader(memory)
  reader.update()
  t.equal(reader.total(COUNTER.requests), 1)
  const plan = {
    name: 'l',
    level: 'gateway',
    by: [],
    amount: { kind: 'rate' as const, count: 1, period: 3_600_000, burst: 1 },
    needsCaller: false,
    mode: 'enforce' as const,
    where: 'g.yaml:1:1'
  }
  const verdict = newLimitVerdict()
  const admitted = [memory, clone].map((m, worker) => {
    const limiter = new Limiter(m, worker, new Counters(m, worker))
    limiter.take(limiter.prepare(plan), 'key', false, process.hrtime.bigint(), verdict)
    return verdict.admitted
  })
  t.same(admitted, [true, false])
})

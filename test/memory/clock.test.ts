import t from 'tap'
import { Worker } from 'node:worker_threads'
import { monotonicMs, monotonicNs, wallMs } from '../../src/memory/clock.ts'

t.test('never steps back, and both forms are one clock', async (t) => {
  let last = monotonicNs()
  for (let i = 0; i < 1000; i++) {
    const now = monotonicNs()
    if (now < last) t.fail('stepped back')
    last = now
  }
  const before = monotonicMs()
  const ns = Number(monotonicNs()) / 1e6
  t.ok(before <= ns && ns <= monotonicMs())
  t.ok(Math.abs(wallMs() - Date.now()) < 100)
})

t.test('is the same clock in every thread', async (t) => {
  const before = monotonicNs()
  const there = await new Promise<bigint>((resolve, reject) => {
    const worker = new Worker(`require('worker_threads').parentPort.postMessage(process.hrtime.bigint())`, {
      eval: true
    })
    worker.on('message', resolve)
    worker.on('error', reject)
  })
  t.ok(before <= there && there <= monotonicNs())
})

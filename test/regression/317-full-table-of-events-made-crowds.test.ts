/**
 * Where the table of events was full, its sketch said of nearly every address that several identities succeed from it: who
 * had filled it was limited to ten requests a second where a ban was due, and where one held.
 */
import t from 'tap'
import { Counters } from '../../src/memory/counters.ts'
import { allocateShared } from '../../src/memory/shared.ts'
import { Detector } from '../../src/threats/detector.ts'

t.test('addresses of a flood are no crowds, and a crowd stays one', async (t) => {
  const memory = allocateShared({ workers: 1, limitSlots: 1024, ringBytes: 1 << 16, eventSlots: 4096 })
  const detector = new Detector(memory, new Counters(memory, 0))
  for (const user of ['acme', 'globex', 'initech']) detector.succeeded('192.0.2.1', user)
  for (let i = 0; i < 8000; i++) detector.addressBanned(`network ${i}`, `flood ${i}`)
  t.ok(detector.fill() > 0.9, 'the table is full')
  const crowds = Array.from({ length: 8000 }, (_, i) => `flood ${i}`).filter((one) => detector.isCrowd(one))
  t.same(crowds, [])
  t.ok(detector.isCrowd('192.0.2.1'))
})

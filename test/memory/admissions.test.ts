import t from 'tap'
import { AdmissionReader, AdmissionWriter, BYTES_OF_ADMISSIONS } from '../../src/memory/admissions.ts'

const CAPACITY = 1 << 15

t.test('what was written is read, once, in order, with its signs', async (t) => {
  const buffer = new SharedArrayBuffer(BYTES_OF_ADMISSIONS)
  const writer = new AdmissionWriter(buffer)
  const reader = new AdmissionReader(buffer)
  writer.write(-1, 0x7fffffff, (1 << 30) - 1, true, 5)
  writer.write(1, -2, 1, false, 0)
  const seen: unknown[][] = []
  reader.drain((...record) => seen.push(record))
  t.same(seen, [
    [-1, 0x7fffffff, (1 << 30) - 1, true, 5],
    [1, -2, 1, false, 0]
  ])
  reader.drain(() => t.fail('read twice'))
})

t.test('full at its capacity, and not before or after', async (t) => {
  const buffer = new SharedArrayBuffer(BYTES_OF_ADMISSIONS)
  const writer = new AdmissionWriter(buffer)
  for (let i = 0; i < CAPACITY - 1; i++) writer.write(i, 0, 1, false, 1)
  t.equal(writer.write(-7, 0, 1, false, 1), true, 'the last place')
  t.equal(writer.write(-8, 0, 1, false, 1), false, 'no room')
  const reader = new AdmissionReader(buffer)
  let last = 0
  let count = 0
  reader.drain((lo) => {
    last = lo
    count++
  })
  t.same([count, last], [CAPACITY, -7])
  t.equal(writer.write(1, 0, 1, false, 1), true, 'there is room again, around the end')
})

t.test('a worker that replaces another goes on where that one ended', async (t) => {
  const buffer = new SharedArrayBuffer(BYTES_OF_ADMISSIONS)
  new AdmissionWriter(buffer).write(1, 0, 1, false, 1)
  new AdmissionWriter(buffer).write(2, 0, 1, false, 1)
  const seen: number[] = []
  new AdmissionReader(buffer).drain((lo) => seen.push(lo))
  t.same(seen, [1, 2])
})

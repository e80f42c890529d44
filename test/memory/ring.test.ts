import t from 'tap'
import fc from 'fast-check'
import { bytesOfRing, RingReader, RingWriter } from '../../src/memory/ring.ts'

function ring(bytes = 1 << 16) {
  const buffer = new SharedArrayBuffer(bytesOfRing(bytes))
  return { buffer, writer: new RingWriter(buffer), reader: new RingReader(buffer) }
}

function write(writer: RingWriter, text: string, reserve = text.length): boolean {
  const at = writer.reserve(reserve)
  if (at < 0) return false
  writer.bytes.write(text, at, 'latin1')
  writer.publish(text.length)
  return true
}

function read(reader: RingReader): string | null {
  const at = reader.next()
  if (at < 0) return null
  const text = reader.bytes.toString('latin1', at, at + reader.length)
  reader.release()
  return text
}

t.test('records come out as they went in, in order', async (t) => {
  const { writer, reader } = ring()
  t.equal(read(reader), null)
  for (const text of ['one', '', 'three']) t.ok(write(writer, text, 100))
  t.same([read(reader), read(reader), read(reader), read(reader)], ['one', '', 'three', null])
  t.equal(reader.fill(), 0)
})

t.test('what is not published is not there', async (t) => {
  const { buffer, writer, reader } = ring()
  t.ok(writer.reserve(100) >= 0)
  t.equal(read(reader), null)
  t.ok(write(new RingWriter(buffer), 'of the successor'), 'a writer that takes over goes on at the head')
  t.equal(read(reader), 'of the successor')
})

t.test('full: no room, nothing overwritten, room again after reading', async (t) => {
  const { writer, reader } = ring()
  const text = 'x'.repeat(1016)
  let n = 0
  while (write(writer, `${n}${text}`.slice(0, 1016))) n++
  t.equal(n, 64)
  t.equal(writer.fill(), 1)
  t.equal(write(writer, ''), false)
  t.equal(read(reader)?.slice(0, 2), '0x')
  t.ok(write(writer, 'y'.repeat(1016)))
  for (let i = 1; i < 64; i++) t.match(read(reader), new RegExp(`^${i}x`))
  t.equal(read(reader)?.[0], 'y')
})

t.test('several records are read before their room is given back, all of it at once', async (t) => {
  const { writer, reader } = ring()
  for (let n = 0; n < 63; n++) t.ok(write(writer, `${n}`.padEnd(1016, 'x')))
  t.equal(reader.length, 0)
  const seen: number[] = []
  for (let at = reader.next(); at >= 0; at = reader.next())
    seen.push(parseInt(reader.bytes.toString('latin1', at, at + 4), 10))
  t.same(
    seen,
    Array.from({ length: 63 }, (_, n) => n)
  )
  t.ok(write(writer, 'y'.repeat(1016)))
  t.equal(write(writer, 'y'), false, 'not given back yet')
  t.ok(writer.isFullerThan(0.99))
  reader.release()
  t.equal(writer.isFullerThan(1 / 64), false, 'the one behind them is left')
  t.equal(writer.isFullerThan(0.015), true)
  t.ok(write(writer, 'z'.repeat(1016)))
  t.equal(read(reader)?.[0], 'y')
  t.equal(read(reader)?.[0], 'z')
})

t.test('a record never wraps: the end of the ring is skipped, and counts as used', async (t) => {
  const { writer, reader } = ring()
  const most = 40_000
  t.ok(write(writer, 'a'.repeat(most)))
  t.equal(write(writer, 'b'.repeat(most)), false, 'neither behind nor before')
  t.equal(read(reader)?.length, most)
  t.ok(write(writer, 'b'.repeat(most)), 'from the start again')
  t.ok(writer.fill() > 0.9)
  t.equal(read(reader), 'b'.repeat(most))
  t.equal(writer.fill(), 0)
})

t.test('positions may go round 32 bits', async (t) => {
  const { buffer } = ring()
  const ends = new Int32Array(buffer, 0, 32)
  ends[0] = ends[16] = -(1 << 16)
  const writer = new RingWriter(buffer)
  const reader = new RingReader(buffer)
  for (let i = 0; i < 200; i++) {
    t.ok(write(writer, `${i}:${'z'.repeat(1000)}`))
    t.equal(read(reader)?.split(':')[0], `${i}`)
  }
})

t.test('any sequence of writes and reads is a queue', async (t) => {
  fc.assert(
    fc.property(fc.array(fc.oneof(fc.integer({ min: 0, max: 30_000 }), fc.constant(null))), (steps) => {
      const { writer, reader } = ring()
      const queue: string[] = []
      steps.forEach((step, i) => {
        if (step === null) {
          const expected = queue.shift() ?? null
          if (read(reader) !== expected) throw new Error(`step ${i}`)
        } else {
          const text = String.fromCharCode(97 + (i % 26)).repeat(step)
          if (write(writer, text, Math.min(step + 50, 31_000))) queue.push(text)
        }
      })
      for (const text of queue) if (read(reader) !== text) throw new Error('at the end')
      return read(reader) === null
    })
  )
  t.pass()
})

t.test('sizes are rounded up, and bounded', async (t) => {
  t.equal(bytesOfRing(1), bytesOfRing(1 << 16))
  t.equal(bytesOfRing(100_000), bytesOfRing(1 << 17))
  t.throws(() => bytesOfRing(2 ** 29), /at most/)
})

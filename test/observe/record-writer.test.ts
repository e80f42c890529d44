import t from 'tap'
import fc from 'fast-check'
import { COUNTER, CounterReader, Counters } from '../../src/memory/counters.ts'
import { RingWriter } from '../../src/memory/ring.ts'
import { allocateShared } from '../../src/memory/shared.ts'
import { CAPS, LARGEST_RECORD } from '../../src/observe/layout.ts'
import { emptyRecord, type AccessRecord } from '../../src/observe/record.ts'
import { RecordWriter } from '../../src/observe/record-writer.ts'
import { WholeReader } from './ring.ts'

function bench() {
  const memory = allocateShared({ workers: 1, limitSlots: 1024, ringBytes: 1 << 16 })
  const counters = new CounterReader(memory)
  const successor = (): RecordWriter => new RecordWriter(memory, 0, new Counters(memory, 0))
  return {
    writer: successor(),
    successor,
    reader: new WholeReader(memory),
    count: (name: keyof typeof COUNTER) => {
      counters.update()
      return counters.total(COUNTER[name])
    }
  }
}

function through(record: AccessRecord): AccessRecord | null {
  const { writer, reader } = bench()
  if (!writer.write(record)) return null
  let out: AccessRecord | null = null
  reader.drain(10, (r) => (out = { ...r }))
  return out
}

const FULL: AccessRecord = {
  ...Object.assign(emptyRecord(), Object.fromEntries(Object.keys(CAPS).map((name) => [name, `of ${name}`]))),
  time: 1_790_000_000_123.5,
  duration: 12_345.25,
  upstreamTime: -1,
  status: 429,
  bytesIn: 2 ** 40,
  bytesOut: 7,
  worker: 63,
  generation: 2 ** 31 - 1,
  decision: 'deny',
  scheme: 'https',
  authMethod: 'jwt'
}

/** Lone surrogates replaced, as UTF-8 does. */
function wellFormed(text: string): string {
  return Buffer.from(text).toString()
}

t.test('every field comes back as it went in', async (t) => {
  t.same(through(FULL), FULL)
  t.same(through(emptyRecord()), emptyRecord())
  for (const decision of ['forward', 'answer', 'deny', 'error', 'abort'] as const) {
    t.equal(through({ ...FULL, decision })?.decision, decision)
  }
})

t.test('text outside ASCII comes back, in every field', async (t) => {
  for (const name of Object.keys(CAPS)) {
    const record = { ...FULL, [name]: 'ü€𝒳' }
    if (CAPS[name as keyof typeof CAPS] >= 9) t.same(through(record), record, name)
  }
})

t.test('strings are cut at their cap, after a whole character', async (t) => {
  for (const [name, cap] of Object.entries(CAPS)) {
    const out = (text: string) => through({ ...FULL, [name]: text })?.[name as keyof typeof CAPS]
    t.equal(out('x'.repeat(cap)), 'x'.repeat(cap), `${name}: at the cap`)
    t.equal(out('x'.repeat(cap + 1)), 'x'.repeat(cap), `${name}: one above`)
    t.equal(out('€'.repeat(cap)), '€'.repeat(Math.floor(cap / 3)), `${name}: three bytes each`)
    t.equal(out(`${'x'.repeat(cap - 1)}é`), 'x'.repeat(cap - 1), `${name}: half a character`)
    t.equal(out('𝒳'.repeat(cap)), '𝒳'.repeat(Math.floor(cap / 4)), `${name}: four bytes each`)
  }
})

t.test('any text: valid, no longer than its cap, a prefix, and its neighbours untouched', async (t) => {
  fc.assert(
    fc.property(
      fc.string({ unit: 'binary', maxLength: 300 }),
      fc.string({ unit: 'grapheme', maxLength: 300 }),
      (a, b) => {
        const out = through({ ...FULL, userAgent: a, subject: b })
        if (!out) return false
        return (
          Buffer.byteLength(out.userAgent) <= CAPS.userAgent &&
          wellFormed(a).startsWith(out.userAgent) &&
          b.startsWith(out.subject) &&
          out.route === FULL.route &&
          out.issuer === FULL.issuer &&
          out.target === FULL.target
        )
      }
    )
  )
  t.pass()
})

t.test('a lone surrogate becomes U+FFFD', async (t) => {
  t.equal(through({ ...FULL, query: 'a\ud800b' })?.query, 'a\ufffdb')
})

t.test('above three quarters full, refusals are counted and the rest still recorded', async (t) => {
  const { writer, reader, count } = bench()
  let denied = 0
  while (writer.write({ ...FULL, decision: 'deny' })) denied++
  t.ok(writer.fill() > 0.75 && writer.fill() < 0.8)
  t.equal(count('refusalsNotRecorded'), 1)
  t.equal(writer.write({ ...FULL, decision: 'forward' }), true)
  t.equal(writer.write({ ...FULL, decision: 'error' }), true)
  t.equal(count('recordsDropped'), 0)
  let read = 0
  t.equal(
    reader.drain(1e6, () => read++),
    denied + 2
  )
  t.equal(read, denied + 2)
  t.equal(writer.write({ ...FULL, decision: 'deny' }), true)
})

t.test('full: dropped and counted, and what was there stays whole', async (t) => {
  const { writer, reader, count } = bench()
  let written = 0
  while (writer.write({ ...FULL, decision: 'forward', status: written })) written++
  t.equal(count('recordsDropped'), 1)
  const statuses: number[] = []
  reader.drain(1e6, (r) => {
    statuses.push(r.status)
    if (r.target !== FULL.target) t.fail('not whole')
  })
  t.same(
    statuses,
    statuses.map((_, i) => i)
  )
  t.equal(statuses.length, written)
})

t.test('drain stops at its maximum and goes on there', async (t) => {
  const { writer, reader } = bench()
  for (let status = 0; status < 5; status++) writer.write({ ...FULL, status })
  const seen: number[] = []
  t.equal(
    reader.drain(2, (r) => seen.push(r.status)),
    2
  )
  t.equal(
    reader.drain(10, (r) => seen.push(r.status)),
    3
  )
  t.equal(
    reader.drain(10, () => t.fail()),
    0
  )
  t.same(seen, [0, 1, 2, 3, 4])
})

t.test('an exception of the receiver loses its record only', async (t) => {
  const { writer, reader } = bench()
  writer.write({ ...FULL, status: 1 })
  writer.write({ ...FULL, status: 2 })
  t.throws(() =>
    reader.drain(10, () => {
      throw new Error('x')
    })
  )
  reader.drain(10, (r) => t.equal(r.status, 2))
})

t.test('the largest record fits the smallest ring many times', async (t) => {
  t.ok(LARGEST_RECORD * 8 < 1 << 16)
  const long = 'x'.repeat(10_000)
  const record = { ...FULL, ...Object.fromEntries(Object.keys(CAPS).map((name) => [name, long])) }
  t.ok(through(record))
})

t.test('what repeats is told once, and told anew when it changes', async (t) => {
  const { writer, reader } = bench()
  const sent: AccessRecord[] = []
  const told: number[] = []
  const send = (record: AccessRecord): void => {
    t.ok(writer.write(record))
    sent.push({ ...record })
    let out: AccessRecord | null = null
    const before = reader.told
    t.equal(
      reader.drain(10, (r) => (out = { ...r })),
      1
    )
    t.same(out, record)
    told.push(reader.told - before)
  }
  send(FULL)
  send({ ...FULL, id: 'another', traceId: 'x', path: '/y', query: 'z', time: 1, duration: 2, bytesIn: 3, bytesOut: 4 })
  send({ ...FULL, upstreamTime: 7 })
  t.same(told, [2, 0, 0])
  for (const name of Object.keys(CAPS)) send({ ...FULL, [name]: 'ü' })
  for (const name of Object.keys(CAPS)) send({ ...FULL, [name]: 'other' })
  send(FULL)
  for (const change of [{ status: 200 }, { worker: 1 }, { generation: 4 }, { decision: 'error' as const }]) {
    send({ ...FULL, ...change })
    t.equal(told.at(-1), 1, 'the outcome only')
    send(FULL)
  }
})

t.test('any sequence of records from few parts comes out as it went in, whatever shares a place', async (t) => {
  const some = fc.constantFrom('', 'a', 'b', 'aaaa', 'baaaa', 'ünlauter', 'x'.repeat(60))
  const parts = fc.record({
    route: some,
    target: some,
    reason: some,
    clientIp: some,
    subject: some,
    host: some,
    path: some
  })
  fc.assert(
    fc.property(fc.array(parts, { maxLength: 60 }), fc.integer({ min: 1, max: 9 }), (records, read) => {
      const { writer, reader } = bench()
      const out: unknown[] = []
      const take = (r: AccessRecord): number => out.push({ ...r })
      records.forEach((part, i) => {
        writer.write({ ...FULL, ...part })
        if (i % read === 0) reader.drain(read, take)
      })
      reader.drain(1e6, take)
      t.same(
        out,
        records.map((part) => ({ ...FULL, ...part }))
      )
    }),
    { numRuns: 30 }
  )
})

t.test('more clients and outcomes than there are places', async (t) => {
  const { writer, reader } = bench()
  const record = (n: number): AccessRecord => ({ ...FULL, clientIp: `10.0.0.${n}`, subject: `s${n}`, route: `r${n}` })
  for (let n = 0; n < 3000; n++) {
    writer.write(record(n))
    reader.drain(1, (r) => {
      if (r.clientIp !== `10.0.0.${n}` || r.subject !== `s${n}` || r.route !== `r${n}`) t.fail(`${n}: ${r.clientIp}`)
    })
  }
  t.equal(reader.told, 6000)
})

t.test('what a dropped record would have told is told by the next', async (t) => {
  const { writer, reader, count } = bench()
  while (writer.write({ ...FULL, decision: 'forward' }));
  const other = { ...FULL, decision: 'forward' as const, route: 'never.told', clientIp: '::1' }
  t.equal(writer.write(other), false)
  while (writer.write({ ...other, decision: 'deny' }));
  t.ok(count('recordsDropped') > 1 && count('refusalsNotRecorded') > 0)
  reader.drain(1e6, (r) => t.equal(r.route, FULL.route))
  t.ok(writer.write(other))
  t.ok(writer.write({ ...other, decision: 'deny' }))
  const out: AccessRecord[] = []
  reader.drain(10, (r) => out.push({ ...r }))
  t.same(out, [other, { ...other, decision: 'deny' }])
})

t.test('a worker that takes the place of another tells anew, behind what that one left to be read', async (t) => {
  const { writer, successor, reader } = bench()
  const mine = { ...FULL, id: 'before' }
  writer.write(mine)
  writer.write(mine)
  const next = successor()
  const theirs = { ...FULL, id: 'after', reason: 'OF REASON', userAgent: 'OF USERAGENT' }
  next.write(theirs)
  next.write({ ...FULL, id: 'again' })
  next.write(theirs)
  const out: AccessRecord[] = []
  reader.drain(10, (r) => out.push({ ...r }))
  t.same(out, [mine, mine, theirs, { ...FULL, id: 'again' }, theirs])
})

t.test('a text whose length no uint16 holds is cut like any other', async (t) => {
  const out = through({ ...FULL, path: '/'.repeat(65_536 + 10) })
  t.equal(out?.path, '/'.repeat(CAPS.path))
  t.equal(out?.target, FULL.target)
})

t.test('a ring with anything in it is read to its end: records of nothing, and no exception', async (t) => {
  const memory = allocateShared({ workers: 1, limitSlots: 1024, ringBytes: 1 << 16 })
  const ring = new RingWriter(memory.rings[0] as SharedArrayBuffer)
  fc.assert(
    fc.property(fc.array(fc.uint8Array({ minLength: 120, maxLength: 400 }), { minLength: 1, maxLength: 20 }), (all) => {
      const reader = new WholeReader(memory)
      for (const bytes of all) {
        const at = ring.reserve(bytes.length)
        ring.bytes.set(bytes, at)
        ring.publish(bytes.length)
      }
      t.equal(
        reader.drain(1e6, () => {}),
        all.length
      )
      t.equal(reader.fill(), 0)
    })
  )
})

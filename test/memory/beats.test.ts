import t from 'tap'
import { Beats, bytesOfBeats } from '../../src/memory/beats.ts'

function bench(start = 5000) {
  const time = { ms: start }
  const memory = { workers: 2, beats: new SharedArrayBuffer(bytesOfBeats(2)) }
  return { time, beats: new Beats(memory, () => time.ms), other: new Beats(memory, () => time.ms) }
}

t.test('ages are per thread, and endless before the first beat', async (t) => {
  const { time, beats, other } = bench()
  for (const who of ['main', 'control', 0, 1] as const) t.equal(beats.ageMs(who), Infinity)
  beats.beat('main')
  time.ms += 100
  beats.beat(1)
  time.ms += 50
  t.equal(other.ageMs('main'), 150)
  t.equal(other.ageMs(1), 50)
  t.equal(other.ageMs(0), Infinity)
  t.equal(other.ageMs('control'), Infinity)
  beats.forget(1)
  t.equal(other.ageMs(1), Infinity)
})

t.test('ages stay right where milliseconds go round 32 bits', async (t) => {
  for (const start of [2 ** 31 - 10, 2 ** 32 - 10, 2 ** 32]) {
    const { time, beats } = bench(start)
    beats.beat(0)
    time.ms += 20.5
    t.equal(beats.ageMs(0), start === 2 ** 32 ? 19 : 20)
  }
})

t.test('a beat that falls between two reads is no negative age', async (t) => {
  const { time, beats } = bench()
  beats.beat(0)
  time.ms -= 1
  t.equal(beats.ageMs(0), 0)
})

t.test('states are seen by all', async (t) => {
  const { beats, other } = bench()
  t.same([other.isReady(), other.isDraining()], [false, false])
  beats.setReady(true)
  beats.setDraining(true)
  t.same([other.isReady(), other.isDraining()], [true, true])
  beats.setReady(false)
  t.equal(other.isReady(), false)
})

t.test('the real clock runs in milliseconds', async (t) => {
  const memory = { workers: 1, beats: new SharedArrayBuffer(bytesOfBeats(1)) }
  const beats = new Beats(memory)
  beats.beat(0)
  await new Promise((resolve) => setTimeout(resolve, 30))
  t.ok(beats.ageMs(0) >= 28 && beats.ageMs(0) < 5000)
})

t.test('how far a worker sheds is its own word, and goes with it', async (t) => {
  const { beats, other } = bench()
  beats.beat(1)
  beats.setShedding(1, 3)
  beats.setShedding(0, 1)
  t.equal(other.shedding(0), 1)
  t.equal(other.shedding(1), 3)
  t.equal(other.ageMs(1), 0)
  beats.forget(1)
  t.equal(other.shedding(1), 0)
  t.equal(other.shedding(0), 1)
})

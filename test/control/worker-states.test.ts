import t from 'tap'
import { WorkerStates } from '../../src/control/worker-states.ts'
import { Beats, bytesOfBeats } from '../../src/memory/beats.ts'

void t.test('a worker is starting until it has what the others serve', async (t) => {
  const beats = new Beats({ workers: 2, beats: new SharedArrayBuffer(bytesOfBeats(2)) })
  const states = new WorkerStates(2, () => {})
  const seen = (): string[] => states.report(beats).map(({ state, restarts }) => `${state} ${restarts}`)
  t.same(seen(), ['starting 0', 'starting 0'])
  states.up(0)
  states.up(1)
  await states.allUp()
  t.same(seen(), ['starting 0', 'starting 0'])
  states.allServe()
  t.same(seen(), ['serving 0', 'serving 0'])
  states.bypassed(1, true)
  t.same(seen(), ['serving 0', 'bypassed 0'])
  states.down(1)
  t.same(seen(), ['serving 0', 'down 0'])
  states.allServe()
  t.same(seen(), ['serving 0', 'down 0'], 'one that is gone does not serve')
  states.up(1)
  t.same(seen(), ['serving 0', 'starting 1'])
  states.serves(1)
  t.same(seen(), ['serving 0', 'serving 1'])
})

void t.test('ages are ms, and null before the first beat', async (t) => {
  const beats = new Beats({ workers: 1, beats: new SharedArrayBuffer(bytesOfBeats(1)) })
  const states = new WorkerStates(1, () => {})
  t.equal(states.report(beats)[0]?.beatAge, null)
  beats.beat(0)
  const age = states.report(beats)[0]?.beatAge ?? NaN
  t.ok(age >= 0 && age < 1_000)
})

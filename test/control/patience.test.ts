/** What a start waits for: workers that come up late, or not at all. Time is told by hand. */
import { MessageChannel } from 'node:worker_threads'
import { mock } from 'node:test'
import t, { type Test } from 'tap'
import { within } from '../../src/control/patience.ts'
import { Rollout } from '../../src/control/rollout.ts'
import { WorkerStates } from '../../src/control/worker-states.ts'
import type { ControlToWorker, WorkerToControl } from '../../src/messages.ts'
import { packConsumers } from '../../src/plan/packed-consumers.ts'
import type { PackedPlan } from '../../src/plan/plan.ts'
import { NO_EVENTS } from './no-events.ts'

mock.timers.enable({ apis: ['setTimeout'] })
t.teardown(() => mock.timers.reset())

const plan = (generation: number): PackedPlan =>
  ({ generation, routes: [{}, {}], consumers: packConsumers([]), revocations: [] }) as unknown as PackedPlan
/** More for two routes, ms. */
const MORE = 2

interface Start {
  rollout: Rollout
  slow: number[][]
  /** What each worker was told. */
  told: string[][]
  say: (worker: number, message: WorkerToControl) => void
}

/** Two workers that were started and load their code still: they hear what they are told, and say nothing. */
function start(owner: Test): Start {
  const slow: number[][] = []
  const rollout = new Rollout({ ...NO_EVENTS, slowToStart: (...of) => slow.push(of) })
  const told: string[][] = [[], []]
  const ports = told.map((list, index) => {
    const { port1, port2 } = new MessageChannel()
    port2.on('message', ({ type }: ControlToWorker) => list.push(type))
    owner.teardown(() => port2.close())
    owner.teardown(() => rollout.remove(index))
    rollout.add(index, port1)
    return port2
  })
  return { rollout, slow, told, say: (worker, message) => ports[worker]?.postMessage(message) }
}

/** Answers what is asked last, as a worker does that is through with it. */
async function serve({ told, say }: Start, worker: number, generation: number): Promise<void> {
  say(worker, { type: 'built', generation })
  while (told[worker]?.at(-1) !== 'commit') await turn()
  say(worker, { type: 'committed', generation })
}

/** Until all that was posted has arrived, and what waited for it has gone on. */
async function turn(): Promise<void> {
  await new Promise((resolve) => setImmediate(resolve))
}

t.test('a worker that takes a minute of a busy machine to start is waited for, and it is said', async (t) => {
  const started = start(t)
  const { rollout, slow, told, say } = started
  const published = rollout.publish(plan(1))
  while (told.some((list) => list.length === 0)) await turn()
  say(0, { type: 'built', generation: 1 })
  await turn()
  await turn()
  mock.timers.tick(5_000 + MORE - 1)
  t.same(slow, [])
  mock.timers.tick(1)
  t.match(slow.at(-1), [1, 5_000 + MORE, 55_000])
  mock.timers.tick(54_999)
  say(1, { type: 'built', generation: 1 })
  for (const worker of [0, 1]) await serve(started, worker, 1)
  await published
  t.equal(rollout.current?.generation, 1)
})

t.test('one that hangs ends the start after that minute, by its number', async (t) => {
  const { rollout, told, say } = start(t)
  let reason = ''
  const published = rollout.publish(plan(1)).catch(({ message }: Error) => (reason = message))
  while (told.some((list) => list.length === 0)) await turn()
  say(0, { type: 'built', generation: 1 })
  await turn()
  await turn()
  mock.timers.tick(60_000 + MORE - 1)
  await turn()
  t.equal(reason, '')
  mock.timers.tick(1)
  await published
  t.equal(reason, `worker 1 did not acknowledge within ${60_000 + MORE} ms`)
  t.equal(rollout.current, null)
})

t.test('one that serves has no more than 5 s for what comes after', async (t) => {
  const started = start(t)
  const { rollout, slow, told, say } = started
  const first = rollout.publish(plan(1))
  while (told.some((list) => list.length === 0)) await turn()
  for (const worker of [0, 1]) say(worker, { type: 'built', generation: 1 })
  for (const worker of [0, 1]) await serve(started, worker, 1)
  await first
  let reason = ''
  const second = rollout.publish(plan(2)).catch(({ message }: Error) => (reason = message))
  while (told.some((list) => list.at(-1) !== 'begin')) await turn()
  say(0, { type: 'built', generation: 2 })
  await turn()
  await turn()
  mock.timers.tick(5_000 + MORE - 1)
  await turn()
  t.equal(reason, '')
  mock.timers.tick(1)
  await second
  t.equal(reason, `worker 1 did not acknowledge within ${5_000 + MORE} ms`)
  mock.timers.tick(60_000)
  t.same(slow, [], 'it is no start that takes long')
})

t.test('workers come up one after the other, each in its time', async (t) => {
  const slow: number[][] = []
  const states = new WorkerStates(3, (...of) => slow.push(of))
  let reason = ''
  const allUp = states.allUp().catch(({ message }: Error) => (reason = message))
  mock.timers.tick(59_999)
  t.same(slow, [[0, 5_000, 55_000]])
  states.up(0)
  await turn()
  mock.timers.tick(59_999)
  states.up(1)
  // One that fails while it loads, and is started again and again, is none that comes.
  states.up(0)
  await turn()
  mock.timers.tick(59_999)
  states.up(0)
  await turn()
  t.equal(reason, '')
  mock.timers.tick(1)
  await allUp
  t.equal(reason, 'worker 2 did not come up, because one before it still loads its code, within 60000 ms')
})

t.test('what is in time is no failure later', async (t) => {
  t.equal(await within(10, 'it did not come', Promise.resolve('it')), 'it')
  mock.timers.tick(10)
  await t.rejects(within(10, 'it did not come', Promise.reject(new Error('of its own'))), { message: 'of its own' })
})

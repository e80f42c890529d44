import { MessageChannel, type MessagePort } from 'node:worker_threads'
import t, { type Test } from 'tap'
import { Rollout } from '../../src/control/rollout.ts'
import type { ControlToWorker, WorkerToControl } from '../../src/messages.ts'
import { packConsumers } from '../../src/plan/packed-consumers.ts'
import type { PackedPlan } from '../../src/plan/plan.ts'
import { consumerPlan } from '../identity/kit.ts'
import { NO_EVENTS } from './no-events.ts'

const plan = (generation: number, routes = 0, consumers = 0): PackedPlan =>
  ({
    generation,
    routes: Array.from({ length: routes }, () => ({})),
    consumers: packConsumers(Array.from({ length: consumers }, (_, n) => consumerPlan(`c${n}`))),
    revocations: []
  }) as unknown as PackedPlan

/** The other end of a link: answers as a worker would, unless told otherwise. */
class FakeWorker {
  readonly port: MessagePort
  readonly received: string[] = []
  readonly #own: MessagePort
  /** What to answer to a message; null: nothing. */
  answer: (message: ControlToWorker) => WorkerToControl | null = (message) => {
    switch (message.type) {
      case 'begin':
        return { type: 'more', generation: message.head.generation }
      case 'routes':
      case 'configured-revocations':
        return { type: 'more', generation: message.generation }
      case 'end':
        return { type: 'built', generation: message.generation }
      case 'commit':
        return { type: 'committed', generation: message.generation }
      default:
        return null
    }
  }

  constructor(owner: Test) {
    const { port1, port2 } = new MessageChannel()
    this.port = port1
    this.#own = port2
    port2.on('message', (message: ControlToWorker) => {
      this.received.push(message.type)
      const answer = this.answer(message)
      if (answer !== null) this.say(answer)
    })
    owner.teardown(() => port2.close())
  }

  say(message: WorkerToControl): void {
    this.#own.postMessage(message)
  }
}

/** `count` workers that joined before the first plan. */
function workers(owner: Test, rollout: Rollout, count: number): FakeWorker[] {
  return Array.from({ length: count }, (_, index) => {
    const worker = new FakeWorker(owner)
    owner.teardown(() => rollout.remove(index))
    rollout.add(index, worker.port)
    return worker
  })
}

void t.test('a plan goes to every worker in parts, and serves once all have built it', async (t) => {
  const rollout = new Rollout(NO_EVENTS)
  const both = workers(t, rollout, 2)
  await rollout.publish(plan(1, 250))
  t.equal(rollout.current?.generation, 1)
  for (const { received } of both) t.same(received, ['begin', 'routes', 'routes', 'routes', 'end', 'commit'])
})

void t.test('10,000 consumers are one message and no copy of them, to be read in parts', async (t) => {
  const rollout = new Rollout(NO_EVENTS)
  const [worker] = workers(t, rollout, 1)
  const usual = worker?.answer
  let parts: readonly SharedArrayBuffer[] | undefined
  if (worker && usual) {
    worker.answer = (message) => {
      if (message.type === 'begin') parts = message.consumers.parts
      return usual(message)
    }
  }
  await rollout.publish(plan(1, 0, 10_000))
  t.same(worker?.received, ['begin', 'end', 'commit'])
  t.equal(parts?.length, 200)
  t.ok(parts?.every((part) => part instanceof SharedArrayBuffer))
})

void t.test('one worker that cannot build it keeps it from all', async (t) => {
  const rollout = new Rollout(NO_EVENTS)
  const [good, bad] = workers(t, rollout, 2)
  if (!good || !bad) throw new Error('two were made')
  await rollout.publish(plan(1))
  const usual = bad.answer
  bad.answer = (message) =>
    message.type === 'end'
      ? { type: 'failed', generation: message.generation, reason: 'no such certificate' }
      : usual(message)
  await t.rejects(rollout.publish(plan(2)), { message: 'no such certificate' })
  t.equal(rollout.current?.generation, 1)
  while (good.received.at(-1) !== 'cancel' || bad.received.at(-1) !== 'cancel') await turn()
  t.pass('both hear of it')
  t.equal(good.received.filter((type) => type === 'commit').length, 1)

  bad.answer = usual
  await rollout.publish(plan(3))
  t.equal(rollout.current?.generation, 3, 'the next one is not held up by it')
})

void t.test('a late answer to a cancelled generation is no answer to the next', async (t) => {
  const rollout = new Rollout(NO_EVENTS)
  const [good, slow] = workers(t, rollout, 2)
  if (!good || !slow) throw new Error('two were made')
  const usual = good.answer
  good.answer = (message) =>
    message.type === 'end' ? { type: 'failed', generation: message.generation, reason: 'no' } : usual(message)
  slow.answer = (message) => (message.type === 'end' ? null : usual(message))
  await t.rejects(rollout.publish(plan(1)))
  good.answer = usual
  const second = rollout.publish(plan(2))
  slow.say({ type: 'built', generation: 1 })
  await new Promise((resolve) => setTimeout(resolve, 30))
  t.equal(rollout.current, null, 'the slow one has not built the second')
  slow.say({ type: 'built', generation: 2 })
  await second
  t.equal(rollout.current?.generation, 2)
})

void t.test('a replacement gets what the others serve, and keys with it', async (t) => {
  const joined: number[] = []
  const rollout = new Rollout({ ...NO_EVENTS, joined: (index) => joined.push(index) })
  workers(t, rollout, 1)
  await rollout.publish(plan(1))
  rollout.setKeys({ issuer: 'corp', version: 1, keys: [], fetchedAt: 0 })
  const replacement = new FakeWorker(t)
  rollout.remove(0)
  rollout.add(0, replacement.port)
  await rollout.publish(plan(2))
  t.same(replacement.received.slice(0, 4), ['keys', 'begin', 'end', 'commit'])
  t.same(joined, [0])
})

void t.test('a worker that ends in the middle does not hold up the others', async (t) => {
  const rollout = new Rollout(NO_EVENTS)
  const [, dying] = workers(t, rollout, 2)
  if (!dying) throw new Error('two were made')
  dying.answer = (message) => {
    if (message.type === 'begin') setTimeout(() => rollout.remove(1), 10)
    return null
  }
  await rollout.publish(plan(1))
  t.equal(rollout.current?.generation, 1)
})

t.test('a change of the revocations is confirmed by every worker, or it is said that one did not', async (t) => {
  const rollout = new Rollout(NO_EVENTS)
  const [first, second] = workers(t, rollout, 2)
  const change = { add: [], remove: ['rv-1'], whole: false }
  const confirms = (message: ControlToWorker): WorkerToControl | null =>
    message.type === 'revocations' ? { type: 'confirmed', number: message.confirm } : null
  if (first === undefined || second === undefined) return t.fail('two workers')
  first.answer = confirms
  let over = false
  const revoked = rollout.revoke(change).then(() => (over = true))
  while (!second.received.includes('revocations') || !first.received.includes('revocations')) await turn()
  await turn()
  t.notOk(over, 'the second has not said so')
  rollout.remove(1)
  await revoked
  t.ok(over, 'one that ended takes no part')
  await rollout.revoke(change)
  return undefined
})

t.test('a worker that comes later holds all revocations before its first generation', async (t) => {
  const rollout = new Rollout({ ...NO_EVENTS, revocations: () => ({ add: [], remove: [], whole: true }) })
  workers(t, rollout, 1)
  await rollout.publish(plan(1))
  const late = new FakeWorker(t)
  t.teardown(() => rollout.remove(7))
  rollout.add(7, late.port)
  while (!late.received.includes('commit')) await turn()
  t.ok(late.received.indexOf('revocations') < late.received.indexOf('begin'), late.received.join(' '))
})

t.test('revocations of the configuration travel in parts, as routes do', async (t) => {
  const rollout = new Rollout(NO_EVENTS)
  const [worker] = workers(t, rollout, 1)
  await rollout.publish({ ...plan(1), revocations: Array.from({ length: 201 }, () => ({})) } as unknown as PackedPlan)
  t.equal(worker?.received.filter((type) => type === 'configured-revocations').length, 3)
})

function turn(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve))
}

void t.test('what the other workers saw: each says its own, one that ends says nothing', async (t) => {
  const rollout = new Rollout(NO_EVENTS)
  const [asks, sees, ends] = workers(t, rollout, 3)
  if (!asks || !sees || !ends) throw new Error('three were made')
  const one = { time: 1, method: 'GET', path: '/a', status: 404, id: 'one' }
  sees.answer = (message) =>
    message.type === 'testify'
      ? { type: 'testimony', number: message.number, evidence: message.bucket.lo === 7 ? [one] : [] }
      : null
  const testimonies = rollout.testimonies({ lo: 7, hi: 8 }, 0)
  t.equal(testimonies.length, 2)
  while (!ends.received.includes('testify')) await turn()
  rollout.remove(2)
  t.same(await Promise.all(testimonies), [[one], []])
  t.same(asks.received, [])
})

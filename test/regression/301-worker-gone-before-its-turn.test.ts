/**
 * A worker that ended while its turn to get the current plan was still to come could not be found, so its turn waited
 * for an answer for ever, and every reload behind it.
 */
import { MessageChannel } from 'node:worker_threads'
import t from 'tap'
import { Rollout } from '../../src/control/rollout.ts'
import { packConsumers } from '../../src/plan/packed-consumers.ts'
import type { PackedPlan } from '../../src/plan/plan.ts'
import { NO_EVENTS } from '../control/no-events.ts'

void t.test('a worker that ends before its turn is passed over', async (t) => {
  const rollout = new Rollout(NO_EVENTS)
  const plan = (generation: number): PackedPlan =>
    ({ generation, routes: [], consumers: packConsumers([]), revocations: [] }) as unknown as PackedPlan
  await rollout.publish(plan(1))
  const { port1, port2 } = new MessageChannel()
  t.teardown(() => port2.close())
  rollout.add(0, port1)
  rollout.remove(0)
  await rollout.publish(plan(2))
  t.equal(rollout.current?.generation, 2)
})

/** Random schedules with real threads against the model; test/prove/limits-model.prove.ts is the long form. */
import t from 'tap'
import { departures, schedulesOf } from './fixtures/schedule.ts'

const RUNS = 12

for (const algorithm of ['bucket', 'sliding'] as const) {
  t.test(`${algorithm}: admitted as in one thread`, async (t) =>
    t.same(await departures(schedulesOf(algorithm, [1, 2, 4], RUNS)), [])
  )
}

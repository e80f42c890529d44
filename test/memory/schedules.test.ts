/** Random schedules with real threads against the model; test/prove/limits-model.prove.ts is the long form. */
import t from 'tap'
import { ALGORITHMS, departures, schedulesOf } from './fixtures/schedule.ts'

const RUNS = 12

for (const algorithm of ALGORITHMS) {
  t.test(`${algorithm}: admitted as in one thread`, async (t) =>
    t.same(await departures(schedulesOf(algorithm, [1, 2, 4], RUNS)), [])
  )
}

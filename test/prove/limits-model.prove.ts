/**
 * Every algorithm and rate on 1, 2 and 4 threads: random schedules over the tables of limits, and what a model in one
 * thread admits.
 */
import { ALGORITHMS, departures, schedulesOf } from '../memory/fixtures/schedule.ts'
import { proof } from './proof.ts'

const RUNS = 100

for (const algorithm of ALGORITHMS) {
  for (const threads of [1, 2, 4]) {
    await proof(`${algorithm} on ${threads} threads, ${RUNS} random schedules a rate`, async () => {
      const schedules = schedulesOf(algorithm, [threads], RUNS)
      const found = await departures(schedules)
      const requests = schedules.reduce((sum, { threads: n, rounds, tries }) => sum + (n * rounds * tries) / 2, 0)
      return {
        holds: found.length === 0,
        figure: `${schedules.length} schedules, about ${Math.round(requests)} requests, ${found.length} departures ${found.slice(0, 3).join('; ')}`
      }
    })
  }
}

/** The command line of `npm run bench`. */
import { parseArgs } from 'node:util'
import type { Generator } from './load.ts'
import type { Scenario } from './scenario.ts'

export interface Options {
  quick: boolean
  list: boolean
  publish: boolean
  scenarios: readonly Scenario[]
  rounds: number | null
  seconds: number | null
  against: string | null
  json: string | null
  generator: Generator | null
}

export const USAGE = `npm run bench -- [options]

  --quick            two short rounds of what has a goal, in under two minutes
  --scenario NAME    only this one; may be repeated
  --list             the scenarios, and what they measure
  --rounds N         paired rounds of each comparison (5; quick: 2)
  --seconds N        seconds of load for each contestant in a round (4; quick: 1)
  --against REV      this code against an older commit, in pairs, instead of against peers
  --generator NAME   wrk or autocannon, instead of each scenario's own choice
  --json FILE        one row per goal
  --publish          put table and chart into docs/
`

/** @throws with a line for the user */
export function readOptions(args: readonly string[], scenarios: readonly Scenario[]): Options | 'help' {
  const { values } = parseArgs({
    args: [...args],
    options: {
      quick: { type: 'boolean', default: false },
      scenario: { type: 'string', multiple: true },
      list: { type: 'boolean', default: false },
      rounds: { type: 'string' },
      seconds: { type: 'string' },
      against: { type: 'string' },
      generator: { type: 'string' },
      json: { type: 'string' },
      publish: { type: 'boolean', default: false },
      help: { type: 'boolean', default: false }
    }
  })
  if (values.help) return 'help'
  const { generator = null } = values
  if (generator !== null && generator !== 'wrk' && generator !== 'autocannon') {
    throw new Error(`--generator ${generator}: wrk or autocannon`)
  }
  const named = values.scenario?.map((name) => {
    const scenario = scenarios.find((each) => each.name === name)
    if (!scenario) throw new Error(`--scenario ${name}: no such scenario; --list shows them`)
    return scenario
  })
  const whole = scenarios.filter(({ slow }) => !values.quick || !slow)
  if (values.publish && (named || values.quick || values.against !== undefined)) {
    throw new Error('--publish: only a whole run is published')
  }
  return {
    quick: values.quick,
    list: values.list,
    publish: values.publish,
    scenarios: named ?? whole,
    rounds: positive('rounds', values.rounds),
    seconds: positive('seconds', values.seconds),
    against: values.against ?? null,
    json: values.json ?? null,
    generator
  }
}

const MOST = 100

function positive(name: string, text: string | undefined): number | null {
  if (text === undefined) return null
  const value = Number(text)
  if (!Number.isInteger(value) || value < 1 || value > MOST) throw new Error(`--${name} ${text}: 1 to ${MOST}`)
  return value
}

import t from 'tap'
import { readOptions } from '../../bench/options.ts'
import { scenarios } from '../../bench/scenarios/index.ts'

t.test('all scenarios, unless some are named or the run is to be quick', async (t) => {
  const all = readOptions([], scenarios)
  const quick = readOptions(['--quick'], scenarios)
  const named = readOptions(['--scenario', 'plain', '--scenario', 'routes'], scenarios)
  if (all === 'help' || quick === 'help' || named === 'help') return void t.fail('help was not asked for')
  t.same(all.scenarios, scenarios)
  t.ok(quick.scenarios.length > 0 && quick.scenarios.every(({ slow }) => slow !== true))
  t.same(
    named.scenarios.map(({ name }) => name),
    ['plain', 'routes']
  )
  t.equal(readOptions(['--help'], scenarios), 'help')
})

t.test('what cannot be meant is said', async (t) => {
  const bad: [string[], RegExp][] = [
    [['--scenario', 'plane'], /no such scenario/],
    [['--rounds', '0'], /1 to 100/],
    [['--rounds', '1.5'], /1 to 100/],
    [['--seconds', 'many'], /1 to 100/],
    [['--generator', 'ab'], /wrk or autocannon/],
    [['--publish', '--quick'], /only a whole run/],
    [['--publish', '--scenario', 'plain'], /only a whole run/],
    [['--fast'], /--fast/]
  ]
  for (const [args, message] of bad) t.throws(() => readOptions(args, scenarios), message, args.join(' '))
})

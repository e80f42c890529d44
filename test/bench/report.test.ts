import t from 'tap'
import { chart } from '../../bench/chart.ts'
import { goals, goalOf, holds } from '../../bench/goals.ts'
import { goalRows, tableMarkdown, tableText } from '../../bench/report.ts'
import type { Figure } from '../../bench/scenario.ts'
import { scenarios } from '../../bench/scenarios/index.ts'

function figure(of: Partial<Figure>): Figure {
  return {
    scenario: 'secured-rs256',
    against: 'nginx',
    unit: 'us',
    ours: 23,
    theirs: 20,
    ratio: 1.15,
    low: 1.1,
    high: 1.2,
    ...of
  }
}

t.test('a goal holds at its very value, in its own direction, and never for what is not a number', async (t) => {
  const atMost = goals.find((goal) => goal.atMost === 1.15)
  const atLeast = goals.find((goal) => goal.atLeast === 0.97)
  if (!atMost || !atLeast) return void t.fail('no such goals')
  t.ok(holds(atMost, 1.15))
  t.notOk(holds(atMost, 1.1501))
  t.ok(holds(atLeast, 0.97))
  t.notOk(holds(atLeast, 0.9699))
  for (const goal of [atMost, atLeast]) t.notOk(holds(goal, NaN))
})

t.test('every goal belongs to a scenario, and no two share a row', async (t) => {
  const names = new Set(scenarios.flatMap(({ name, figures = [name] }) => figures))
  for (const goal of goals) t.ok(names.has(goal.scenario), goal.scenario)
  t.equal(new Set(goals.map((goal) => `${goal.scenario} ${goal.against}`)).size, goals.length)
  t.equal(new Set(scenarios.map(({ name }) => name)).size, scenarios.length)
})

t.test('JSON has one row per goal, of what was asked for', async (t) => {
  const rows = goalRows({
    figures: [figure({}), figure({ against: 'Caddy', ratio: 0.5 }), figure({ against: 'C forwarder', ratio: 2 })],
    missing: [{ scenario: 'policies', figures: ['policy-ip', 'policy-rule'], why: 'it broke' }]
  })
  t.same(
    rows.map(({ scenario, against, ratio, goal, held, note }) => ({ scenario, against, ratio, goal, held, note })),
    [
      { scenario: 'secured-rs256', against: 'nginx', ratio: 1.15, goal: '≤ 1.15', held: true, note: null },
      { scenario: 'secured-rs256', against: 'C forwarder', ratio: 2, goal: '≤ 1.7', held: false, note: null },
      { scenario: 'policy-ip', against: 'without', ratio: null, goal: '≤ 0.03', held: false, note: 'it broke' },
      { scenario: 'policy-rule', against: 'without', ratio: null, goal: '≤ 0.03', held: false, note: 'it broke' }
    ]
  )
})

t.test('a miss is printed as one, a scenario without figures with its reason', async (t) => {
  const report = {
    figures: [figure({ ratio: 1.3 })],
    missing: [{ scenario: 'plain', figures: ['plain'], why: 'nginx ended' }]
  }
  for (const text of [tableText(report), tableMarkdown(report)]) {
    t.match(text, /secured-rs256 .*nginx.*1\.30.*≤ 1\.15.*MISSED/)
    t.match(text, /plain.*not measured: nginx ended/)
  }
  t.notMatch(tableText({ figures: [figure({})], missing: [] }), /MISSED/)
})

t.test('the chart has a bar for each figure with a goal, red where it is missed', async (t) => {
  const svg = chart([figure({}), figure({ against: 'Caddy' }), figure({ against: 'C forwarder', ratio: 100 })])
  t.equal(svg.match(/against/g)?.length, 2)
  t.equal(svg.match(/<rect[^>]*#2f8132/g)?.length, 1)
  t.equal(svg.match(/<rect[^>]*#ba2525/g)?.length, 1)
  t.ok(goalOf(figure({ against: 'Caddy' })) === undefined)
  // Of a figure far over its goal, too, the bar stays in the picture, with a mark where it is cut.
  t.equal(svg.match(/▸/g)?.length, 1)
  for (const [, x, length] of svg.matchAll(/<rect x="(\d+)" y="\d+" width="(\d+)"/g)) {
    t.ok(Number(x) + Number(length) < 920)
  }
})

/** What a run found: the printed table, the same in Markdown, and JSON with one row per goal. */
import { goalOf, goals, goalText, holds } from './goals.ts'
import type { Figure } from './scenario.ts'

/** A scenario that gave no figures, and why. */
export interface Missing {
  readonly scenario: string
  /** What they would have called themselves. */
  readonly figures: readonly string[]
  readonly why: string
}

export interface Report {
  readonly figures: readonly Figure[]
  readonly missing: readonly Missing[]
}

/** A row of the JSON file. */
export interface GoalRow {
  scenario: string
  against: string
  /** Median of the paired rounds; null when it could not be measured. */
  ratio: number | null
  goal: string
  held: boolean
  low: number | null
  high: number | null
  note: string | null
}

/** Goals of the scenarios that were asked for, measured or not. */
export function goalRows({ figures, missing }: Report): GoalRow[] {
  const rows: GoalRow[] = []
  for (const goal of goals) {
    const figure = figures.find((each) => goalOf(each) === goal)
    const why = missing.find((each) => each.figures.includes(goal.scenario))?.why
    if (!figure && why === undefined) continue
    rows.push({
      scenario: goal.scenario,
      against: goal.against,
      ratio: figure ? rounded(figure.ratio) : null,
      goal: goalText(goal),
      held: figure ? holds(goal, figure.ratio) : false,
      low: figure ? rounded(figure.low) : null,
      high: figure ? rounded(figure.high) : null,
      note: figure?.note ?? why ?? null
    })
  }
  return rows
}

const HEADINGS = ['scenario', 'against', 'Gatehouse', 'the other', 'ratio', 'rounds', 'goal', '', 'note']

/** For a terminal. */
export function tableText(report: Report): string {
  const rows = [HEADINGS, ...report.figures.map(cells)]
  const widths = HEADINGS.map((_, column) => Math.max(...rows.map((row) => row[column]?.length ?? 0)))
  const lines = rows.map((row) =>
    row
      .map((cell, column) => cell.padEnd(widths[column] ?? 0))
      .join('  ')
      .trimEnd()
  )
  for (const { scenario, why } of report.missing) lines.push(`${scenario}: not measured: ${why}`)
  return `${lines.join('\n')}\n`
}

/** For docs/performance.md: ratios only, since times are this machine's. */
export function tableMarkdown(report: Report): string {
  const lines = ['| scenario | against | ratio | rounds | goal | held |', '|---|---|---|---|---|---|']
  for (const figure of report.figures) {
    const [scenario, against, , , ratio, rounds, goal, held, note] = cells(figure)
    lines.push(`| ${scenario}${note ? ` (${note})` : ''} | ${against} | ${ratio} | ${rounds} | ${goal} | ${held} |`)
  }
  for (const { scenario, why } of report.missing) lines.push(`| ${scenario} | | not measured: ${why} | | | |`)
  return lines.join('\n')
}

function cells(figure: Figure): string[] {
  const { scenario, against, ours, theirs, ratio, low, high, unit, note = '' } = figure
  const goal = goalOf(figure)
  return [
    scenario,
    against,
    quantity(ours, unit),
    theirs === 0 ? '' : quantity(theirs, unit),
    number(ratio),
    `${number(low)} to ${number(high)}`,
    goal ? goalText(goal) : '',
    goal ? (holds(goal, ratio) ? 'held' : 'MISSED') : '',
    note
  ]
}

function quantity(value: number, unit: Figure['unit']): string {
  const digits = value < 10 ? 2 : value < 100 ? 1 : 0
  return `${value.toFixed(digits)}${unit === '/s' ? '' : ' '}${unit}`
}

/** Shares of a request are small. */
function number(value: number): string {
  return Math.abs(value) < 0.1 ? value.toFixed(4) : value.toFixed(2)
}

function rounded(value: number): number | null {
  return Number.isFinite(value) ? Math.round(value * 10_000) / 10_000 : null
}

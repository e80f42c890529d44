/** The goals as bars, in SVG: how much of what a goal allows is used. The line is the goal, to its left it holds. */
import { type Goal, goalOf, goalText, holds } from './goals.ts'
import type { Figure } from './scenario.ts'

const WIDTH = 960
const ROW = 24
const TOP = 56
const LABELS = 390
/** From the labels to the goal's line. */
const GOAL = 120
/** Three and a half goals; what is beyond gets a mark. */
const LONGEST = GOAL * 3.5
const VALUES = LABELS + LONGEST + 14

export function chart(figures: readonly Figure[]): string {
  const rows = figures.flatMap((figure) => {
    const goal = goalOf(figure)
    return goal ? [bar(figure, goal)] : []
  })
  const height = TOP + rows.length * ROW + 16
  const line = LABELS + GOAL
  return `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${WIDTH} ${height}" font-family="system-ui, sans-serif" font-size="13">
<title>Gatehouse's figures beside its goals</title>
<rect width="${WIDTH}" height="${height}" fill="#ffffff"/>
<text x="16" y="24" font-size="16" font-weight="600" fill="#1f2933">Gatehouse beside its goals</text>
<text x="16" y="42" fill="#52606d">How much of a goal is used: a bar ends left of the line where the goal holds.</text>
${rows.map((row, i) => row(TOP + i * ROW)).join('\n')}
<line x1="${line}" y1="${TOP - 8}" x2="${line}" y2="${height - 12}" stroke="#1f2933" stroke-width="1.5"/>
</svg>
`
}

function bar(figure: Figure, goal: Goal): (y: number) => string {
  const { ratio } = figure
  const used = goal.atMost === undefined ? (goal.atLeast ?? 0) / ratio : ratio / goal.atMost
  const length = Math.round(Math.min(Math.max(used, 0) * GOAL, LONGEST))
  const beyond = used * GOAL > LONGEST ? '▸' : ''
  const colour = holds(goal, ratio) ? '#2f8132' : '#ba2525'
  const label = escape(`${figure.scenario} against ${figure.against}`)
  const shown = Math.abs(ratio) < 0.1 ? ratio.toFixed(3) : ratio.toFixed(2)
  const value = escape(`${shown} (${goalText(goal)})`)
  return (y) =>
    `<text x="${LABELS - 10}" y="${y + 15}" text-anchor="end" fill="#1f2933">${label}</text>` +
    `<rect x="${LABELS}" y="${y + 4}" width="${length}" height="15" fill="${colour}"/>` +
    (beyond && `<text x="${LABELS + length}" y="${y + 16}" fill="${colour}">${beyond}</text>`) +
    `<text x="${VALUES}" y="${y + 15}" fill="#1f2933">${value}</text>`
}

function escape(text: string): string {
  return text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;')
}

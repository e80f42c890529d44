/** Where figures go: bench/results after every run; the documentation when asked for. */
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { cpus } from 'node:os'
import { fileURLToPath } from 'node:url'
import { chart } from './chart.ts'
import { goalRows, type Report, tableMarkdown } from './report.ts'

const RESULTS = fileURLToPath(new URL('./results', import.meta.url))
const PAGE = fileURLToPath(new URL('../docs/performance.md', import.meta.url))
const PICTURE = fileURLToPath(new URL('../docs/bench.svg', import.meta.url))

const BEGIN = '<!-- figures: npm run bench -- --publish -->'
const END = '<!-- end of figures -->'

/** Last run's chart and JSON, not under version control. @returns the folder */
export function saveResults(report: Report): string {
  mkdirSync(RESULTS, { recursive: true })
  writeFileSync(`${RESULTS}/latest.svg`, chart(report.figures))
  writeJson(`${RESULTS}/latest.json`, report)
  return RESULTS
}

export function writeJson(file: string, report: Report): void {
  writeFileSync(file, `${JSON.stringify(goalRows(report), null, 2)}\n`)
}

/** Puts table and chart into docs/. @throws when the page has lost its markers */
export function publish(report: Report, rounds: number): void {
  const page = readFileSync(PAGE, 'utf8')
  const [before, rest] = page.split(BEGIN)
  const after = rest?.split(END)[1]
  if (before === undefined || after === undefined) throw new Error(`${PAGE}: the lines around the figures are missing`)
  const made = `${new Date().toISOString().slice(0, 10)}, ${cpus()[0]?.model ?? 'unknown processor'}, Node.js ${process.version}, ${rounds} paired rounds.`
  writeFileSync(PAGE, `${before}${BEGIN}\n${made}\n\n${tableMarkdown(report)}\n${END}${after}`)
  writeFileSync(PICTURE, chart(report.figures))
}

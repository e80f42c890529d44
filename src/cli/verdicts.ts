/** Verdicts of policies as a table: one line each, with the line of the configuration. */
import { paint, plain } from './terminal.ts'

export interface VerdictRow {
  policy: string
  verdict: string
  /** What there is to say besides: rule, detail. Empty ones are left out. */
  said: readonly string[]
  where: string
}

const STYLES: Readonly<Record<string, Parameters<typeof paint>[0]>> = {
  deny: 'red',
  fail: 'red',
  'would deny': 'yellow',
  'not reached': 'dim',
  unknown: 'dim'
}

export function verdictLines(rows: readonly VerdictRow[]): string[] {
  const policyWidth = Math.max(8, ...rows.map(({ policy }) => policy.length))
  const verdictWidth = Math.max(8, ...rows.map(({ verdict }) => verdict.length))
  return rows.map(({ policy, verdict, said, where }) => {
    const style = STYLES[verdict]
    const word = verdict.padEnd(verdictWidth)
    const words = [...new Set(said.map(plain)), where === '' ? '' : `[${where}]`].filter((text) => text !== '')
    const painted = style === undefined ? word : paint(style, word)
    return ['', policy.padEnd(policyWidth), painted, ...words].join('  ').trimEnd()
  })
}

/** How findings about a configuration come to the terminal. */
import { printFindings as textOf } from '../control/config/findings.ts'
import type { Finding } from '../control/config/result.ts'
import { paint, wantsColor } from './terminal.ts'

/** To stderr, errors first. */
export function printFindings(findings: readonly Finding[]): void {
  process.stderr.write(textOf(findings, { color: wantsColor(process.stderr) }))
}

/** Places where more passes than elsewhere: for a reviewer, no fault. */
export function printWidenings(widenings: readonly Finding[]): void {
  const word = paint('cyan', 'widening:', process.stderr)
  for (const { where, path, message } of widenings) process.stderr.write(`${where}  ${path}  ${word} ${message}\n`)
}

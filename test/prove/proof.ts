/** One proof of `npm run prove`: says what was found in one line, and fails the program when it doesn't hold. */
import type { Owner } from '../e2e/gateway.ts'

export interface Finding {
  holds: boolean
  /** The measured numbers, in words. */
  figure: string
}

/** Runs `work`, undoes what it started, prints the line. Never rejects: a failure is a line too. */
export async function proof(claim: string, work: (owner: Owner) => Promise<Finding>): Promise<void> {
  const undo: (() => unknown)[] = []
  let finding: Finding
  try {
    finding = await work({ teardown: (handler) => undo.push(handler) })
  } catch (error) {
    finding = { holds: false, figure: error instanceof Error ? error.message : String(error) }
  }
  for (const handler of undo.toReversed()) await handler()
  process.stdout.write(`${finding.holds ? 'holds' : 'FAILS'}: ${claim}: ${finding.figure}\n`)
  if (!finding.holds) process.exitCode = 1
}

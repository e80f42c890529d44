import { readFileSync, renameSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { deserialize, serialize } from 'node:v8'
import type { Plan } from '../plan/plan.ts'

/**
 * The last plan that ran well, kept as it was compiled: the configuration may be many files and secrets from the
 * environment, and whoever starts on this one starts because those can't be trusted now. It holds secrets, so 0600.
 */
const NAME = 'last-good.plan'
/** Changes with the shape of Plan: an older gateway's file is not read as this one's. */
const FORMAT = 3

export function saveLastGood(stateDir: string, plan: Plan): void {
  const file = join(stateDir, NAME)
  writeFileSync(`${file}.new`, serialize({ format: FORMAT, plan }), { mode: 0o600 })
  renameSync(`${file}.new`, file)
}

/** @returns null when there is none, or none of this format. */
export function readLastGood(stateDir: string): Plan | null {
  try {
    const kept = deserialize(readFileSync(join(stateDir, NAME))) as { format: number; plan: Plan }
    return kept.format === FORMAT ? kept.plan : null
  } catch {
    return null
  }
}

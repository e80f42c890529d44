import { readFileSync, renameSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { deserialize, serialize } from 'node:v8'
import type { ConsumerPlan } from '../plan/consumer.ts'
import { bytesOf, fromBytes } from '../plan/packed.ts'
import type { PackedConsumers } from '../plan/packed-consumers.ts'
import type { PackedPlan } from '../plan/plan.ts'

/**
 * The last plan that ran well, kept as it was compiled: the configuration may be many files and secrets from the
 * environment, and whoever starts on this one starts because those can't be trusted now. It holds secrets, so 0600.
 */
const NAME = 'last-good.plan'
/** Changes with the shape of Plan: an older gateway's file is not read as this one's. */
const FORMAT = 5

export interface LastGood {
  plan: PackedPlan
  /** Files and folders it was read from: the next change of one of them may be the remedy. */
  files: readonly string[]
}

interface Kept {
  format: number
  files: readonly string[]
  plan: Omit<PackedPlan, 'consumers'> & {
    consumers: ReturnType<typeof bytesOf> & Pick<PackedConsumers, 'indexes'>
  }
}

export function saveLastGood(stateDir: string, { plan, files }: LastGood): void {
  const file = join(stateDir, NAME)
  const kept: Kept = {
    format: FORMAT,
    files,
    plan: { ...plan, consumers: { ...bytesOf(plan.consumers), indexes: plan.consumers.indexes } }
  }
  writeFileSync(`${file}.new`, serialize(kept), { mode: 0o600 })
  renameSync(`${file}.new`, file)
}

/** @returns null when there is none, or none of this format. */
export function readLastGood(stateDir: string): LastGood | null {
  try {
    const { format, files, plan } = deserialize(readFileSync(join(stateDir, NAME))) as Kept
    if (format !== FORMAT) return null
    const consumers = { ...fromBytes<ConsumerPlan>(plan.consumers), indexes: plan.consumers.indexes }
    return { plan: { ...plan, consumers }, files }
  } catch {
    return null
  }
}

/** An issuer's keys without a running gateway: from the configuration, from its file, or as last fetched. */
import { readFileSync } from 'node:fs'
import { keyFile, readSaved } from '../control/keys/key-file.ts'
import { originOf } from '../control/keys/key-source.ts'
import { lintKeySet, parseKeySet, type LintedSet } from '../control/keys/key-set.ts'
import type { IssuerPlan } from '../plan/issuer.ts'

/** Nothing is fetched: keys published under a url are those that a gateway last kept in `stateDir`. */
export async function keysAtHand({ name, jwks, algorithms }: IssuerPlan, stateDir: string): Promise<LintedSet> {
  if (jwks.kind === 'inline') return lintKeySet(name, jwks.keys, algorithms)
  if (jwks.kind === 'file') {
    try {
      return parseKeySet(name, readFileSync(jwks.path, 'utf8'), algorithms)
    } catch (error) {
      return missing(`the keys of ${name} can't be read: ${error instanceof Error ? error.message : String(error)}`)
    }
  }
  const saved = await readSaved(keyFile(stateDir, name))
  const origin = originOf(jwks)
  if (saved === null || saved.url !== origin) {
    return missing(`the keys of ${name} are found from ${origin}, and no gateway has fetched them yet`)
  }
  return parseKeySet(name, saved.body, algorithms)
}

function missing(reason: string): LintedSet {
  return { ok: false, reason, notes: [] }
}

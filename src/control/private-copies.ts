import { readdirSync, rmSync } from 'node:fs'
import { basename, join } from 'node:path'
import type { PlanBody } from '../plan/plan.ts'

/** Copies of certificates and keys, named after what they hold; see compile/certificates.ts. */
const COPY = /^[0-9a-f]{64}\.(?:crt|key)$/

/**
 * Removes the private copies that `plan` does not use: every rotation leaves a private key behind, and one that is
 * not needed any more must not lie about.
 */
export function removeUnusedCopies(stateDir: string, plan: PlanBody): void {
  const directory = join(stateDir, 'tls')
  const used = new Set([
    ...plan.certificates.flatMap(({ certFile, keyFile }) => [basename(certFile), basename(keyFile)]),
    ...plan.listeners.flatMap(({ clientCertificates: asked }) => (asked === null ? [] : [basename(asked.caFile)]))
  ])
  for (const name of contentsOf(directory)) {
    if (COPY.test(name) && !used.has(name)) rmSync(join(directory, name), { force: true })
  }
}

function contentsOf(directory: string): string[] {
  try {
    return readdirSync(directory)
  } catch {
    // Without certificates there is no such folder.
    return []
  }
}

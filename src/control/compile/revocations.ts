/** `revocations`: credentials that no longer hold. */
import type { RevocationConfig } from '../config/schema.ts'
import { revocationId } from '../revocations/entry.ts'
import type { RevocationPlan } from '../../plan/revocation.ts'
import { instant } from './checked.ts'
import type { Report } from './report.ts'

/** Every worker holds them, some 400 bytes each. */
export const MOST_CONFIGURED = 10_000

/** `now`: ms since the epoch. */
export function compileRevocations(
  revocations: readonly RevocationConfig[],
  report: Report,
  now: number
): RevocationPlan[] {
  if (revocations.length > MOST_CONFIGURED) {
    report.error(['revocations'], `${revocations.length} entries, and there may be ${MOST_CONFIGURED}`)
    return []
  }
  const taken = new Map<string, string>()
  return revocations.map((entry, i) => {
    const path = ['revocations', i]
    const selection = {
      issuer: entry.issuer ?? null,
      jti: entry.jti ?? null,
      subject: entry.subject ?? null,
      consumer: entry.consumer ?? null,
      kid: entry.kid ?? null,
      issuedBefore: entry.issuedBefore === undefined ? null : instant(entry.issuedBefore)
    }
    const id = revocationId(selection)
    const until = instant(entry.until)
    const where = report.where(path)
    const before = taken.get(id)
    if (before !== undefined) report.error(path, `says the same as ${before}`)
    taken.set(id, where)
    if (until <= now) report.warn([...path, 'until'], 'is over: the entry says nothing any more and may go')
    return { id, ...selection, until, reason: entry.reason ?? '', where }
  })
}

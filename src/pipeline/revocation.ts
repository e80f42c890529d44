import type { RevocationPlan } from '../plan/revocation.ts'
import { refuse, type Refusal } from '../problems.ts'
import type { Exchange } from './exchange.ts'
import { CONTINUE, type Verdict } from './verdict.ts'

/** Whoever was revoked is nobody any more, however good the credential is. */
export function revocation(x: Exchange): Verdict {
  const { standing } = x
  if (standing === null) return CONTINUE
  const entry = x.tables.services.revocations.of(standing, x.now)
  if (entry === null) return CONTINUE
  const refusal = revoked(x, entry)
  if (x.route?.auth.plan.mode !== 'shadow') return refusal
  x.wouldDisown(refusal)
  return CONTINUE
}

/** The same 401 as for any credential that doesn't hold. */
export function revoked(x: Exchange, { id, where, reason }: RevocationPlan): Refusal {
  const why = reason === '' ? `revoked by ${id}` : `revoked by ${id}: ${reason}`
  return refuse('bad-credential', 'revocation', why, { rule: id, where, headers: x.route?.auth.invalid ?? [] })
}

import { refuse } from '../problems.ts'
import type { Exchange } from './exchange.ts'
import { CONTINUE, type Verdict } from './verdict.ts'

/** Tells it from the `ip` of levels: theirs stands before anybody is known. */
const RULE = 'consumer'

/**
 * A consumer that lists addresses calls from there only, by whatever credential it is known: a stolen one is of no use
 * elsewhere. The credential is good, so it is 403.
 */
export function callerIp(x: Exchange): Verdict {
  const { consumer } = x.caller
  const addresses = x.tables.directory.addressesOf(consumer)
  if (addresses === undefined) return CONTINUE
  const { allowed, where } = addresses
  if (allowed.has(x.clientAddress)) {
    x.note('caller-ip', 'pass', 'ip', RULE, where, consumer)
    return CONTINUE
  }
  const reason = `${x.clientIp}: the consumer ${consumer} calls from other addresses`
  const refusal = refuse('not-allowed', 'ip', reason, { rule: RULE, where })
  if (x.route?.auth.plan.mode !== 'shadow') return refusal
  x.wouldDisown(refusal)
  return CONTINUE
}

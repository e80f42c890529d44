import type { AuthOutcome } from '../identity/authenticate.ts'
import { refuse } from '../problems.ts'
import { canaryUsed } from './banning.ts'
import type { Exchange } from './exchange.ts'
import { CONTINUE, type Verdict } from './verdict.ts'

/** Who calls: where a token or a key is checked. Waits only for a token that this worker has not seen before. */
export function auth(x: Exchange): Verdict | Promise<Verdict> {
  const { route } = x
  if (route === null) return CONTINUE
  const outcome = x.tables.services.authenticator.authenticate(route.auth, x, x.now)
  return outcome instanceof Promise ? outcome.then((settled) => conclude(x, settled)) : conclude(x, outcome)
}

function conclude(x: Exchange, outcome: AuthOutcome): Verdict {
  const { mode, where } = x.route?.auth.plan ?? { mode: 'enforce', where: '' }
  if (outcome.ok) {
    x.caller = outcome.caller
    x.memo = outcome.memo
    x.standing = outcome.standing
    const { method, consumer, subject } = outcome.caller
    x.note('auth', 'pass', 'auth', '', where, `${method} ${consumer || subject}`.trim())
    return CONTINUE
  }
  x.account = outcome.account ?? ''
  if (outcome.canary !== undefined) canaryUsed(x, outcome.canary.id, outcome.canary.where)
  const refusal = refuse(outcome.code, 'auth', outcome.reason, { where, headers: outcome.headers })
  if (mode === 'enforce') return refusal
  x.wouldDeny(refusal)
  return CONTINUE
}

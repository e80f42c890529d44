import { isOfAnotherPage } from '../threats/honeypots.ts'
import { HONEYPOT } from '../threats/tag.ts'
import { refuse } from '../problems.ts'
import { banClient, thisRequest } from './banning.ts'
import type { Exchange } from './exchange.ts'
import { CONTINUE, type Verdict } from './verdict.ts'

/** Paths that nobody has a reason to ask for: who does is banned. */
export function honeypots(x: Exchange): Verdict {
  const { threats } = x.tables
  const honeypot = threats.honeypots?.find(x.host, x.path) ?? null
  if (honeypot === null) return CONTINUE
  // Not counted, and so not refused either: it is a request like others, for a path that is probably not there.
  if (threats.never.has(x.clientAddress) || isOfAnotherPage(x.headers, x.authority)) return CONTINUE
  const { where, ban } = honeypot
  const reason = `${x.path} is a honeypot`
  const refusal = refuse('banned', 'honeypot', reason, { rule: HONEYPOT, where })
  const { mode } = threats.plan
  const evidence = [thisRequest(x, refusal.problem.status)]
  banClient(x, { scenario: HONEYPOT, where, reason, times: ban, mode, evidence, bucket: null })
  if (mode === 'enforce') return refusal
  x.wouldDeny(refusal)
  return CONTINUE
}

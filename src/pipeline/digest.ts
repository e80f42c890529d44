import { digestComplaint } from '../identity/content-digest.ts'
import { refuse } from '../problems.ts'
import { noRoom, wholeBody } from './body.ts'
import type { Exchange } from './exchange.ts'
import { CONTINUE, type Verdict } from './verdict.ts'

/** What refuses is `auth`; this tells it from the signature itself. */
const DIGEST_RULE = 'content-digest'

/**
 * Is the body the one that was signed? Where the route takes signatures and one was presented, `auth` has seen to it
 * that it covers Content-Digest; what the body holds is known only here. Before anything of it is validated or reaches
 * the upstream.
 */
export function digest(x: Exchange): Verdict | Promise<Verdict> {
  const auth = x.route?.auth.plan
  if (auth === undefined || !auth.signature || !x.headers.has('signature-input')) return CONTINUE
  if (x.size === 0 && !x.headers.has('content-digest')) return CONTINUE
  // `validate` refuses it by its head: nobody reads it for that.
  if (x.size > (x.route?.plan.validate.maxSize ?? Infinity)) return CONTINUE
  const body = wholeBody(x)
  return body instanceof Promise ? body.then((whole) => judge(x, whole)) : judge(x, body)
}

function judge(x: Exchange, body: Uint8Array | null): Verdict {
  const { mode, where } = x.route?.auth.plan ?? { mode: 'enforce', where: '' }
  const complaint = body === null ? null : digestComplaint(x.headers.joined('content-digest') ?? '', body)
  if (body !== null && complaint === null) {
    x.note('digest', 'pass', 'auth', DIGEST_RULE, where, 'the body is the one that was signed')
    return CONTINUE
  }
  const refusal =
    complaint === null
      ? noRoom('auth', where, DIGEST_RULE)
      : refuse('bad-credential', 'auth', complaint, { rule: DIGEST_RULE, where, headers: x.route?.auth.invalid ?? [] })
  if (mode === 'enforce') return refusal
  x.wouldDeny(refusal)
  return CONTINUE
}

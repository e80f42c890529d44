/**
 * The life of a request, in order: cheapest and least trusting first (README, "How a request travels"). Each stage lets
 * it go on (CONTINUE), refuses it, or answers it. Nothing reaches an upstream without the Permit that `authorize`
 * makes; nothing writes to the response here.
 */
import { admission, callerAdmission } from './admission.ts'
import { auth } from './auth.ts'
import { authorize, authorizeBody } from './authorize.ts'
import { bans, callerBans } from './bans.ts'
import { external } from './external.ts'
import { callerLimits, clientLimits } from './limits.ts'
import { callerIp } from './caller-ip.ts'
import { client } from './client.ts'
import { clientCertificate } from './client-certificate.ts'
import { digest } from './digest.ts'
import type { Exchange } from './exchange.ts'
import { framing } from './framing.ts'
import { honeypots } from './honeypots.ts'
import { outerWall, routeIp } from './ip.ts'
import { preflight } from './preflight.ts'
import { ready } from './ready.ts'
import { redirect } from './redirect.ts'
import { respond } from './respond.ts'
import { revocation } from './revocation.ts'
import { route } from './route.ts'
import { validate } from './validate.ts'
import { CONTINUE, type Outcome, type Stage, type Verdict } from './verdict.ts'

export const STAGES: Stage[] = [
  { name: 'framing', run: framing }, // what is no proper HTTP/1.1 is not looked at any further
  { name: 'client', run: client }, // who is at the other end, and what the request is called in the log
  { name: 'client-certificate', run: clientCertificate }, // a listener that is for clients with a certificate only
  { name: 'redirect', run: redirect }, // a plain listener that only sends people to the TLS one
  { name: 'ready', run: ready }, // balancers ask before bans and routes, and always get an answer
  { name: 'bans', run: bans }, // who is kept out for what they did: before anything that costs more than the look
  { name: 'wall', run: outerWall }, // the gateway's own ip policy: no route opens it
  { name: 'honeypots', run: honeypots }, // paths that nobody has a reason to ask for
  { name: 'route', run: route }, // which service, under which policies; 404 and 405
  { name: 'ip', run: routeIp }, // where it may come from
  { name: 'admission', run: admission }, // an overloaded worker: before anything is counted or verified
  { name: 'limits', run: clientLimits }, // limits that need no identity: before any cryptography
  { name: 'preflight', run: preflight }, // browsers ask without credentials, so before auth
  { name: 'auth', run: auth }, // who calls
  { name: 'revocation', run: revocation }, // a credential that was good and no longer holds
  { name: 'caller-ip', run: callerIp }, // a good credential, from a place that is not its consumer's
  { name: 'caller-admission', run: callerAdmission }, // and who is known is turned away last
  { name: 'caller-bans', run: callerBans }, // callers that are kept out, wherever they come from
  { name: 'external', run: external }, // what the owner's own services say of it: before the rules, which may read their answers
  { name: 'authorize', run: authorize }, // may they: the only maker of permits
  { name: 'caller-limits', run: callerLimits }, // limits by who calls
  { name: 'digest', run: digest }, // is the body the one that was signed: before anybody looks into it
  { name: 'validate', run: validate }, // is the request's body one this route takes
  { name: 'authorize-body', run: authorizeBody }, // rules over what the body holds, now that it fits its schema
  { name: 'respond', run: respond } // routes that Gatehouse answers itself
]

/** Runs the stages from `from` on. A promise only when a stage had to wait. */
export function run(x: Exchange, from = 0): Outcome | Promise<Outcome> {
  for (let i = from; i < STAGES.length; i++) {
    const stage = STAGES[i]
    if (stage === undefined) break
    const verdict = stage.run(x)
    if (verdict === CONTINUE) continue
    if (verdict instanceof Promise) return verdict.then((settled) => goOn(x, i, settled))
    return verdict
  }
  if (x.permit === null) throw new Error('the stages ended without a permit')
  return x.permit
}

function goOn(x: Exchange, stage: number, verdict: Verdict): Outcome | Promise<Outcome> {
  return verdict === CONTINUE ? run(x, stage + 1) : verdict
}

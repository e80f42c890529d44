/** What an overloaded worker turns away: see limits/admission.ts for whom, when and why. */
import { CALLER, STRANGER, type Worth } from '../limits/admission.ts'
import { COUNTER } from '../memory/counters.ts'
import type { Places } from '../plan/auth.ts'
import { cookieValue } from '../policy/cookie.ts'
import { queryParameter } from '../policy/query.ts'
import { refuse, type Refusal } from '../problems.ts'
import type { Exchange } from './exchange.ts'
import { tierOf } from './limits.ts'
import type { PreparedLimit } from './tables.ts'
import { CONTINUE, type Verdict } from './verdict.ts'

/** Before anything is counted or verified: requests that present no credential. */
export function admission(x: Exchange): Verdict {
  const { services } = x.tables
  // A preflight costs nothing, and without it the browser of a known caller could not ask.
  if (!services.admission.watches || x.route === null || x.preflight) return CONTINUE
  return presents(x.route.auth.reads, x) || certified(x) ? CONTINUE : judge(x, STRANGER, x.clientKey, 1)
}

/** Those whose credential was known, or was verified although it was not. */
export function callerAdmission(x: Exchange): Verdict {
  return x.tables.services.admission.watches && known(x) ? judge(x, CALLER, x.shareKey, weightOf(x)) : CONTINUE
}

/** A request that is under way when an interval begins weighs on the worker, too, however long ago it came. */
export function countUnderWay(x: Exchange): void {
  const { admission: admits } = x.tables.services
  if (known(x)) admits.holds(CALLER, x.shareKey, weightOf(x))
  else admits.holds(STRANGER, x.clientKey, 1)
}

/** By the limit of the route whose tiers grant the caller the smallest part of the best. A limit that only watches grants nothing. */
function weightOf(x: Exchange): number {
  if (x.route === null) return 1
  return Math.max(heaviest(x, x.route.early), heaviest(x, x.route.late))
}

function heaviest(x: Exchange, limits: readonly PreparedLimit[]): number {
  let most = 1
  for (const prepared of limits) {
    if (prepared.tiers.length === 0 || prepared.limit.plan.mode !== 'enforce') continue
    most = Math.max(most, tierOf(x, prepared).weight)
  }
  return most
}

function known({ caller }: Exchange): boolean {
  return caller.method !== 'public' && caller.method !== 'anonymous'
}

function judge(x: Exchange, worth: Worth, client: string, counts: number): Verdict {
  const { admission: admits, counters } = x.tables.services
  if (!admits.turnsAway(worth, client, counts)) return CONTINUE
  counters.add(worth === STRANGER ? COUNTER.strangersShed : COUNTER.callersShed)
  return next()
}

function certified(x: Exchange): boolean {
  return x.clientCertificate !== null && x.route?.auth.plan.certificate === true
}

/** Whether something stands where this route reads credentials. */
function presents(reads: Places, x: Exchange): boolean {
  for (const name of reads.header) if (x.headers.has(name)) return true
  if (reads.cookie.length > 0) {
    const header = x.headers.joined('cookie')
    if (header !== undefined) for (const name of reads.cookie) if (cookieValue(header, name) !== undefined) return true
  }
  if (x.query !== '') for (const name of reads.query) if (queryParameter(x.query, name) !== undefined) return true
  return false
}

/** All who are turned away in one second must not come back in the same one. */
const SPREAD = 5
const REFUSALS: readonly Refusal[] = Array.from({ length: SPREAD }, (_, i) =>
  refuse(
    'shedding',
    'admission',
    'the worker is overloaded, and takes what is worth more, and clients that want less, first',
    {
      headers: ['retry-after', String(i + 1)]
    }
  )
)
let turn = 0

function next(): Refusal {
  turn = (turn + 1) % SPREAD
  return REFUSALS[turn] as Refusal
}

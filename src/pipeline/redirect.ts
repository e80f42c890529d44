import { refuse } from '../problems.ts'
import type { Exchange } from './exchange.ts'
import { Answer, CONTINUE, type Verdict } from './verdict.ts'

const HTTPS_PORT = 443

/** A listener with `redirect` sends everything to the TLS one: 308 keeps method and body (RFC 9110 section 15.4.9). */
export function redirect(x: Exchange): Verdict {
  const { plan, redirectPort } = x.listenerTable
  if (plan.redirect === null) return CONTINUE
  if (plan.ready !== null && x.path === plan.ready) return CONTINUE
  if (redirectPort === 0) return refuse('not-ready', 'redirect', 'the TLS listener has no port yet')
  const host = x.host.includes(':') ? `[${x.host}]` : x.host
  const authority = redirectPort === HTTPS_PORT ? host : `${host}:${redirectPort}`
  const query = x.query === '' ? '' : `?${x.query}`
  return new Answer('redirect', 308, ['location', `https://${authority}${x.path}${query}`], '')
}

import { checkFraming, Framing } from '../framing/framing.ts'
import { COUNTER } from '../memory/counters.ts'
import { newRequestId } from '../policy/trace.ts'
import { refuse } from '../problems.ts'
import { coversHost } from './certificate-hosts.ts'
import type { Exchange } from './exchange.ts'
import { CONTINUE, type Verdict } from './verdict.ts'

/** One object for all requests: filled and read within one call. */
const head = new Framing()

/** What is no proper HTTP/1.1 request goes no further, and nothing behind it on its connection either. */
export function framing(x: Exchange): Verdict {
  const { plan } = x.listenerTable
  head.dropped = 0
  const refusal = checkFraming(x.method, x.rawPath, x.query, x.headers, plan.client, head)
  if (head.dropped > 0) x.tables.services.counters.add(COUNTER.underscoreHeadersDropped, head.dropped)
  if (refusal !== null) {
    x.id = newRequestId(x.now)
    return refusal
  }
  x.path = head.path
  x.host = head.host
  x.authority = head.authority
  x.size = head.bodyLength
  x.closes = head.closes
  x.named = head.named
  // Balancers ask for `ready` by address: no certificate covers that, and the answer is no host's.
  const isReady = plan.ready !== null && x.path === plan.ready
  if (x.certificate >= 0 && !isReady && !coversHost(x.tables.head.certificates[x.certificate], x.host)) {
    x.id = newRequestId(x.now)
    // One host's certificate may ask more of its clients than another's: its connections are for it alone.
    return refuse('wrong-host', 'framing', `the connection's certificate does not cover ${x.host}`)
  }
  x.note('framing', 'pass', 'framing', '', '', x.path)
  return CONTINUE
}

import { formatIp } from '../ip.ts'
import { Client } from '../client/address.ts'
import type { Refusal } from '../problems.ts'
import { nextTraceparent, requestIdFor } from '../policy/trace.ts'
import type { Exchange } from './exchange.ts'
import { CONTINUE, type Verdict } from './verdict.ts'

/** One object for all requests: filled and read within one call. */
const found = new Client()

/** Who is at the other end, after the trusted proxies; the request's id and trace. */
export function client(x: Exchange): Verdict {
  const refusal = findAddress(x)
  const trusted = x.trustedPeer
  x.id = requestIdFor(trusted ? x.headers.get('x-request-id') : undefined, trusted, x.now)
  x.traceparent = nextTraceparent(trusted ? x.headers.get('traceparent') : undefined, trusted)
  if (refusal === null) x.note('client', 'pass', 'client', '', '', x.clientIp)
  return refusal ?? CONTINUE
}

/** Only the address: all that is wanted of a request whose head was refused. */
export function findAddress(x: Exchange): Refusal | null {
  const { client: address } = x.listenerTable
  const seen = x.peer.seenBy(address)
  if (!seen.trusted) {
    x.clientAddress = x.peer.bytes
    x.clientIp = seen.ip
    x.clientKey = seen.key
    return null
  }
  const refusal = address.resolve(x.peer.bytes, x.proxied, x.headers, found)
  x.trustedPeer = found.trusted
  x.clientAddress = found.bytes
  x.clientIp = formatIp(found.bytes)
  x.clientKey = address.key(found.bytes)
  return refusal
}

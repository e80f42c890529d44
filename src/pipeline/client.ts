import { formatIp } from '../ip.ts'
import { Client } from '../client/address.ts'
import type { Refusal } from '../problems.ts'
import { nextTraceparent, requestIdFor } from '../policy/trace.ts'
import type { Exchange } from './exchange.ts'
import { CONTINUE, type Verdict } from './verdict.ts'

/** One object for all requests: filled and read within one call. */
const found = new Client()

/**
 * Who is at the other end, after the trusted proxies; the request's id and trace. From here on the request has no field
 * that is only the connection's: a rule must not find one that the service will miss.
 */
export function client(x: Exchange): Verdict {
  const refusal = findAddress(x)
  const trusted = x.trustedPeer
  x.id = requestIdFor(trusted ? x.headers.get('x-request-id') : undefined, trusted, x.now)
  x.traceparent = nextTraceparent(trusted ? x.headers.get('traceparent') : undefined, trusted)
  dropNamed(x)
  if (refusal === null) x.note('client', 'pass', 'client', '', '', x.clientIp)
  return refusal ?? CONTINUE
}

/**
 * Fields that Connection names end here (RFC 9110 section 7.6.1), now that the client's address, which one of them may hold,
 * was read. `te` is answered for by what goes on (policy/request-headers.ts).
 */
function dropNamed({ named, headers }: Exchange): void {
  if (named === null) return
  for (const name of named) if (name !== 'te') headers.remove(name)
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

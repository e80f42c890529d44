import type { HeaderList } from '../headers.ts'
import { prefixKey } from '../ip.ts'
import { IpSet } from '../ip-set.ts'
import type { ClientPlan } from '../plan/listener.ts'
import { refuse, type Refusal } from '../problems.ts'
import { elementStart, forwardedFor, itemStart, listedAddress, skipBlanks, trimBlanks } from './proxied.ts'

/** Who the client is. Made once per exchange and filled by `ClientAddress.resolve`. */
export class Client {
  /** 4 or 16 bytes. */
  bytes: Uint8Array = NOWHERE
  /** The peer is a trusted proxy that speaks HTTP: its word on request id, trace and forwarded fields is taken too. */
  trusted = false
}

const NOWHERE = new Uint8Array(4)

/**
 * How a listener learns its client's address. The peer of the connection is the one address nobody can invent, so it is
 * the client, unless it is a trusted proxy and the configuration names the field it speaks through. An untrusted peer's
 * fields are never read.
 *
 * Fields that list every hop are read from the right, where the trusted peer wrote, towards the left, where the client
 * wrote what it liked: the first address that is no trusted proxy is the client, and nothing left of it is looked at.
 * Something unreadable ends the reading there and the last hop that was understood is the client: that hop is known to
 * have been there. If every hop is trusted, the farthest one is the client.
 */
export class ClientAddress {
  readonly #from: ClientPlan['addressFrom']
  readonly #trusted: IpSet
  readonly #ipv6Prefix: number

  constructor(plan: ClientPlan) {
    this.#from = plan.addressFrom
    this.#trusted = new IpSet(plan.trustedProxies)
    this.#ipv6Prefix = plan.ipv6Prefix
  }

  /**
   * @param peer the connection's other end, from `fromBinary`
   * @param proxied the source that a PROXY protocol header named, from `fromBinary`; null when there was no such header
   * @returns null when `into` holds the client, or the refusal
   */
  resolve(peer: Uint8Array, proxied: Uint8Array | null, headers: HeaderList, into: Client): Refusal | null {
    into.bytes = peer
    into.trusted = this.#trusted.has(peer)
    if (!into.trusted) return null
    switch (this.#from.kind) {
      case 'connection':
        return null
      case 'x-forwarded-for':
        into.bytes = this.#farthest(peer, headers, 'x-forwarded-for')
        return null
      case 'forwarded':
        into.bytes = this.#farthest(peer, headers, 'forwarded')
        return null
      case 'proxy-protocol':
        // Who speaks this protocol passes bytes on and touches no field: those are all the client's own words.
        into.trusted = false
        // A balancer's own health check (command LOCAL) arrives without a source, or with one of zeros.
        if (proxied !== null && !isUnspecified(proxied)) into.bytes = proxied
        return null
      case 'header':
        return this.#single(this.#from.name, headers, into)
    }
  }

  /** Whether that peer may speak for others. */
  trusts(peer: Uint8Array): boolean {
    return this.#trusted.has(peer)
  }

  /** `clientIp` cut to what counts as one client: the key of limits, bans and queues by ip. */
  key(bytes: Uint8Array): string {
    return prefixKey(bytes, this.#ipv6Prefix)
  }

  /** Walks the hops of all fields of that name from the right, across fields in the order they came. */
  #farthest(peer: Uint8Array, headers: HeaderList, name: 'x-forwarded-for' | 'forwarded'): Uint8Array {
    let hop = peer
    for (let i = headers.length - 1; i >= 0; i--) {
      if (headers.names[i] !== name) continue
      const value = headers.values[i] ?? ''
      for (let end = value.length; end >= 0;) {
        const start = name === 'forwarded' ? elementStart(value, end) : itemStart(value, end)
        const from = skipBlanks(value, start, end)
        const to = trimBlanks(value, from, end)
        end = start - 1
        // RFC 9110 section 5.6.1.2: empty list members mean nothing.
        if (from === to) continue
        const address = name === 'forwarded' ? forwardedFor(value, from, to) : listedAddress(value, from, to)
        if (address === null) return hop
        hop = address
        if (!this.#trusted.has(hop)) return hop
      }
    }
    return hop
  }

  /**
   * One field with one address, or none (the proxy's own request). Anything else is refused and not ignored: falling
   * back to the proxy's address would let a client that smuggles in a second field pass as the proxy.
   */
  #single(name: string, headers: HeaderList, into: Client): Refusal | null {
    const at = headers.names.indexOf(name)
    if (at < 0) return null
    const value = headers.values[at] ?? ''
    const from = skipBlanks(value, 0, value.length)
    const address = listedAddress(value, from, trimBlanks(value, from, value.length))
    if (headers.names.indexOf(name, at + 1) >= 0)
      return refuse('malformed', 'client', `a trusted proxy sent ${name}, which names the client, more than once`)
    if (address === null)
      return refuse('malformed', 'client', `a trusted proxy sent ${name} without a readable address in it`)
    into.bytes = address
    return null
  }
}

/** `0.0.0.0`, `::` or no bytes at all: no client's address. */
function isUnspecified(bytes: Uint8Array): boolean {
  for (const byte of bytes) if (byte !== 0) return false
  return true
}

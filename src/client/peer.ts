import { formatIp } from '../ip.ts'
import type { RepeatedFields } from '../repeated-fields.ts'
import type { ClientAddress } from './address.ts'

/** What a listener makes of a peer. */
export interface Seen {
  /** It may speak for others. */
  readonly trusted: boolean
  /** Its address as text. */
  readonly ip: string
  /** What counts as one client with it. */
  readonly key: string
}

/** See Peer.told. */
export interface Told {
  /** `Host` as received. */
  readonly authority: string
  readonly ip: string
  readonly scheme: string
  readonly fields: RepeatedFields
}

/** The other end of a connection, with what follows from its address. */
export class Peer {
  /** 4 or 16 bytes, from `fromBinary`; empty when the connection is closed already. */
  readonly bytes: Uint8Array
  /** What services were told last of where it comes from, and what that was made of; null: it speaks for others, or nothing yet. */
  told: Told | null = null
  #by: ClientAddress | null = null
  #seen: Seen = UNSEEN

  constructor(bytes: Uint8Array) {
    this.bytes = bytes
  }

  /** As `address` sees it: the listener's of the generation that decides. */
  seenBy(address: ClientAddress): Seen {
    if (this.#by !== address) {
      const { bytes } = this
      this.#seen = { trusted: address.trusts(bytes), ip: formatIp(bytes), key: address.key(bytes) }
      this.#by = address
    }
    return this.#seen
  }
}

/** A power of two. */
const PLACES = 1024

/**
 * The peers that asked last: two texts are made of an address once, and not at every request. One has the place that its
 * address says, and gives it to whoever comes next there.
 */
export class Peers {
  readonly #places: (Peer | null)[] = Array.from({ length: PLACES }, () => null)

  /** @param bytes from `fromBinary` */
  at(bytes: Uint8Array): Peer {
    let hash = bytes.length
    for (let i = 0; i < bytes.length; i++) hash = Math.imul(hash ^ (bytes[i] as number), 0x01000193)
    const place = (hash ^ (hash >>> 16)) & (PLACES - 1)
    const known = this.#places[place] ?? null
    if (known !== null && sameBytes(known.bytes, bytes)) return known
    const peer = new Peer(bytes)
    this.#places[place] = peer
    return peer
  }
}

function sameBytes(a: Uint8Array, b: Uint8Array): boolean {
  if (a.length !== b.length) return false
  for (let i = 0; i < a.length; i++) if (a[i] !== b[i]) return false
  return true
}

const UNSEEN: Seen = Object.freeze({ trusted: false, ip: '', key: '' })

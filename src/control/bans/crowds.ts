import { networkOf, prefixKey, type Cidr } from '../../ip.ts'

/** Clients of a block that are looked up one by one: a /48 of /64s. About 30 ms of the control thread's. */
const MOST = 65_536

/**
 * Whether a block holds a client that several identities use, as far as can be told: of more clients than 65,536
 * nobody knows, and that counts as one.
 * @param v6Prefix leading bits of an IPv6 address that are one client
 * @param isCrowd by a client's key, as `prefixKey` makes it
 */
export function holdsCrowd({ bytes, bits }: Cidr, v6Prefix: number, isCrowd: (key: string) => boolean): boolean {
  const client = bytes.length === 4 ? 32 : v6Prefix
  const clients = 2 ** Math.max(0, client - bits)
  if (clients > MOST) return true
  const address = networkOf(bytes, bits)
  for (let i = 0; i < clients; i++) {
    if (isCrowd(prefixKey(address, v6Prefix))) return true
    increment(address, client)
  }
  return false
}

/** The next network of `bits`. */
function increment(address: Uint8Array, bits: number): void {
  let add = 1 << (7 - ((bits - 1) & 7))
  for (let i = (bits - 1) >> 3; i >= 0 && add > 0; i--) {
    const sum = (address[i] ?? 0) + add
    address[i] = sum & 0xff
    add = sum >> 8
  }
}

/** Blocks of addresses as bans speak of them. */
import { formatIp, networkOf, type Cidr } from '../../ip.ts'

/** Shortest prefix that may be banned: a shorter one is a slip, and would take in a good part of the internet. */
export const WIDEST_V4 = 8
export const WIDEST_V6 = 16

/** An address alone, or a block. */
export function textOf({ bytes, bits }: Cidr): string {
  const network = formatIp(networkOf(bytes, bits))
  return bits === bytes.length * 8 ? network : `${network}/${bits}`
}

export function isWithin({ bytes, bits }: Cidr, network: Cidr): boolean {
  if (bytes.length !== network.bytes.length || bits < network.bits) return false
  return networkOf(bytes, network.bits).every((byte, i) => byte === network.bytes[i])
}

/**
 * Points of Ed25519 whose order divides the cofactor (RFC 8032 section 5.1). As a public key each of them takes
 * signatures that anyone can make: for every message in the case of the neutral element, for an eighth of all messages
 * or more with the others. OpenSSL does not refuse them (measured on Node 22: 64, 29, 11 to 15 and 7 to 10 of 64
 * messages under one signature of zeros).
 */

const FIELD = 2n ** 255n - 19n
/** y of two points of order 8; its negative is that of the other two. */
const ORDER_8 = 0x7a03ac9277fdc74ec6cc392cfa53202a0f67100d760b3cba4fd84d3d706a17c7n
/** y alone tells them: x is up to its sign what y makes it. */
const SMALL: ReadonlySet<bigint> = new Set([0n, 1n, FIELD - 1n, ORDER_8, FIELD - ORDER_8])

/** `x`: the 32 bytes of a JWK's point. Other spellings of a coordinate (beyond the field) count as what they spell. */
export function hasSmallOrder(x: Uint8Array): boolean {
  const bytes = Buffer.from(x).reverse()
  // The topmost bit is the sign of x.
  bytes[0] = (bytes[0] ?? 0) & 0x7f
  return SMALL.has(BigInt(`0x${bytes.toString('hex')}`) % FIELD)
}

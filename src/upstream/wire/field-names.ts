import { isHopByHop } from '../hop-by-hop.ts'

/**
 * Names of header fields, recognised from their bytes without making a string: a name seen before costs a hash, which
 * the scan over it computes anyway, and one comparison. Names are learned as they come, into a table of fixed size
 * where a newcomer replaces whoever had its place: an upstream that invents names costs itself the benefit, and no
 * memory.
 */

/** A byte of a token in lower case (RFC 9110 section 5.6.2), or 0 for a byte that may not stand in one. */
export const TOKEN: Readonly<Uint8Array> = tokenTable()

/** What a field means to the connection it came over. */
export const ORDINARY = 0
export const CONTENT_LENGTH = 1
export const TRANSFER_ENCODING = 2
export const CONNECTION = 3
export const KEEP_ALIVE = 4
/** Any other field that ends with the connection. */
export const HOP_BY_HOP = 5

export interface FieldName {
  /** Lower-case. */
  readonly name: string
  readonly meaning: number
}

const SLOTS = 512
/** Longer names are not learned, so that the table stays within a few ten kilobytes. */
const MAX_LEARNED = 64
const learned: FieldName[] = Array.from({ length: SLOTS }, () => ({ name: '', meaning: ORDINARY }))

/** Adds a byte of TOKEN to the hash of a name, which begins with 0. */
export function hashByte(hash: number, byte: number): number {
  return (Math.imul(hash, 31) + byte) | 0
}

/** The name at `bytes[start, end)`, all of it tokens, whose hash is `hash`. */
export function fieldName(bytes: Buffer, start: number, end: number, hash: number): FieldName {
  const slot = (hash ^ (hash >>> 9)) & (SLOTS - 1)
  // In range: slot is below the table's length.
  const known = learned[slot]!
  if (equals(known.name, bytes, start, end)) return known
  const name = bytes.toString('latin1', start, end).toLowerCase()
  const field = { name, meaning: meaningOf(name) }
  if (name.length <= MAX_LEARNED) learned[slot] = field
  return field
}

function equals(known: string, bytes: Buffer, start: number, end: number): boolean {
  if (known.length !== end - start) return false
  for (let i = 0; i < known.length; i++) {
    // In range: `end` is within the bytes, and TOKEN has a value for each.
    if (known.charCodeAt(i) !== TOKEN[bytes[start + i]!]) return false
  }
  return true
}

function meaningOf(name: string): number {
  switch (name) {
    case 'content-length':
      return CONTENT_LENGTH
    case 'transfer-encoding':
      return TRANSFER_ENCODING
    case 'connection':
      return CONNECTION
    case 'keep-alive':
      return KEEP_ALIVE
    default:
      return isHopByHop(name) ? HOP_BY_HOP : ORDINARY
  }
}

function tokenTable(): Uint8Array {
  const table = new Uint8Array(256)
  for (const char of "!#$%&'*+-.^_`|~0123456789abcdefghijklmnopqrstuvwxyz") {
    table[char.charCodeAt(0)] = char.charCodeAt(0)
  }
  for (let byte = 0x41; byte <= 0x5a; byte++) table[byte] = byte + 0x20
  return table
}

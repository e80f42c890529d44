/**
 * IP addresses as bytes in network order: 4 for IPv4, 16 for IPv6. An IPv4 address in IPv6's clothes
 * (`::ffff:1.2.3.4`) is IPv4 everywhere, or a rule for one would miss the other.
 */

/**
 * Reads an address from `text`, or from `start` to `end` of it: IPv4 as four decimal numbers without leading zeros
 * (others read those as octal), IPv6 as RFC 4291 section 2.2 writes it. No brackets, port, zone or white space. Null
 * when it is none.
 */
export function parseIp(text: string, start = 0, end = text.length): Uint8Array | null {
  for (let i = start; i < end && i < start + 5; i++) {
    const c = text.charCodeAt(i)
    if (c === DOT) {
      const bytes = new Uint8Array(4)
      return readV4(text, start, end, bytes, 0) ? bytes : null
    }
    if (c === COLON) return parseV6(text, start, end)
  }
  return null
}

const DOT = 0x2e
const COLON = 0x3a

/** Writes the four numbers of `text` from `start` to `end` into `bytes` at `at`; false when it isn't just that. */
function readV4(text: string, start: number, end: number, bytes: Uint8Array, at: number): boolean {
  let part = 0
  let value = -1
  for (let i = start; i <= end; i++) {
    const c = i < end ? text.charCodeAt(i) : DOT
    if (c === DOT) {
      if (value < 0 || part === 4) return false
      bytes[at + part++] = value
      value = -1
    } else {
      const digit = c - 0x30
      if (digit < 0 || digit > 9 || value === 0) return false
      value = value < 0 ? digit : value * 10 + digit
      if (value > 255) return false
    }
  }
  return part === 4
}

function parseV6(text: string, start: number, end: number): Uint8Array | null {
  const bytes = new Uint8Array(16)
  let at = 0
  /** Where `::` stands in bytes, -1 for nowhere. */
  let gap = -1
  let i = start
  if (text.charCodeAt(i) === COLON) {
    if (i + 1 >= end || text.charCodeAt(i + 1) !== COLON) return null
    gap = 0
    i += 2
  }
  while (i < end) {
    const group = i
    let value = 0
    let digit = hexDigit(text.charCodeAt(i))
    while (digit >= 0 && i - group < 4) {
      value = value * 16 + digit
      i++
      digit = i < end ? hexDigit(text.charCodeAt(i)) : -1
    }
    if (i < end && text.charCodeAt(i) === DOT) {
      if (at > 12 || !readV4(text, group, end, bytes, at)) return null
      at += 4
      break
    }
    if (i === group || at === 16) return null
    bytes[at++] = value >> 8
    bytes[at++] = value & 0xff
    if (i === end) break
    if (text.charCodeAt(i) !== COLON || ++i === end) return null
    if (text.charCodeAt(i) === COLON) {
      if (gap >= 0) return null
      gap = at
      i++
    }
  }
  if (gap < 0 ? at !== 16 : at === 16) return null
  if (gap >= 0) {
    bytes.copyWithin(16 - (at - gap), gap, at)
    bytes.fill(0, gap, 16 - (at - gap))
  }
  return isMapped(bytes) ? bytes.slice(12) : bytes
}

function hexDigit(c: number): number {
  if (c >= 0x30 && c <= 0x39) return c - 0x30
  const letter = c | 0x20
  return letter >= 0x61 && letter <= 0x66 ? letter - 0x57 : -1
}

/** Whether 16 bytes are an IPv4-mapped address (RFC 4291 section 2.5.5.2). */
function isMapped(bytes: Uint8Array): boolean {
  if (bytes[10] !== 0xff || bytes[11] !== 0xff) return false
  for (let i = 0; i < 10; i++) if (bytes[i] !== 0) return false
  return true
}

/** A copy of an address as a socket gives it: IPv4-mapped becomes 4 bytes. Empty when there is none, as on a closed socket. */
export function fromBinary(address: ArrayBuffer | Uint8Array): Uint8Array {
  const bytes = new Uint8Array(address)
  if (bytes.length === 4) return bytes
  if (bytes.length !== 16) return new Uint8Array(0)
  return isMapped(bytes) ? bytes.slice(12) : bytes
}

/** The address as text; IPv6 in the one form of RFC 5952. */
export function formatIp(bytes: Uint8Array): string {
  if (bytes.length === 4) return `${bytes[0]}.${bytes[1]}.${bytes[2]}.${bytes[3]}`
  // The longest run of two or more zero groups, the first of equals, becomes `::` (RFC 5952 section 4.2).
  let gap = -1
  let gapEnd = -1
  for (let i = 0; i < 8; i++) {
    let end = i
    while (end < 8 && group(bytes, end) === 0) end++
    if (end - i >= 2 && end - i > gapEnd - gap) {
      gap = i
      gapEnd = end
    }
    if (end > i) i = end
  }
  let text = ''
  for (let i = 0; i < 8; i++) {
    if (i === gap) {
      text += '::'
      i = gapEnd - 1
    } else {
      if (i > 0 && i !== gapEnd) text += ':'
      text += group(bytes, i).toString(16)
    }
  }
  return text
}

function group(bytes: Uint8Array, i: number): number {
  return ((bytes[2 * i] ?? 0) << 8) | (bytes[2 * i + 1] ?? 0)
}

/**
 * Text that stands for all addresses that count as one client: an IPv4 address itself, an IPv6 one its network
 * `2001:db8:1:2::/64`, since whoever has one address of it has them all.
 *
 * @param v6Prefix 1-128, the network's leading bits
 */
export function prefixKey(bytes: Uint8Array, v6Prefix: number): string {
  if (bytes.length === 4 || v6Prefix >= 128) return formatIp(bytes)
  return `${formatIp(networkOf(bytes, v6Prefix))}/${v6Prefix}`
}

/** An address with all bits behind its first `bits` cleared. */
export function networkOf(bytes: Uint8Array, bits: number): Uint8Array {
  const network = bytes.slice()
  for (let i = bits >> 3; i < network.length; i++) {
    const kept = Math.max(0, bits - 8 * i)
    network[i] = (network[i] ?? 0) & (0xff00 >> kept)
  }
  return network
}

export interface Cidr {
  /** The network's first address, 4 or 16 bytes. */
  bytes: Uint8Array
  /** Leading bits that are the network's: 0-32 or 0-128. */
  bits: number
}

/**
 * Reads `10.0.0.0/8`; an address alone is its own network. Bits behind the prefix are cleared. A block of mapped
 * addresses is one of IPv4; one that holds them and others, shorter than /96, is null, as everything unreadable.
 */
export function parseCidr(text: string): Cidr | null {
  const slash = text.indexOf('/')
  const address = parseIp(text, 0, slash < 0 ? text.length : slash)
  if (address === null) return null
  if (slash < 0) return { bytes: address, bits: address.length * 8 }
  const bits = readDecimal(text, slash + 1, 128)
  // Four bytes from a text with a colon were a mapped address: its prefix counts from IPv6's first bit.
  const start = address.length === 4 && text.includes(':') ? 96 : 0
  if (bits < start || bits - start > address.length * 8) return null
  return { bytes: networkOf(address, bits - start), bits: bits - start }
}

/** The decimal number that is the rest of `text`, without leading zeros and at most `max`; -1 when it is none. */
function readDecimal(text: string, start: number, max: number): number {
  if (start === text.length || (text.charCodeAt(start) === 0x30 && start + 1 < text.length)) return -1
  let value = 0
  for (let i = start; i < text.length; i++) {
    const digit = text.charCodeAt(i) - 0x30
    if (digit < 0 || digit > 9) return -1
    value = value * 10 + digit
    if (value > max) return -1
  }
  return value
}

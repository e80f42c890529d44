/** Addresses as bytes, for the tests of ip.ts and ip-set.ts. */
import fc from 'fast-check'
import { parseIp } from '../src/ip.ts'

/** The address, or a failure of the test that relies on it. */
export function ip(text: string): Uint8Array {
  const bytes = parseIp(text)
  if (bytes === null) throw new Error(`no address: ${text}`)
  return bytes
}

const v4 = fc.uint8Array({ minLength: 4, maxLength: 4 })
const v6 = fc
  .uint8Array({ minLength: 16, maxLength: 16 })
  .map((bytes) => bytes.map((b, i) => (bytes[(i | 1) % 16]! & 1 ? 0 : b)))

/** Any address, as bytes. */
export const address = fc.oneof(v4, v6)

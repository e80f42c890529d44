/** `Content-Digest` (RFC 9530): what a body must hash to. */
import { hash, timingSafeEqual } from 'node:crypto'
import { parseDictionary } from './structured-fields.ts'

/** The two that the registry marks as active; the others stand for nothing any more. */
const HASHES: ReadonlyMap<string, string> = new Map([
  ['sha-256', 'sha256'],
  ['sha-512', 'sha512']
])

/** null: the body is what the field says; else why not. Every digest of a kind known here must hold, and there is one. */
export function digestComplaint(field: string, body: Uint8Array): string | null {
  const members = parseDictionary(field)
  if (members === null) return 'Content-Digest is not well-formed'
  let known = 0
  for (const [name, member] of members) {
    const algorithm = HASHES.get(name)
    if (algorithm === undefined) continue
    known++
    if ('items' in member || !Buffer.isBuffer(member.value)) return 'Content-Digest is not well-formed'
    const actual = hash(algorithm, body, 'buffer')
    if (actual.length !== member.value.length || !timingSafeEqual(actual, member.value)) {
      return `the body does not have the ${name} digest that was signed`
    }
  }
  return known === 0 ? 'Content-Digest has neither sha-256 nor sha-512' : null
}

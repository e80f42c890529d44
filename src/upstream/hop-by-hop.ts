import { HOP_BY_HOP } from '../field-names.ts'

/** `name` lower-case. */
export function isHopByHop(name: string): boolean {
  return HOP_BY_HOP.has(name)
}

/**
 * Removes from the flat name, value list the fields that `connection`, the value of a Connection field, names.
 * Content-Length stays: it says where the answer ends, and an upstream that names it here has no say in that.
 */
export function removeNamed(headers: string[], connection: string): void {
  // Nearly always one of these two words, which name no field.
  if (connection === 'keep-alive' || connection === 'close') return
  for (const word of connection.toLowerCase().split(',')) {
    const name = word.trim()
    if (name === '' || name === 'content-length') continue
    for (let i = headers.length - 2; i >= 0; i -= 2) {
      if (headers[i] === name) headers.splice(i, 2)
    }
  }
}

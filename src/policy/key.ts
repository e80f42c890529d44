import { hash } from 'node:crypto'
import type { KeyPart } from '../plan/values.ts'
import type { RequestView } from '../request.ts'
import { type Lookup, prepareLookup } from './lookup.ts'

/**
 * `by`: what a limit counts under. A key is its parts one behind the other, each a mark for what the value is, its
 * length and the value, so that no two different lists of values give one text: `a|b` with `c` is not `a` with
 * `b|c`, and a consumer named as an address is not that address.
 */
export interface PreparedKey {
  readonly parts: readonly PreparedPart[]
  /** Some part says who calls, so that nobody has more keys than identities. */
  readonly ofCaller: boolean
}

interface PreparedPart {
  readonly kind: 'ip' | 'caller' | 'consumer' | 'value'
  readonly read: Lookup
}

/** Longer values are hashed: they are the client's choice, and keys are kept and compared. */
const MAX_VALUE = 128

const OF_CALLER: ReadonlySet<KeyPart['kind']> = new Set(['caller', 'consumer', 'credential', 'claim', 'attribute'])

export function prepareKey(parts: readonly KeyPart[]): PreparedKey {
  return {
    ofCaller: parts.some(({ kind }) => OF_CALLER.has(kind)),
    parts: parts.map((part) => ({
      kind: part.kind === 'ip' || part.kind === 'caller' || part.kind === 'consumer' ? part.kind : 'value',
      read: prepareLookup(part)
    }))
  }
}

/** The key's text: at most about 300 characters for each part. */
export function keyOf(key: PreparedKey, view: RequestView): string {
  let text = ''
  for (let i = 0; i < key.parts.length; i++) {
    const part = key.parts[i]
    if (part !== undefined) text += partOf(part, view)
  }
  return text
}

function partOf(part: PreparedPart, view: RequestView): string {
  switch (part.kind) {
    case 'ip':
      return marked('i', view.clientKey)
    case 'caller':
      return callerKey(view)
    case 'consumer':
      return view.caller.consumer === '' ? `!${callerKey(view)}` : marked('c', view.caller.consumer)
    case 'value': {
      const value = part.read(view)
      return value === undefined ? `!${marked('i', view.clientKey)}` : marked('v', value)
    }
  }
}

/** The consumer, else issuer and subject, else the address. */
export function callerKey(view: RequestView): string {
  const { consumer, issuer, subject } = view.caller
  if (consumer !== '') return marked('c', consumer)
  // A subject alone names nobody: each issuer has its own `1`.
  if (subject !== '') return marked('s', issuer) + marked('s', subject)
  return marked('i', view.clientKey)
}

function marked(mark: string, value: string): string {
  if (value.length <= MAX_VALUE) return `${mark}${value.length}:${value}`
  // Another mark, or the hash itself sent as a value would share the key.
  return `${mark}#${hash('sha256', value, 'base64url')}`
}

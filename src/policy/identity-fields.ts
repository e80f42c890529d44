import type { Caller } from '../caller.ts'
import { encodeHeaderText } from './encoding.ts'

/**
 * What is told of the caller, flat name, value pairs; what is absent has no field. The same for every request of one
 * Caller, so whoever caches the Caller may cache this.
 */
export function identityFields(caller: Caller): readonly string[] {
  const fields: string[] = []
  tell(fields, 'x-consumer', caller.consumer)
  if (caller.groups.length > 0) fields.push('x-consumer-groups', encodeList(caller.groups, ','))
  tell(fields, 'x-subject', caller.subject)
  tell(fields, 'x-issuer', caller.issuer)
  if (caller.scopes.length > 0) fields.push('x-scopes', encodeList(caller.scopes, ' '))
  tell(fields, 'x-auth-method', caller.method)
  tell(fields, 'x-credential', caller.credential)
  return fields
}

function tell(fields: string[], name: string, value: string): void {
  if (value !== '') fields.push(name, encodeHeaderText(value))
}

function encodeList(items: readonly string[], separator: string): string {
  let text = encodeHeaderText(items[0] ?? '')
  for (let i = 1; i < items.length; i++) text += separator + encodeHeaderText(items[i] ?? '')
  return text
}

/** Schemas of OpenAPI documents as JSON Schema 2020-12 says the same. */
import { isMapping, type Mapping } from './walk.ts'
import type { OpenApiVersion } from './openapi-check.ts'

/**
 * A copy of `value`, a document or any part of one. 3.0 has its own words (Schema Object, "nullable", boolean
 * exclusive bounds; members beside `$ref` count for nothing); in both a member that is `readOnly` is required of
 * answers only, and requests are what is judged here. Pointers into the document stay good.
 */
export function asJsonSchema(value: unknown, version: OpenApiVersion): unknown {
  if (Array.isArray(value)) return value.map((item) => asJsonSchema(item, version))
  if (!isMapping(value)) return value
  if (version === '3.0' && typeof value['$ref'] === 'string') return { $ref: value['$ref'] }
  const copy: Record<string, unknown> = {}
  for (const [key, member] of Object.entries(value)) copy[key] = asJsonSchema(member, version)
  if (version === '3.0') modernise(copy)
  const { required, properties } = copy
  if (Array.isArray(required) && isMapping(properties))
    copy['required'] = required.filter((name) => !isReadOnly(properties, String(name)))
  return copy
}

function modernise(schema: Record<string, unknown>): void {
  const { nullable, type } = schema
  if (nullable === true && typeof type === 'string') {
    schema['type'] = [type, 'null']
    if (Array.isArray(schema['enum']) && !schema['enum'].includes(null)) schema['enum'] = [...schema['enum'], null]
  }
  bound(schema, 'exclusiveMinimum', 'minimum')
  bound(schema, 'exclusiveMaximum', 'maximum')
}

function bound(schema: Record<string, unknown>, exclusive: string, inclusive: string): void {
  if (typeof schema[exclusive] !== 'boolean') return
  const strict = schema[exclusive]
  delete schema[exclusive]
  if (!strict || typeof schema[inclusive] !== 'number') return
  schema[exclusive] = schema[inclusive]
  delete schema[inclusive]
}

function isReadOnly(properties: Mapping, name: string): boolean {
  const property = Object.hasOwn(properties, name) ? properties[name] : undefined
  return isMapping(property) && property['readOnly'] === true
}

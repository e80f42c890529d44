/** Which values of a parameter, which are texts on the wire, are numbers, booleans or lists to its schema. */
import type { ParameterType } from '../../plan/validation.ts'
import { stepsOf, valueAt } from './collect.ts'
import { isMapping, type Mapping, resolved, withoutFragment } from './walk.ts'

/** References that are followed one after the other. */
const MAX_STEPS = 32

/** For each property of an object's schema that says so plainly; others stay texts. */
export function parameterTypes(set: ReadonlyMap<string, unknown>, uri: string): Record<string, ParameterType> {
  const types: Record<string, ParameterType> = {}
  for (const { schema, base } of every(set, valueOf(set, uri), withoutFragment(uri), 0)) {
    const { properties } = schema
    if (!isMapping(properties)) continue
    for (const name of Object.keys(properties)) types[name] ??= typeOf(set, properties[name], base)
  }
  return types
}

/** `list`: several values may be there; `number`, `boolean`: what a text (or an item) may stand for. */
export function typeOf(set: ReadonlyMap<string, unknown>, schema: unknown, base: string): ParameterType {
  const names = namesOf(set, schema, base)
  const list = names.has('array')
  let own = names
  if (list) {
    own = new Set()
    for (const each of every(set, schema, base, 0))
      for (const name of namesOf(set, each.schema['items'], each.base)) own.add(name)
  }
  return { list, number: own.has('number') || own.has('integer'), boolean: own.has('boolean') }
}

function namesOf(set: ReadonlyMap<string, unknown>, schema: unknown, base: string): Set<string> {
  const names = new Set<string>()
  for (const { schema: each } of every(set, schema, base, 0)) {
    const { type } = each
    const said = Array.isArray(type) ? type : [type]
    for (const name of said) if (typeof name === 'string') names.add(name)
    const values = Array.isArray(each['enum']) ? each['enum'] : 'const' in each ? [each['const']] : []
    if (type === undefined)
      for (const value of values) if (typeof value === 'number' || typeof value === 'boolean') names.add(typeof value)
  }
  return names
}

/** A schema with all that it refers to or combines. */
function every(
  set: ReadonlyMap<string, unknown>,
  schema: unknown,
  base: string,
  steps: number
): { schema: Mapping; base: string }[] {
  if (!isMapping(schema) || steps > MAX_STEPS) return []
  const all = [{ schema, base }]
  const { $ref } = schema
  const uri = typeof $ref === 'string' ? resolved($ref, base) : null
  if (uri !== null) all.push(...every(set, valueOf(set, uri), withoutFragment(uri), steps + 1))
  for (const key of ['allOf', 'anyOf', 'oneOf']) {
    const list = schema[key]
    if (Array.isArray(list)) for (const each of list) all.push(...every(set, each, base, steps + 1))
  }
  return all
}

function valueOf(set: ReadonlyMap<string, unknown>, uri: string): unknown {
  const steps = stepsOf(uri.includes('#') ? uri.slice(uri.indexOf('#') + 1) : '')
  return steps === null ? undefined : valueAt(set.get(withoutFragment(uri)), steps)
}

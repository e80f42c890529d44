/**
 * The JSON Schema (draft 2020-12) that editors complete and check a configuration with, written from schema.ts. It is
 * a little laxer than the checker: any scalar may be a reference, and any mapping or list an included file.
 */
import { scalarKind } from './scalars.ts'
import { rootShape } from './schema.ts'
import type { Shape } from './schema/shapes.ts'

type Json = Record<string, unknown>

const REFERENCE = { $ref: '#/$defs/reference' }
const INCLUSION = { $ref: '#/$defs/inclusion' }

const FIXED_DEFS: Json = {
  reference: {
    description: 'A value from elsewhere: ${env:NAME}, ${env:NAME:-default} or ${file:path}.',
    type: 'string',
    pattern: '\\$\\{(env|file):'
  },
  inclusion: {
    description: 'What the file holds stands here: .yaml, .json, .jsonl (one item a line) or .txt (one text a line).',
    type: 'object',
    properties: { file: { type: 'string', description: 'Path, relative to this file; * matches any name.' } },
    required: ['file'],
    additionalProperties: false
  }
}

/** A plain JSON value, equal at every call. */
export function configJsonSchema(): Json {
  const defs: Json = { ...FIXED_DEFS }
  const root = written(rootShape, defs)
  return {
    $schema: 'https://json-schema.org/draft/2020-12/schema',
    $id: 'gatehouse.schema.json',
    title: 'Gatehouse configuration',
    ...root,
    $defs: Object.fromEntries(Object.entries(defs).toSorted(([a], [b]) => (a < b ? -1 : 1)))
  }
}

/** The schema of one shape in place, or a reference to where it stands under $defs. */
function place(shape: Shape, defs: Json): Json {
  const name = shape.x?.def
  if (name === undefined) return orElsewhere(shape, written(shape, defs))
  if (!(name in defs)) {
    // Taken before it is filled, so that a shape that holds itself ends.
    defs[name] = {}
    defs[name] = written(shape, defs)
  }
  return { anyOf: [{ $ref: `#/$defs/${name}` }, INCLUSION] }
}

/** A value, or what stands for it: a reference for a scalar, an inclusion for anything else. */
function orElsewhere(shape: Shape, schema: Json): Json {
  if (shape.type === undefined) return schema
  const { description, ...rest } = schema
  const other = shape.type === 'object' || shape.type === 'array' ? INCLUSION : REFERENCE
  // A text without a pattern takes references as it is, and one that has `file` of its own no inclusion.
  if ((other === REFERENCE && shape.type === 'string' && !('pattern' in rest) && !('enum' in rest)) || shape.x?.ownFile)
    return schema
  return { ...(description === undefined ? {} : { description }), anyOf: [rest, other] }
}

function written(shape: Shape, defs: Json): Json {
  const about = shape.description === undefined ? {} : { description: shape.description }
  if (shape.anyOf) return { ...about, anyOf: shape.anyOf.map((each) => place(each, defs)) }
  if (shape.const !== undefined) return { ...about, const: shape.const }
  const supported = shape.x?.supported
  if (supported) return { ...about, enum: supported }
  if (shape.enum) return { ...about, type: 'string', enum: shape.enum }
  if (shape.type === 'object') return { ...about, type: 'object', ...mappingKeywords(shape, defs) }
  if (shape.type === 'array') return { ...about, type: 'array', ...listKeywords(shape, defs) }
  if (shape.type === 'integer') return { ...about, type: 'integer', minimum: shape.minimum, maximum: shape.maximum }
  if (shape.type === 'string') return { ...about, type: 'string', ...textKeywords(shape) }
  return shape.type === undefined ? about : { ...about, type: shape.type }
}

function mappingKeywords(shape: Shape, defs: Json): Json {
  if (!shape.properties) {
    const values = shape.additionalProperties ? place(shape.additionalProperties, defs) : true
    return { additionalProperties: values, ...(shape.minProperties ? { minProperties: shape.minProperties } : {}) }
  }
  const { exactlyOne, atLeastOne, atMostOne, unsupported = {} } = shape.x ?? {}
  const later = Object.entries(unsupported).map(([key, text]) => [
    key,
    { description: `Not supported yet. ${text}`, not: {} }
  ])
  const known = Object.entries(shape.properties).map(([key, value]) => [key, described(value, place(value, defs))])
  const required = shape.required ?? []
  return {
    properties: Object.fromEntries([...known, ...later]),
    ...(required.length > 0 ? { required } : {}),
    ...(exactlyOne ? { oneOf: exactlyOne.map((key) => ({ required: [key] })) } : {}),
    ...(atLeastOne ? { anyOf: atLeastOne.map((key) => ({ required: [key] })) } : {}),
    ...(atMostOne ? { not: { required: atMostOne } } : {}),
    additionalProperties: false
  }
}

/** Editors show the description that stands at the key itself. */
function described(shape: Shape, schema: Json): Json {
  return shape.description === undefined ? schema : { description: shape.description, ...schema }
}

function listKeywords(shape: Shape, defs: Json): Json {
  const item = place(shape.items ?? {}, defs)
  const alternatives = Array.isArray(item['anyOf']) ? item['anyOf'] : []
  const items = alternatives.includes(INCLUSION) ? item : { anyOf: [item, INCLUSION] }
  return {
    items,
    ...(shape.minItems ? { minItems: shape.minItems } : {}),
    ...(shape.x?.itemsYet === undefined ? {} : { maxItems: shape.x.itemsYet })
  }
}

function textKeywords(shape: Shape): Json {
  const kind = shape.x?.kind
  if (kind === undefined) return {}
  const { pattern, example } = scalarKind(kind)
  return pattern === undefined ? {} : { pattern, examples: [example] }
}

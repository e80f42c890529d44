/**
 * The few shapes the schema is made of. Each is an ordinary TypeBox schema, so one definition gives the TypeScript
 * type and the JSON Schema; what JSON Schema cannot say stands in the keyword `x` (Marks), which the checker reads
 * and json-schema.ts turns into the nearest thing an editor understands.
 */
import { Type, type Static, type TProperties, type TSchema, type TUnsafe } from 'typebox'
import type { ScalarKind } from '../scalars.ts'

/** Things that have names other places refer to. */
export type NameKind = 'listener' | 'issuer' | 'consumer' | 'profile' | 'upstream'

export interface Marks {
  /** What a text must look like. */
  kind?: ScalarKind
  /** What the keys of a map must look like. */
  keyKind?: ScalarKind
  /** Known keys of a mapping that are not built yet, with their meaning. */
  unsupported?: Readonly<Record<string, string>>
  /** Known words or numbers that are accepted; others the type allows are not built yet. */
  supported?: readonly unknown[]
  /** Keys of which exactly one must be there. */
  exactlyOne?: readonly string[]
  /** Keys of which not more than one may be there. */
  atMostOne?: readonly string[]
  /** Keys of which at least one must be there. */
  atLeastOne?: readonly string[]
  /** The text names one of these. */
  refersTo?: NameKind
  /** Key by which items of the list must differ; null: the items themselves. */
  uniqueBy?: string | null
  /** Most items the list may have yet; more are not built. */
  itemsYet?: number
  /** The text is a secret even when written in the file. */
  secret?: boolean
  /** Shown once under $defs of the JSON Schema, by this name. */
  def?: string
  /** A mapping here may hold a key `file` of its own; it isn't an inclusion. */
  ownFile?: boolean
}

/** What the checker and json-schema.ts see of a schema. */
export interface Shape {
  type?: 'string' | 'integer' | 'number' | 'boolean' | 'array' | 'object'
  description?: string
  enum?: readonly string[]
  const?: string | number | boolean
  minimum?: number
  maximum?: number
  items?: Shape
  minItems?: number
  properties?: Record<string, Shape>
  required?: readonly string[]
  additionalProperties?: Shape | false
  minProperties?: number
  anyOf?: readonly Shape[]
  x?: Marks
}

/** A mapping with exactly these keys. */
export function mapping<P extends TProperties>(description: string, properties: P, marks: Marks = {}) {
  return Type.Object(properties, { description, additionalProperties: false, x: marks })
}

/** The key may be left out. */
export function maybe<T extends TSchema>(schema: T) {
  return Type.Optional(schema)
}

/** A mapping whose keys the owner chooses; empty ones are refused where `minProperties` is 1. */
export function mapOf<T extends TSchema>(
  description: string,
  value: T,
  keyKind: ScalarKind,
  minProperties = 0
): TUnsafe<Record<string, Static<T>>> {
  return Type.Unsafe<Record<string, Static<T>>>({
    type: 'object',
    description,
    additionalProperties: value,
    minProperties,
    x: { keyKind }
  })
}

/** A list; empty ones are refused unless `minItems` says 0. */
export function listOf<T extends TSchema>(description: string, item: T, marks: Marks = {}, minItems = 1) {
  return Type.Array(item, { description, minItems, x: marks })
}

/** One item, or a list of them. */
export function oneOrMore<T extends TSchema>(description: string, item: T) {
  return Type.Union([item, Type.Array(item, { minItems: 1, x: { uniqueBy: null } })], { description })
}

export function text(description: string, kind: ScalarKind = 'text', marks: Marks = {}) {
  return Type.String({ description, x: { kind, ...marks } })
}

/** The name of something defined elsewhere in the configuration. */
export function nameOf(description: string, refersTo: NameKind) {
  return Type.String({ description, x: { kind: 'text', refersTo } satisfies Marks })
}

/** One of a few words. */
export function word<const W extends string>(
  description: string,
  words: readonly W[],
  supported?: readonly W[]
): TUnsafe<W> {
  return Type.Unsafe<W>({ type: 'string', description, enum: words, x: supported ? { supported } : {} })
}

export function flag(description: string, supported?: readonly boolean[]) {
  return Type.Boolean({ description, x: supported ? { supported } : {} })
}

export function whole(description: string, minimum: number, maximum: number, supported?: readonly number[]) {
  return Type.Integer({ description, minimum, maximum, x: supported ? { supported } : {} })
}

export function either<T extends TSchema[]>(description: string, ...alternatives: [...T]) {
  return Type.Union(alternatives, { description })
}

/** Any value at all: what rules see as `dyn`. */
export function anything(description: string): TUnsafe<unknown> {
  return Type.Unsafe<unknown>({ description })
}

/** The word `none`: drop what farther levels said of this policy. */
export function orNone<T extends TSchema>(description: string, schema: T) {
  return Type.Union([schema, Type.Literal('none')], { description })
}

/** `schema`, listed once under $defs of the JSON Schema. */
export function define<T extends TSchema>(name: string, schema: T): T {
  const shape = schema as Shape
  shape.x = { ...shape.x, def: name }
  return schema
}

/** Keys under which `file` is a setting and not an inclusion. */
export function ownFileKeys(root: Shape): ReadonlySet<string> {
  const keys = new Set<string>()
  const visit = (shape: Shape, key: string) => {
    if (shape.x?.ownFile) keys.add(key)
    for (const each of shape.anyOf ?? []) visit(each, key)
    if (shape.items) visit(shape.items, key)
    if (shape.additionalProperties) visit(shape.additionalProperties, key)
    for (const [name, value] of Object.entries(shape.properties ?? {})) visit(value, name)
  }
  visit(root, '')
  return keys
}

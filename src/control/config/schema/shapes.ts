/**
 * The few shapes the schema is made of. Each has a type of TypeBox's, so one definition gives the TypeScript type and
 * the JSON Schema. Only the types are TypeBox's: its 373 files take 100 ms to load, and every start would wait for them,
 * to make the objects that stand here. What JSON Schema cannot say stands in the keyword `x` (Marks), which the checker reads
 * and json-schema.ts turns into the nearest thing an editor understands.
 */
import type {
  Static,
  TArray,
  TBoolean,
  TInteger,
  TLiteral,
  TObject,
  TOptional,
  TProperties,
  TSchema,
  TString,
  TUnion,
  TUnsafe
} from 'typebox'
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

/** On what stands in a mapping's `properties` and not among its `required`. */
const OPTIONAL = Symbol('optional')

/** TypeBox's types say more than the objects hold: `~kind`, which only its own functions read. */
function typed<T extends TSchema>(shape: Shape): T {
  return shape as unknown as T
}

/** A mapping with exactly these keys. */
export function mapping<P extends TProperties>(description: string, properties: P, marks: Marks = {}): TObject<P> {
  const required = Object.keys(properties).filter((key) => !(OPTIONAL in (properties[key] ?? {})))
  return typed({
    type: 'object',
    ...(required.length > 0 && { required }),
    properties: properties as unknown as Record<string, Shape>,
    description,
    additionalProperties: false,
    x: marks
  })
}

/** The key may be left out. */
export function maybe<T extends TSchema>(schema: T): TOptional<T> {
  return { ...schema, [OPTIONAL]: true } as unknown as TOptional<T>
}

/** A mapping whose keys the owner chooses; empty ones are refused where `minProperties` is 1. */
export function mapOf<T extends TSchema>(
  description: string,
  value: T,
  keyKind: ScalarKind,
  minProperties = 0
): TUnsafe<Record<string, Static<T>>> {
  return typed({
    type: 'object',
    description,
    additionalProperties: value as Shape,
    minProperties,
    x: { keyKind }
  })
}

/** A list; empty ones are refused unless `minItems` says 0. */
export function listOf<T extends TSchema>(description: string, item: T, marks: Marks = {}, minItems = 1) {
  return typed<TArray<T>>({ type: 'array', items: item as Shape, description, minItems, x: marks })
}

/** One item, or a list of them. */
export function oneOrMore<T extends TSchema>(description: string, item: T): TUnion<[T, TArray<T>]> {
  const list: Shape = { type: 'array', items: item as Shape, minItems: 1, x: { uniqueBy: null } }
  return typed({ anyOf: [item as Shape, list], description })
}

export function text(description: string, kind: ScalarKind = 'text', marks: Marks = {}): TString {
  return typed({ type: 'string', description, x: { kind, ...marks } })
}

/** The name of something defined elsewhere in the configuration. */
export function nameOf(description: string, refersTo: NameKind): TString {
  return typed({ type: 'string', description, x: { kind: 'text', refersTo } })
}

/** One of a few words. */
export function word<const W extends string>(
  description: string,
  words: readonly W[],
  supported?: readonly W[]
): TUnsafe<W> {
  return typed({ type: 'string', description, enum: words, x: supported ? { supported } : {} })
}

export function flag(description: string, supported?: readonly boolean[]): TBoolean {
  return typed({ type: 'boolean', description, x: supported ? { supported } : {} })
}

export function whole(description: string, minimum: number, maximum: number, supported?: readonly number[]): TInteger {
  return typed({ type: 'integer', description, minimum, maximum, x: supported ? { supported } : {} })
}

export function either<T extends TSchema[]>(description: string, ...alternatives: [...T]): TUnion<T> {
  return typed({ anyOf: alternatives as Shape[], description })
}

/** Any value at all: what rules see as `dyn`. */
export function anything(description: string): TUnsafe<unknown> {
  return typed({ description })
}

/** Any value at all, whose type is known otherwise. */
export function valueOf<T>(description: string): TUnsafe<T> {
  return typed({ description })
}

/** This very value. */
export function exactly<const V extends string | number | boolean>(value: V, description?: string): TLiteral<V> {
  const type = typeof value as 'string' | 'number' | 'boolean'
  return typed({ type, const: value, ...(description !== undefined && { description }) })
}

/** The word `none`: drop what farther levels said of this policy. */
export function orNone<T extends TSchema>(description: string, schema: T): TUnion<[T, TLiteral<'none'>]> {
  return either(description, schema, exactly('none'))
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

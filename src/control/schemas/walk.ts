/**
 * A JSON Schema looked through before it is compiled, so that what is wrong with it has a place: keywords nobody
 * knows, patterns and formats that can't be used, and where its references lead.
 */
import { nearest } from '../config/nearest.ts'
import { FORMATS } from '../../policy/validation/formats.ts'
import { compilePattern } from '../../policy/pattern.ts'
import type { Path } from '../config/result.ts'

export interface Fault {
  /** Steps from the document's root. */
  at: Path
  message: string
}

export interface Reference {
  at: Path
  /** As written. */
  text: string
  /** Resolved, without its fragment. */
  uri: string
  /** Without `#`, still encoded. */
  fragment: string
}

export interface Walked {
  faults: Fault[]
  references: Reference[]
  /** URIs that `$id`s inside give. */
  ids: string[]
}

const SINGLE = [
  'additionalProperties',
  'unevaluatedProperties',
  'propertyNames',
  'contains',
  'not',
  'if',
  'then',
  'else',
  'items',
  'unevaluatedItems',
  'contentSchema'
]
const LISTS = ['allOf', 'anyOf', 'oneOf', 'prefixItems']
const MAPS = ['properties', 'patternProperties', 'dependentSchemas', '$defs', 'definitions']
const OTHERS = `
  $schema $id $ref $anchor $dynamicRef $dynamicAnchor $comment $vocabulary
  type enum const multipleOf maximum exclusiveMaximum minimum exclusiveMinimum maxLength minLength pattern
  maxItems minItems uniqueItems maxContains minContains maxProperties minProperties required dependentRequired
  format title description default deprecated readOnly writeOnly examples contentEncoding contentMediaType
`
  .trim()
  .split(/\s+/)
const KEYWORDS = [...SINGLE, ...LISTS, ...MAPS, ...OTHERS]
/** What OpenAPI adds to a schema; none of it decides whether a value fits. */
const OPENAPI_KEYWORDS = ['nullable', 'discriminator', 'xml', 'externalDocs', 'example']
const DRAFT = /^https:\/\/json-schema\.org\/draft\/2020-12\/schema#?$/

/**
 * Looks through the schema `root`, which stands at `at` of its document and whose references resolve against `base`.
 *
 * @param openapi the schema stands in an OpenAPI document
 */
export function walkSchema(root: unknown, base: string, at: Path, openapi: boolean): Walked {
  const walked: Walked = { faults: [], references: [], ids: [] }
  const known = openapi ? [...KEYWORDS, ...OPENAPI_KEYWORDS] : KEYWORDS
  const visit = (value: unknown, around: string, path: Path): void => {
    if (typeof value === 'boolean') return
    if (!isMapping(value)) {
      walked.faults.push({ at: path, message: 'expected a schema: a mapping, true or false' })
      return
    }
    const own = checkOwn(value, around, path, openapi, walked)
    for (const key of Object.keys(value)) {
      const child = value[key]
      if (SINGLE.includes(key)) visit(child, own, [...path, key])
      else if (LISTS.includes(key)) {
        if (Array.isArray(child)) child.forEach((each, i) => visit(each, own, [...path, key, i]))
      } else if (MAPS.includes(key)) {
        if (isMapping(child)) for (const name of Object.keys(child)) visit(child[name], own, [...path, key, name])
      } else if (!known.includes(key) && !key.startsWith('x-')) {
        const near = nearest(key, known)
        const hint =
          near === null ? '; annotations of your own start with x-' : `; did you mean ${JSON.stringify(near)}?`
        walked.faults.push({ at: [...path, key], message: `unknown keyword ${JSON.stringify(key)}${hint}` })
      }
    }
  }
  visit(root, base, at)
  return walked
}

/** What a schema says itself; gives the URI its own references resolve against. */
function checkOwn(schema: Mapping, around: string, at: Path, openapi: boolean, walked: Walked): string {
  const fault = (key: string, message: string): void => void walked.faults.push({ at: [...at, key], message })
  const { $schema, $id, pattern, format, patternProperties } = schema
  if ($schema !== undefined && !(typeof $schema === 'string' && DRAFT.test($schema)))
    fault('$schema', 'only draft 2020-12 is understood: https://json-schema.org/draft/2020-12/schema')
  let base = around
  if (typeof $id === 'string') {
    base = resolved($id, around) ?? around
    walked.ids.push(withoutFragment(base))
  }
  for (const key of ['$ref', '$dynamicRef']) {
    const text = schema[key]
    if (typeof text !== 'string') continue
    const uri = resolved(text, base)
    if (uri === null) fault(key, `${JSON.stringify(text)} is no reference`)
    else walked.references.push({ at: [...at, key], text, uri: withoutFragment(uri), fragment: fragmentOf(uri) })
  }
  if (typeof pattern === 'string') checkPattern(pattern, (message) => fault('pattern', message))
  if (isMapping(patternProperties))
    for (const each of Object.keys(patternProperties))
      checkPattern(each, (message) => walked.faults.push({ at: [...at, 'patternProperties', each], message }))
  // OpenAPI has formats of everybody's own; those that nobody knows here say nothing.
  if (typeof format === 'string' && !Object.hasOwn(FORMATS, format) && !openapi) {
    const near = nearest(format, Object.keys(FORMATS))
    fault('format', `unknown format ${JSON.stringify(format)}${near === null ? '' : `; did you mean ${near}?`}`)
  }
  return base
}

function checkPattern(source: string, fault: (message: string) => void): void {
  const compiled = compilePattern(source)
  if (!compiled.ok) fault(compiled.message)
}

export type Mapping = Readonly<Record<string, unknown>>

export function isMapping(value: unknown): value is Mapping {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

export function resolved(reference: string, base: string): string | null {
  return URL.canParse(reference, base) ? new URL(reference, base).href : null
}

export function withoutFragment(uri: string): string {
  const hash = uri.indexOf('#')
  return hash < 0 ? uri : uri.slice(0, hash)
}

function fragmentOf(uri: string): string {
  const hash = uri.indexOf('#')
  return hash < 0 ? '' : uri.slice(hash + 1)
}

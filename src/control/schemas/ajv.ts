/**
 * JSON Schemas to JavaScript, ahead of any request: the only importer of ajv. Nothing here runs a schema on a client's
 * value; the workers do, with the text that comes out (policy/validation/validator.ts).
 */
import { createRequire } from 'node:module'
import type { Ajv2020 } from 'ajv/dist/2020.js'
import { FORMATS } from '../../policy/validation/formats.ts'
import { compilePattern } from '../../policy/pattern.ts'

const require = createRequire(import.meta.url)
/** Loaded when the first schema is there: its 87 files take 55 ms, for which every start would wait. */
const load = () => ({
  ...(require('ajv') as typeof import('ajv')),
  ...(require('ajv/dist/2020.js') as typeof import('ajv/dist/2020.js')),
  standalone: require('ajv/dist/standalone/index.js') as (
    ajv: Ajv2020,
    refs: Readonly<Record<string, string>>
  ) => string
})
let loaded: ReturnType<typeof load> | null = null
const library = () => (loaded ??= load())

/** A schema by the URI that references resolve against. */
export type SchemaSet = ReadonlyMap<string, unknown>

export interface SchemaFault {
  /** JSON Pointer into the schema, '' where it isn't known. */
  pointer: string
  message: string
}

/** Only compiled here; in a worker the same name is provided. */
const engine = Object.assign(
  (source: string) => {
    const compiled = compilePattern(source)
    // ajv knows one pattern from another by its text.
    return { test: (text: string) => compiled.ok && compiled.pattern.test(text), toString: () => source }
  },
  { code: 'require("pattern")' }
)

/**
 * Compiles the schemas that `exports` names (export name to URI with fragment) out of `set`, with all they refer to.
 * A string: why it can't be done.
 */
export function compileSchemas(set: SchemaSet, exports: Readonly<Record<string, string>>): { source: string } | string {
  try {
    const ajv = fresh()
    for (const [uri, schema] of set) ajv.addSchema(schema as object, uri)
    for (const uri of Object.values(exports)) {
      if (ajv.getSchema(uri) === undefined) return `nothing stands at ${uri}`
    }
    return { source: counted(library().standalone(ajv, exports)) }
  } catch (error) {
    return error instanceof Error ? error.message : String(error)
  }
}

/** Head of each function of ajv's. In a string of a schema its quotes would be escaped. */
const FUNCTION =
  /function validate\d+\(data, \{instancePath="", parentData, parentDataProperty, rootData=data(?:, dynamicAnchors=\{\})?\}=\{\}\)\{/g

/**
 * Has each function of a compiled text count its calls (validator.ts): what a schema refers to is one of its own as soon as it
 * refers to something itself. Throws when there is none to be found: ajv would write them otherwise than it did.
 */
function counted(source: string): string {
  if (source.search(FUNCTION) < 0) throw new Error('the compiled schema has no function that is known')
  return source.replace('"use strict";', '"use strict";const step = require("step");').replace(FUNCTION, '$&step();')
}

function fresh(): Ajv2020 {
  const { _, Ajv2020 } = library()
  return new Ajv2020({
    // Keywords, formats and patterns are checked with their place before (walk.ts).
    strict: false,
    logger: false,
    // `required: [constructor]` is not met by what every object inherits.
    ownProperties: true,
    // 19.99 is a multiple of 0.01, whatever the last binary digit says.
    multipleOfPrecision: 10,
    validateSchema: false,
    formats: FORMATS,
    code: { source: true, regExp: engine, formats: _`require("formats")` }
  })
}

let meta: Ajv2020 | null = null

/** Whether `schema` is one by the meta-schema of draft 2020-12; what isn't, with its place. */
export function checkAgainstMeta(schema: unknown): SchemaFault[] {
  meta ??= new (library().Ajv2020)({ strict: false, logger: false, allErrors: true })
  const valid = meta.validateSchema(schema as object)
  if (valid === true) return []
  const faults = new Map<string, SchemaFault>()
  for (const { instancePath, message, keyword } of meta.errors ?? []) {
    // `$dynamicRef` and `anyOf` only say that something below them is wrong.
    if (keyword === '$ref' || keyword === '$dynamicRef') continue
    if (!faults.has(instancePath))
      faults.set(instancePath, { pointer: instancePath, message: message ?? 'is not valid' })
  }
  return [...faults.values()]
}

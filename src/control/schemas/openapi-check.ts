/** Whether a document is OpenAPI 3.0 or 3.1: the only importer of @seriousme/openapi-schema-validator. */
import { createRequire } from 'node:module'
import type { SchemaFault } from './ajv.ts'
import { isMapping } from './walk.ts'

export type OpenApiVersion = '3.0' | '3.1'

interface CheckError {
  instancePath: string
  message?: string
  keyword: string
}
type Check = ((document: unknown) => boolean) & { errors?: CheckError[] | null }

type Library = typeof import('@seriousme/openapi-schema-validator')
const require = createRequire(import.meta.url)
let validator: InstanceType<Library['Validator']> | null = null

/** `3.0` or `3.1`; null: neither. */
export function openApiVersion(document: unknown): OpenApiVersion | null {
  const said = isMapping(document) ? document['openapi'] : undefined
  if (typeof said !== 'string') return null
  return said.startsWith('3.0.') ? '3.0' : said.startsWith('3.1.') ? '3.1' : null
}

/** Where the document is not what its version's own schema asks for; the deepest places first, at most 10. */
export function checkOpenApi(document: unknown, version: OpenApiVersion): SchemaFault[] {
  validator ??= newValidator()
  // Synchronous, unlike `validate`, which could also fetch: nothing is fetched here.
  const check = (validator as unknown as { getAjvValidator(version: string): Check }).getAjvValidator(version)
  if (check(document)) return []
  return (check.errors ?? [])
    .filter(({ keyword }) => keyword !== 'if' && keyword !== '$ref' && keyword !== 'oneOf')
    .toSorted((a, b) => b.instancePath.length - a.instancePath.length)
    .slice(0, 10)
    .map(({ instancePath, message }) => ({ pointer: instancePath, message: message ?? 'is not valid' }))
}

/** Loaded when the first document is there, like ajv, which it brings: every start would wait for it. */
function newValidator(): InstanceType<Library['Validator']> {
  // The compiler (7.0) drops the parentheses of `new (x as T).C()`, which then calls C.
  const { Validator } = require('@seriousme/openapi-schema-validator') as Library
  return new Validator()
}

/** `validate.openapi`: a document whose operations requests must be, compiled to one text with all its schemas. */
import { collect, fragmentOf, pointerText, stepsOf } from '../schemas/collect.ts'
import { compileSchemas } from '../schemas/ajv.ts'
import { checkOpenApi, openApiVersion, type OpenApiVersion } from '../schemas/openapi-check.ts'
import { asJsonSchema } from '../schemas/openapi-dialect.ts'
import {
  OperationFinder,
  type FoundOperation,
  type FoundParameter,
  type Located
} from '../schemas/openapi-operations.ts'
import { typeOf } from '../schemas/parameter-types.ts'
import type { SchemaDocument } from '../schemas/files.ts'
import { isMapping } from '../schemas/walk.ts'
import type { OpenApiPlan, OperationPlan, ParameterPlan } from '../../plan/validation.ts'
import type { Documents } from './documents.ts'
import type { Path, Report } from './report.ts'
import { HIDDEN_FILE, type Schemas } from './schemas.ts'

const PLACES = ['path', 'query', 'header', 'cookie'] as const

export class OpenApiDocuments {
  readonly plans: OpenApiPlan[] = []
  readonly #schemas: Schemas
  readonly #documents: Documents
  readonly #report: Report
  /** Position in `plans` by file; null: unusable, and reported. */
  readonly #known = new Map<string, number | null>()

  constructor(schemas: Schemas, documents: Documents, report: Report) {
    this.#schemas = schemas
    this.#documents = documents
    this.#report = report
  }

  /** Position in `plans` of the document in the file that `written` names; null: it can't be used, which is reported. */
  of(written: string, path: Path): number | null {
    if (this.#report.isPlaceholder(path)) return null
    const file = this.#documents.resolve(written, path)
    let known = this.#known.get(file)
    if (known === undefined) {
      const plan = this.#compile(file, path)
      known = plan === null ? null : this.plans.push(plan) - 1
      this.#known.set(file, known)
    }
    return known
  }

  #compile(file: string, path: Path): OpenApiPlan | null {
    const faults: string[] = []
    const document = this.#schemas.files.open(file)
    const plan =
      typeof document === 'string'
        ? (faults.push(this.#report.quoting(path, document, HIDDEN_FILE)), null)
        : this.#read(document, faults)
    for (const fault of faults) this.#report.error(path, fault)
    return faults.length > 0 ? null : plan
  }

  #read(document: SchemaDocument, faults: string[]): OpenApiPlan | null {
    const version = openApiVersion(document.value)
    if (version === null) {
      faults.push(`${document.where([])}: expected an OpenAPI document of version 3.0 or 3.1`)
      return null
    }
    for (const { pointer, message } of checkOpenApi(document.value, version)) {
      const at = stepsOf(pointer) ?? []
      faults.push(`${document.where(at)} ${pointerText(at)}: ${message}`)
    }
    if (faults.length > 0) return null
    const finder = new OperationFinder(this.#schemas.files, ({ document: from, at }, message) =>
      faults.push(`${from.where(at)} ${pointerText(at)}: ${message}`)
    )
    const found = finder.operations(document)
    const set = this.#schemasOf(found, version, faults)
    if (faults.length > 0) return null
    const exports: Record<string, string> = {}
    const operations = found.map((operation, i) => operationPlan(operation, i, set, exports, faults))
    if (faults.length > 0) return null
    const compiled = Object.keys(exports).length === 0 ? { source: '' } : compileSchemas(set, exports)
    if (typeof compiled === 'string') {
      faults.push(`${document.where([])}: ${compiled}`)
      return null
    }
    return { module: this.#schemas.add(compiled.source), bases: basesOf(document.value), operations }
  }

  /** Every document that the operations' schemas stand in or lead to, in the terms of JSON Schema. */
  #schemasOf(found: readonly FoundOperation[], version: OpenApiVersion, faults: string[]): Map<string, unknown> {
    const starts = new Map<string, { document: SchemaDocument; at: Path[] }>()
    const start = (located: Located | null): void => {
      if (located === null) return
      const { document, at } = located
      const known = starts.get(document.uri)
      if (known) known.at.push(at)
      else starts.set(document.uri, { document, at: [at] })
    }
    for (const { parameters, body } of found) {
      for (const { schema } of parameters) start(schema)
      for (const { schema } of body?.content ?? []) start(schema)
    }
    const set = new Map<string, unknown>()
    for (const { document, at } of starts.values()) {
      const dialect = (one: SchemaDocument): SchemaDocument => ({ ...one, value: asJsonSchema(one.value, version) })
      const collection = collect(dialect(document), at, this.#schemas.files, true)
      for (const fault of collection.faults) if (!faults.includes(fault)) faults.push(fault)
      for (const [uri, value] of collection.set) set.set(uri, asJsonSchema(value, version))
    }
    return set
  }
}

/** Path prefixes that `servers` name; '' always. */
function basesOf(document: unknown): string[] {
  const servers = isMapping(document) && Array.isArray(document['servers']) ? document['servers'] : []
  const bases = new Set([''])
  for (const server of servers as unknown[]) {
    const url = isMapping(server) ? server['url'] : undefined
    if (typeof url !== 'string' || url.includes('{') || !URL.canParse(url, 'http://server')) continue
    bases.add(new URL(url, 'http://server').pathname.replace(/\/$/, ''))
  }
  return [...bases]
}

function operationPlan(
  operation: FoundOperation,
  index: number,
  set: Map<string, unknown>,
  exports: Record<string, string>,
  faults: string[]
): OperationPlan {
  const { method, path, at, parameters, body } = operation
  const where = at.document.where(at.at)
  const segments = path.split('/').slice(1)
  for (const segment of segments)
    if (/[{}]/.test(segment) && !/^\{[^{}]+\}$/.test(segment))
      faults.push(`${where}: the path segment ${segment} mixes text and a parameter, which is not supported yet`)
  let check: string | null = null
  if (parameters.length > 0) {
    check = `parameters${index}`
    const uri = `gatehouse:${check}`
    set.set(uri, parametersSchema(parameters))
    exports[check] = uri
  }
  const content: Record<string, string | null> = {}
  for (const [j, { type, schema }] of (body?.content ?? []).entries()) {
    content[type] = null
    // Other media types are let through as they are: only JSON is read here.
    if (schema === null || !isJson(type)) continue
    const name = `body${index}_${j}`
    content[type] = name
    exports[name] = uriOf(schema)
  }
  return {
    method,
    segments,
    parameters: parameters.map((parameter) => parameterPlan(parameter, set)),
    check,
    body: body === null ? null : { required: body.required, content },
    where
  }
}

function parameterPlan({ name, in: place, schema, explode }: FoundParameter, set: Map<string, unknown>): ParameterPlan {
  const type =
    schema === null
      ? { list: false, number: false, boolean: false }
      : typeOf(set, { $ref: uriOf(schema) }, schema.document.uri)
  return { name: place === 'header' ? name.toLowerCase() : name, in: place, type, explode }
}

/** One schema over all parameters of an operation, by place and name. */
function parametersSchema(parameters: readonly FoundParameter[]): Record<string, unknown> {
  const places: Record<string, unknown> = {}
  for (const place of PLACES) {
    const own = parameters.filter((parameter) => parameter.in === place)
    const name = (parameter: FoundParameter): string =>
      place === 'header' ? parameter.name.toLowerCase() : parameter.name
    places[place] = {
      properties: Object.fromEntries(
        own.map((parameter) => [name(parameter), parameter.schema === null ? true : { $ref: uriOf(parameter.schema) }])
      ),
      required: own.filter(({ required }) => required).map(name)
    }
  }
  return { properties: places }
}

function uriOf({ document, at }: Located): string {
  return `${document.uri}#${fragmentOf(at)}`
}

function isJson(type: string): boolean {
  const name = type.split(';')[0]?.trim() ?? ''
  return name === 'application/json' || name.endsWith('+json') || name === '*/*' || name === 'application/*'
}

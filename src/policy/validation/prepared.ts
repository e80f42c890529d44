import type { JsonBounds } from '../../json.ts'
import type { OpenApiPlan, ParametersPlan, SchemaPlan, ValidatePlan } from '../../plan/validation.ts'
import type { InvalidPart, ProblemCode } from '../../problems.ts'
import type { RequestView } from '../../request.ts'
import { judgeBody } from '../body.ts'
import { judgeJsonType, reasonOf, type ContentFault } from './content.ts'
import {
  findOperation,
  judgeOperationBody,
  judgeParameters as judgeOperationParameters,
  prepareOpenApi,
  type PreparedOpenApi
} from './openapi.ts'
import { pathValues, queryValues, type Parameters } from './parameters.ts'
import { escapePointer, loadValidators, type Validator } from './validator.ts'

/** What a policy finds wrong with a request: for the caller the code and the places, for the owner the rest. */
export interface ValidateFault {
  readonly code: ProblemCode
  readonly reason: string
  readonly where: string
  readonly invalid: readonly InvalidPart[]
  /** Header fields the status calls for, flat name, value pairs. */
  readonly headers?: readonly string[]
}

/** A schema's text and its name there, so that another thread can run it too. */
export interface PreparedSchema {
  readonly check: Validator
  readonly source: string
  readonly name: string
  readonly where: string
}

/** `validate` of one route, enforced or in shadow, prepared once per generation. */
export interface PreparedValidation {
  readonly plan: ValidatePlan
  readonly where: string
  readonly query: Validator | null
  readonly path: Validator | null
  readonly pathNames: readonly string[]
  readonly openapi: { readonly document: PreparedOpenApi; readonly source: string; readonly where: string } | null
  /** Asked of every body of the route; an operation of `openapi` may ask besides. */
  readonly content: PreparedContent | null
}

/** What a head is told. */
export interface HeadVerdict {
  readonly fault: ValidateFault | null
  /** What of the body's content is still to be judged, one after the other. */
  readonly contents: readonly PreparedContent[]
}

/** What is asked of what a body holds. */
export interface PreparedContent {
  readonly bounds: JsonBounds
  readonly schema: PreparedSchema | null
  readonly where: string
}

/** The compiled schemas and documents of one generation, each made functions once. */
export class SchemaModules {
  readonly #sources: readonly string[]
  readonly #documents: readonly OpenApiPlan[]
  readonly #openapi: (PreparedOpenApi | undefined)[] = []
  readonly #loaded: (ReadonlyMap<string, Validator> | undefined)[] = []

  constructor(sources: readonly string[], documents: readonly OpenApiPlan[]) {
    this.#sources = sources
    this.#documents = documents
  }

  get size(): number {
    return this.#sources.length
  }

  /** Throws when the text can't be made functions: a fault of the compiler, which checked it. */
  load(module: number): ReadonlyMap<string, Validator> {
    return (this.#loaded[module] ??= loadValidators(this.#sources[module] ?? ''))
  }

  schema({ module, name, where }: SchemaPlan): PreparedSchema {
    const check = this.load(module).get(name)
    if (check === undefined) throw new Error(`the compiled schema ${module} has no ${name}`)
    return { check, source: this.#sources[module] ?? '', name, where }
  }

  openapi(document: number, where: string): NonNullable<PreparedValidation['openapi']> {
    const plan = this.#documents[document]
    if (plan === undefined) throw new Error(`the plan has no OpenAPI document ${document}`)
    const { module } = plan
    const prepared = (this.#openapi[document] ??= prepareOpenApi(
      plan,
      (name) => this.schema({ module, name, where }).check
    ))
    return { document: prepared, source: this.#sources[module] ?? '', where }
  }
}

/** @param pathNames the route's `{x}` */
export function prepareValidation(
  plan: ValidatePlan,
  pathNames: readonly string[],
  modules: SchemaModules
): PreparedValidation {
  const where = plan.where ?? ''
  return {
    plan,
    where,
    query: plan.query === undefined ? null : modules.schema(plan.query).check,
    path: plan.path === undefined ? null : modules.schema(plan.path).check,
    pathNames,
    openapi: plan.openapi === undefined ? null : modules.openapi(plan.openapi.document, plan.openapi.where),
    content:
      plan.json === undefined || (plan.openapi !== undefined && plan.body === undefined)
        ? null
        : {
            bounds: plan.json,
            schema: plan.body === undefined ? null : modules.schema(plan.body),
            where: plan.body?.where ?? where
          }
  }
}

/**
 * As far as the head tells.
 *
 * @param forwarded encoded path as the service gets it: what an OpenAPI document speaks of
 */
export function judgeHead(prepared: PreparedValidation, view: RequestView, forwarded: string): HeadVerdict {
  const fault = judgeOwn(prepared, view)
  if (fault !== null) return { fault, contents: NO_CONTENT }
  const { content, openapi, plan } = prepared
  if (openapi === null) return content === null ? NOTHING : { fault: null, contents: [content] }
  const { document, where, source } = openapi
  const operation = findOperation(document, view.method, forwarded)
  if (operation.found === null) return refused(unknownOperation(operation.allow, where))
  const parameters = judgeOperationParameters(operation.found, operation.values, view)
  if (parameters !== null) return refused({ ...parameters, where })
  const demand = judgeOperationBody(operation.found, view)
  if ('fault' in demand) return refused({ ...demand.fault, where })
  const contents = content === null ? [] : [content]
  const { schema } = demand
  if (schema !== null) {
    const reason = judgeJsonType(view)
    if (reason !== null) return refused({ code: 'wrong-type', reason, where, invalid: NOWHERE })
    contents.push({ bounds: plan.json ?? UNBOUND, schema: { ...schema, source, where }, where })
  }
  return { fault: null, contents }
}

const NO_CONTENT: readonly PreparedContent[] = Object.freeze([])
const NOTHING: HeadVerdict = Object.freeze({ fault: null, contents: NO_CONTENT })
/** A plan that reads bodies has bounds. */
const UNBOUND: JsonBounds = { depth: 64, keys: Infinity, items: Infinity }

function refused(fault: ValidateFault): HeadVerdict {
  return { fault, contents: NO_CONTENT }
}

function unknownOperation(allow: readonly string[] | null, where: string): ValidateFault {
  if (allow === null)
    return { code: 'no-route', reason: 'a path that the document does not know', where, invalid: NOWHERE }
  const reason = 'a method that the document does not know on this path'
  return { code: 'wrong-method', reason, where, invalid: NOWHERE, headers: ['allow', allow.join(', ')] }
}

/** What `validate` itself says, without its OpenAPI document. */
function judgeOwn(prepared: PreparedValidation, view: RequestView): ValidateFault | null {
  const { plan, where, content } = prepared
  const body = judgeBody(plan, view)
  if (body !== null) return { ...body, where, invalid: NOWHERE }
  const { query, path } = plan
  if (path !== undefined && prepared.path !== null) {
    const fault = judgeParameters('path', pathValues(view, prepared.pathNames, path), prepared.path, path)
    if (fault !== null) return fault
  }
  if (query !== undefined && prepared.query !== null) {
    const fault = judgeParameters('query', queryValues(view.query, query.types), prepared.query, query)
    if (fault !== null) return fault
  }
  if (content === null || view.size === 0) return content === null ? null : judgeAbsence(content, view)
  const reason = judgeJsonType(view)
  return reason === null ? null : { code: 'wrong-type', reason, where: content.where, invalid: NOWHERE }
}

const NOWHERE: readonly InvalidPart[] = Object.freeze([])
const WHOLE_BODY: readonly InvalidPart[] = Object.freeze([{ in: 'body', pointer: '' }])

/** Methods whose meaning is in their body (RFC 9110 section 9.3, RFC 5789): with a schema they may not lack it. */
function judgeAbsence({ schema, where }: PreparedContent, { method }: RequestView): ValidateFault | null {
  if (schema === null || (method !== 'POST' && method !== 'PUT' && method !== 'PATCH')) return null
  return { code: 'invalid', reason: 'a body is missing', where, invalid: WHOLE_BODY }
}

function judgeParameters(
  place: 'query' | 'path',
  parameters: Parameters,
  check: Validator,
  { where }: ParametersPlan
): ValidateFault | null {
  if ('fault' in parameters) {
    const { fault, name } = parameters
    const pointer = name === null ? '' : `/${escapePointer(name)}`
    return { code: 'invalid', reason: `the ${place} ${fault}`, where, invalid: [{ in: place, pointer }] }
  }
  const violations = check(parameters.values)
  if (violations.length === 0) return null
  const invalid = violations.map(({ pointer }) => ({ in: place, pointer }))
  return { code: 'invalid', reason: `the ${place} ${reasonOf(violations)}`, where, invalid }
}

/** What another part said of the body's content, as this policy's fault. */
export function contentFault({ code, reason, violations }: ContentFault, { where }: PreparedContent): ValidateFault {
  if (code === 'malformed') return { code, reason, where, invalid: NOWHERE }
  return { code, reason, where, invalid: violations.map(({ pointer }) => ({ in: 'body', pointer })) }
}

import type { OpenApiPlan, OperationPlan, ParameterPlan } from '../../plan/validation.ts'
import type { InvalidPart, ProblemCode } from '../../problems.ts'
import type { RequestView } from '../../request.ts'
import { mediaType } from '../body.ts'
import { cookieValue } from '../cookie.ts'
import { decodePercent } from '../../percent.ts'
import { MALFORMED, parameterLists } from '../query.ts'
import { reasonOf } from './content.ts'
import { valueOf } from './parameters.ts'
import type { Validator } from './validator.ts'

/** One operation of a document, with its schemas made functions. */
export interface PreparedOperation {
  readonly plan: OperationPlan
  readonly check: Validator | null
  /** By media type or range, lower-case; null: anything. */
  readonly content: ReadonlyMap<string, { readonly check: Validator; readonly name: string } | null>
}

/** The document's paths as a tree of segments, so that a request costs its own length and no more. */
export interface PreparedOpenApi {
  readonly plan: OpenApiPlan
  readonly root: PathNode
}

interface PathNode {
  readonly literals: Map<string, PathNode>
  parameter: PathNode | null
  /** By method. */
  readonly operations: Map<string, PreparedOperation>
}

/** What a request is to a document. */
export type Operation =
  | { readonly found: PreparedOperation; readonly values: readonly string[] }
  | { readonly found: null; readonly allow: readonly string[] | null }

/** @param load the validators of the document's compiled text, by name */
export function prepareOpenApi(plan: OpenApiPlan, load: (name: string) => Validator): PreparedOpenApi {
  const root = emptyNode()
  for (const operation of plan.operations) {
    let node = root
    for (const segment of operation.segments) node = step(node, segment)
    node.operations.set(operation.method, {
      plan: operation,
      check: operation.check === null ? null : load(operation.check),
      content: new Map(
        Object.entries(operation.body?.content ?? {}).map(([type, name]) => [
          type,
          name === null ? null : { check: load(name), name }
        ])
      )
    })
  }
  return { plan, root }
}

function emptyNode(): PathNode {
  return { literals: new Map(), parameter: null, operations: new Map() }
}

function step(node: PathNode, segment: string): PathNode {
  if (segment.startsWith('{')) return (node.parameter ??= emptyNode())
  let next = node.literals.get(segment)
  if (next === undefined) node.literals.set(segment, (next = emptyNode()))
  return next
}

/** The operation that `method` on `path` (encoded, as the service gets it) is. A literal segment goes before `{x}`. */
export function findOperation({ plan, root }: PreparedOpenApi, method: string, path: string): Operation {
  let allow: readonly string[] | null = null
  for (const base of plan.bases) {
    if (!path.startsWith(base)) continue
    const rest = path.slice(base.length)
    if (rest !== '' && !rest.startsWith('/')) continue
    const segments = (rest.length > 1 && rest.endsWith('/') ? rest.slice(0, -1) : rest).split('/').slice(1)
    const values: string[] = []
    const node = descend(root, segments, 0, values)
    if (node === null) continue
    const found = node.operations.get(method) ?? (method === 'HEAD' ? node.operations.get('GET') : undefined)
    if (found !== undefined) return { found, values }
    allow = [...node.operations.keys()]
  }
  return { found: null, allow }
}

/** At most two ways at each segment and as many segments as a document has: bounded by the document. */
function descend(node: PathNode, segments: readonly string[], at: number, values: string[]): PathNode | null {
  const segment = segments[at]
  if (segment === undefined) return node.operations.size > 0 ? node : null
  const literal = node.literals.get(segment)
  const found = literal === undefined ? null : descend(literal, segments, at + 1, values)
  if (found !== null || node.parameter === null || segment === '') return found
  values.push(segment)
  const other = descend(node.parameter, segments, at + 1, values)
  if (other === null) values.pop()
  return other
}

export interface OperationFault {
  readonly code: ProblemCode
  readonly reason: string
  readonly invalid: readonly InvalidPart[]
}

/** Parameters of an operation: there where they must be, and of their schemas. */
export function judgeParameters(
  { plan, check }: PreparedOperation,
  values: readonly string[],
  view: RequestView
): OperationFault | null {
  if (check === null) return null
  const query = parameterLists(view.query)
  if (query === MALFORMED) return invalid('query', '', 'has broken percent-encoding')
  const all = { path: empty(), query: empty(), header: empty(), cookie: empty() }
  for (const parameter of plan.parameters) {
    const { name, in: place, type } = parameter
    const texts = textsOf(parameter, plan, values, query, view)
    if (texts === undefined) continue
    if (texts === null) return invalid(place, `/${name}`, 'is not UTF-8')
    if (type.list) all[place][name] = texts.map((text) => valueOf(text, type))
    else if (texts.length > 1) return invalid(place, `/${name}`, 'stands twice')
    else all[place][name] = valueOf(texts[0] ?? '', type)
  }
  const violations = check(all)
  if (violations.length === 0) return null
  return {
    code: 'invalid',
    reason: `a parameter ${reasonOf(violations)}`,
    invalid: violations.map(({ pointer }) => {
      const slash = pointer.indexOf('/', 1)
      const place = slash < 0 ? pointer.slice(1) : pointer.slice(1, slash)
      return { in: place as InvalidPart['in'], pointer: slash < 0 ? '' : pointer.slice(slash) }
    })
  }
}

/** Values of one parameter; undefined: it isn't there; null: it can't be read. */
function textsOf(
  { name, in: place, type, explode }: ParameterPlan,
  plan: OperationPlan,
  values: readonly string[],
  query: ReadonlyMap<string, string[]>,
  view: RequestView
): readonly string[] | undefined | null {
  let texts: readonly string[] | undefined
  if (place === 'query') texts = query.get(name)
  else if (place === 'header') texts = one(view.headers.joined(name))
  else if (place === 'cookie') texts = one(cookieIn(view, name))
  else {
    const encoded = values[plan.segments.filter((segment) => segment.startsWith('{')).indexOf(`{${name}}`)]
    const text = encoded === undefined ? undefined : decodePercent(encoded)
    if (encoded !== undefined && text === undefined) return null
    texts = one(text)
  }
  if (texts === undefined || !type.list || (explode && place === 'query')) return texts
  // OpenAPI, "Style Values": without explode, and always in `simple`, a list is one text with commas.
  return texts.length > 1 ? texts : (texts[0] ?? '').split(',').map((text) => text.trim())
}

function one(text: string | undefined): readonly string[] | undefined {
  return text === undefined ? undefined : [text]
}

function cookieIn(view: RequestView, name: string): string | undefined {
  const header = view.headers.joined('cookie')
  return header === undefined ? undefined : cookieValue(header, name)
}

/** What an operation asks of a body; a string is the name of the schema's function. */
export type BodyDemand =
  | { readonly fault: OperationFault }
  | { readonly schema: { readonly check: Validator; readonly name: string } | null }

/** As far as the head tells. */
export function judgeOperationBody({ plan, content }: PreparedOperation, view: RequestView): BodyDemand {
  const { body } = plan
  if (view.size === 0) {
    if (body?.required === true) return { fault: invalid('body', '', 'is missing') }
    return NOTHING
  }
  if (body === null) return { fault: wrongType('a body where the operation takes none') }
  const value = view.headers.get('content-type')
  if (value === undefined || view.headers.count('content-type') > 1)
    return { fault: wrongType(value === undefined ? 'a body without a content-type' : 'more than one content-type') }
  const type = mediaType(value)
  if (type === null) return { fault: wrongType('a content-type that is no media type') }
  for (const key of [type, `${type.slice(0, type.indexOf('/'))}/*`, '*/*']) {
    const schema = content.get(key)
    if (schema === undefined) continue
    // Under a range only what is JSON is read.
    return schema === null || !isJson(type) ? NOTHING : { schema }
  }
  return { fault: wrongType(`content-type ${type} is none of the operation's`) }
}

const NOTHING: BodyDemand = Object.freeze({ schema: null })

function isJson(type: string): boolean {
  return type === 'application/json' || type.endsWith('+json')
}

function wrongType(reason: string): OperationFault {
  return { code: 'wrong-type', reason, invalid: [] }
}

function invalid(place: InvalidPart['in'], pointer: string, reason: string): OperationFault {
  return { code: 'invalid', reason: `the ${place} ${pointer} ${reason}`, invalid: [{ in: place, pointer }] }
}

/** Without a prototype: a document names the members, and a client fills them. */
function empty(): Record<string, unknown> {
  return Object.create(null) as Record<string, unknown>
}

import type { JsonBounds } from '../json.ts'
import type { Mode, Where } from './policy.ts'

export interface ValidatePlan {
  /** Bytes; the default is 10 MiB. */
  maxSize: number
  /** Lower-case media types without parameters; null: any. Asked only of requests with a body. */
  contentTypes: string[] | null
  /** Bounds of JSON bodies. Present whenever something is asked of what a body holds: then it is held and read. */
  json?: JsonBounds
  /** Of a JSON body. */
  body?: SchemaPlan
  query?: ParametersPlan
  /** Of what the route's `{x}` took. */
  path?: ParametersPlan
  /** Position in PlanHead.openapi. */
  openapi?: { document: number; where: Where }
  mode: Mode
  where: Where | null
}

/** One compiled schema. */
export interface SchemaPlan {
  /** Position in PlanHead.schemas, and the export there. */
  module: number
  name: string
  where: Where
}

/** Requests that an OpenAPI document knows. */
export interface OpenApiPlan {
  /** Position in PlanHead.schemas. */
  module: number
  /** Prefixes that may stand before its paths; '' among them. */
  bases: string[]
  operations: OperationPlan[]
}

export interface OperationPlan {
  /** Upper-case. */
  method: string
  /** Of its path; `{x}` stands for any one. */
  segments: string[]
  parameters: ParameterPlan[]
  /** Export that judges all parameters, by place and name; null: there are none. */
  check: string | null
  /** null: it has none. `content`: by media type, lower-case, ranges too, the export that judges it; null: any. */
  body: { required: boolean; content: Record<string, string | null> } | null
  where: Where
}

export interface ParameterPlan {
  name: string
  in: 'path' | 'query' | 'header' | 'cookie'
  type: ParameterType
  /** A list is sent one by one, and not in one text with commas. */
  explode: boolean
}

/** A schema of an object of parameters, which are texts on the wire. */
export interface ParametersPlan extends SchemaPlan {
  /** Those that are something else to the schema. */
  types: Record<string, ParameterType>
}

/** What a parameter's text may stand for besides itself; in a list, each of its items. */
export interface ParameterType {
  list: boolean
  number: boolean
  boolean: boolean
}

import type { ParametersPlan, ParameterType } from '../../plan/validation.ts'
import type { RequestView } from '../../request.ts'
import { decodePercent } from '../../percent.ts'
import { MALFORMED, parameterLists } from '../query.ts'

/** An object of parameters as a schema sees it, or why there is none. */
export type Parameters =
  | { readonly values: Readonly<Record<string, unknown>> }
  | { readonly fault: string; readonly name: string | null }

/** Without a prototype: a client names the members. */
function empty(): Record<string, unknown> {
  return Object.create(null) as Record<string, unknown>
}

/** The query's parameters. One sent twice must be a list to its schema: which of two counts is anyone's guess. */
export function queryValues(query: string, types: Readonly<Record<string, ParameterType>>): Parameters {
  const values = empty()
  if (query === '') return { values }
  const lists = parameterLists(query)
  if (lists === MALFORMED) return { fault: 'has broken percent-encoding', name: null }
  for (const [name, texts] of lists) {
    const type = typeOf(types, name)
    if (type.list) values[name] = texts.map((text) => valueOf(text, type))
    else if (texts.length > 1) return { fault: 'has a parameter twice', name }
    else values[name] = valueOf(texts[0] ?? '', type)
  }
  return { values }
}

/** What the route's `names` took of the path. */
export function pathValues(view: RequestView, names: readonly string[], { types }: ParametersPlan): Parameters {
  const values = empty()
  for (const name of names) {
    const encoded = view.pathParam(name)
    if (encoded === undefined) continue
    const text = decodePercent(encoded)
    if (text === undefined) return { fault: 'is not UTF-8', name }
    values[name] = valueOf(text, typeOf(types, name))
  }
  return { values }
}

const TEXT: ParameterType = { list: false, number: false, boolean: false }

function typeOf(types: Readonly<Record<string, ParameterType>>, name: string): ParameterType {
  return (Object.hasOwn(types, name) ? types[name] : undefined) ?? TEXT
}

/** A text that can't be what the schema wants stays one, and the schema says so. */
export function valueOf(text: string, type: ParameterType): unknown {
  if (type.number && isNumber(text)) return Number(text)
  if (type.boolean && (text === 'true' || text === 'false')) return text === 'true'
  return text
}

/** As JSON writes numbers: `0x10`, `+1`, ` 1` and `1_000` are something else to somebody. */
const NUMBER = /^-?(?:0|[1-9][0-9]{0,30})(?:\.[0-9]{1,30})?(?:[eE][+-]?[0-9]{1,3})?$/

function isNumber(text: string): boolean {
  return text.length <= 64 && NUMBER.test(text)
}

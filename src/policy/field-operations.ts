import type { HeaderOperations } from '../plan/headers.ts'
import type { RequestView } from '../request.ts'
import { isToken } from './encoding.ts'
import { isClientChosen, type PreparedTemplate, prepareTemplate, render } from './template.ts'

/**
 * `headers.request` and `headers.response`: remove, rename, set, default, append, in that order, on a flat list of
 * name, value pairs with lower-case names.
 */
export interface PreparedOperations {
  /** Nothing to do, as on most routes. */
  readonly empty: boolean
  /** Reads nothing of the request: the same fields come out of the same fields. */
  readonly constant: boolean
  readonly remove: readonly string[]
  readonly rename: readonly { readonly from: string; readonly to: string }[]
  readonly set: readonly PreparedField[]
  readonly default: readonly PreparedField[]
  readonly append: readonly PreparedField[]
}

interface PreparedField {
  readonly name: string
  readonly value: PreparedTemplate
}

/** What operations must leave alone. */
export interface OperationLimits {
  /** Fields that say how a message is framed or where it goes: theirs is one writer. */
  readonly fixed: ReadonlySet<string>
  /** Fields that receivers trust: a client's value must not get there by a rename or a template. */
  readonly trusted: ReadonlySet<string>
}

/**
 * What is wrong with `operations`, or null. Every name it complains of stands in the text.
 */
export function operationsProblem(operations: HeaderOperations, limits: OperationLimits): string | null {
  const written = [...operations.set, ...operations.default, ...operations.append]
  const names = [
    ...operations.remove,
    ...operations.rename.flatMap(({ from, to }) => [from, to]),
    ...written.map(({ name }) => name)
  ]
  for (const name of names) {
    if (!isToken(name)) return `"${name}" is no header name`
    if (limits.fixed.has(asRead(name))) return `${name} can’t be changed: it belongs to the connection or the body`
  }
  for (const { from, to } of operations.rename) {
    if (limits.trusted.has(asRead(to)))
      return `${from} can’t be renamed to ${to}: a client would choose what services trust`
  }
  for (const { name, value } of written) {
    if (limits.trusted.has(asRead(name)) && isClientChosen(value)) {
      return `${name} can’t hold what a client chooses: services trust it`
    }
  }
  return null
}

/** CGI and WSGI read `x_consumer` and `X-Consumer` as one name. */
function asRead(name: string): string {
  return name.replaceAll('_', '-')
}

/** Throws on what operationsProblem names. */
export function prepareOperations(operations: HeaderOperations, limits: OperationLimits): PreparedOperations {
  const problem = operationsProblem(operations, limits)
  if (problem !== null) throw new Error(problem)
  const fields = (list: HeaderOperations['set']) =>
    list.map(({ name, value }) => ({
      name,
      value: prepareTemplate(value, name === 'location' ? 'component' : 'header')
    }))
  const { remove, rename } = operations
  const prepared = {
    remove,
    rename,
    set: fields(operations.set),
    default: fields(operations.default),
    append: fields(operations.append)
  }
  const written = [...prepared.set, ...prepared.default, ...prepared.append]
  return {
    ...prepared,
    empty: Object.values(prepared).every((list) => list.length === 0),
    constant: written.every(({ value }) => value.values.length === 0)
  }
}

/** Changes `fields` in place. A value that comes out empty sets nothing: the field is then absent, whoever sent it. */
export function applyOperations(operations: PreparedOperations, view: RequestView, fields: string[]): void {
  if (operations.empty) return
  for (let i = 0; i < operations.remove.length; i++) removeField(fields, operations.remove[i] ?? '')
  for (let i = 0; i < operations.rename.length; i++) {
    const { from, to } = operations.rename[i] ?? { from: '', to: '' }
    if (from === to || !hasField(fields, from)) continue
    // The old bearer of the name goes first, or a client could send both and have its own come along.
    removeField(fields, to)
    for (let at = 0; at < fields.length; at += 2) if (fields[at] === from) fields[at] = to
  }
  for (let i = 0; i < operations.set.length; i++) {
    const field = operations.set[i]
    if (field === undefined) continue
    removeField(fields, field.name)
    addField(fields, field, view)
  }
  for (let i = 0; i < operations.default.length; i++) {
    const field = operations.default[i]
    if (field !== undefined && !hasField(fields, field.name)) addField(fields, field, view)
  }
  for (let i = 0; i < operations.append.length; i++) {
    const field = operations.append[i]
    if (field !== undefined) addField(fields, field, view)
  }
}

function addField(fields: string[], { name, value }: PreparedField, view: RequestView): void {
  const text = render(value, view)
  if (text !== '') fields.push(name, text)
}

function hasField(fields: readonly string[], name: string): boolean {
  for (let i = 0; i < fields.length; i += 2) if (fields[i] === name) return true
  return false
}

/** Takes every field `name` (lower-case) out of a flat list. */
function removeField(fields: string[], name: string): void {
  let kept = 0
  for (let i = 0; i < fields.length; i += 2) {
    if (fields[i] === name) continue
    if (kept !== i) {
      fields[kept] = fields[i] ?? ''
      fields[kept + 1] = fields[i + 1] ?? ''
    }
    kept += 2
  }
  fields.length = kept
}

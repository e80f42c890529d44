/** A schema with everything it refers to, over however many files, looked through and ready to be compiled. */
import type { Path } from '../config/result.ts'
import type { SchemaDocument, SchemaFiles } from './files.ts'
import { isMapping, type Reference, walkSchema } from './walk.ts'

export interface Collection {
  /** Documents by URI. */
  set: Map<string, unknown>
  /** `file:line:col /pointer: what is wrong`. */
  faults: string[]
}

/** Known to the compiler by itself. */
const META = 'https://json-schema.org/draft/2020-12/'

/** Starts at the places `starts` of `root`; `openapi` as in walkSchema. References may go in circles. */
export function collect(
  root: SchemaDocument,
  starts: readonly Path[],
  files: SchemaFiles,
  openapi: boolean
): Collection {
  const set = new Map<string, unknown>()
  const faults = new Set<string>()
  const ids = new Set<string>()
  const seen = new Set<string>()
  const unknown: { document: SchemaDocument; reference: Reference }[] = []
  const queue = starts.map((at) => ({ document: root, at }))
  const fault = (document: SchemaDocument, at: Path, message: string): void => {
    faults.add(`${document.where(at)} ${pointerText(at)}: ${message}`)
  }
  const follow = (document: SchemaDocument, reference: Reference): void => {
    const { at, text, uri, fragment } = reference
    if (uri.startsWith(META) || ids.has(uri)) return
    if (uri !== document.uri && !uri.startsWith('file:')) return void unknown.push({ document, reference })
    const target = uri === document.uri ? document : files.follow(uri)
    if (typeof target === 'string') return fault(document, at, `${JSON.stringify(text)} can't be followed: ${target}`)
    const steps = stepsOf(fragment)
    // An anchor: whoever compiles finds it, somewhere in that document.
    if (steps === null) return void queue.push({ document: target, at: target === document ? at.slice(0, 0) : [] })
    if (valueAt(target.value, steps) === undefined)
      return fault(document, at, `${JSON.stringify(text)} leads to nothing: there is no ${pointerText(steps)}`)
    queue.push({ document: target, at: steps })
  }
  for (let next = queue.pop(); next !== undefined; next = queue.pop()) {
    const { document, at } = next
    const place = `${document.uri}#${pointerText(at)}`
    if (seen.has(place)) continue
    seen.add(place)
    set.set(document.uri, document.value)
    const walked = walkSchema(valueAt(document.value, at), document.uri, at, openapi)
    for (const each of walked.faults) fault(document, each.at, each.message)
    for (const id of walked.ids) ids.add(id)
    for (const reference of walked.references) follow(document, reference)
  }
  for (const { document, reference } of unknown) {
    if (ids.has(reference.uri)) continue
    fault(
      document,
      reference.at,
      `${JSON.stringify(reference.text)} can't be followed: only files are read, nothing is fetched`
    )
  }
  return { set, faults: [...faults] }
}

export function valueAt(root: unknown, at: Path): unknown {
  let value = root
  for (const step of at) {
    if (Array.isArray(value)) value = value[Number(step)] as unknown
    else if (isMapping(value) && Object.hasOwn(value, String(step))) value = value[String(step)]
    else return undefined
  }
  return value
}

/** Steps of a fragment that is a JSON Pointer (RFC 6901, section 6); null: it is an anchor. */
export function stepsOf(fragment: string): string[] | null {
  if (fragment === '') return []
  if (!fragment.startsWith('/')) return null
  let text: string
  try {
    text = decodeURIComponent(fragment)
  } catch {
    return null
  }
  return text
    .slice(1)
    .split('/')
    .map((step) => step.replaceAll('~1', '/').replaceAll('~0', '~'))
}

/** Never empty, so that it reads as one. */
export function pointerText(at: Path): string {
  return at.length === 0
    ? '/'
    : at.map((step) => `/${String(step).replaceAll('~', '~0').replaceAll('/', '~1')}`).join('')
}

/** As the fragment of a URI. */
export function fragmentOf(at: Path): string {
  return at.map((step) => `/${encodeURIComponent(String(step).replaceAll('~', '~0').replaceAll('/', '~1'))}`).join('')
}

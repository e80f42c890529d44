/** What an OpenAPI document says of requests, as far as it is enforced: operations, parameters, bodies. */
import type { Path } from '../config/result.ts'
import { stepsOf, valueAt } from './collect.ts'
import type { SchemaDocument, SchemaFiles } from './files.ts'
import { isMapping, type Mapping, resolved, withoutFragment } from './walk.ts'

export const METHODS = ['get', 'put', 'post', 'delete', 'options', 'head', 'patch', 'trace'] as const

/** A part of a document, whichever file a reference led to. */
export interface Located {
  document: SchemaDocument
  at: Path
  value: Mapping
}

export interface FoundParameter {
  name: string
  in: 'path' | 'query' | 'header' | 'cookie'
  required: boolean
  /** Where its schema is; null: any text. */
  schema: Located | null
  explode: boolean
}

export interface FoundOperation {
  /** Upper-case. */
  method: string
  /** As written: `/orders/{id}`. */
  path: string
  at: Located
  parameters: FoundParameter[]
  body: { required: boolean; content: { type: string; schema: Located | null }[] } | null
}

export type Tell = (where: Located, message: string) => void

/** References that are followed one after the other. */
const MAX_STEPS = 32

export class OperationFinder {
  readonly #files: SchemaFiles
  readonly #tell: Tell

  constructor(files: SchemaFiles, tell: Tell) {
    this.#files = files
    this.#tell = tell
  }

  operations(document: SchemaDocument): FoundOperation[] {
    const found: FoundOperation[] = []
    const paths = child({ document, at: [], value: document.value as Mapping }, 'paths')
    for (const path of Object.keys(paths?.value ?? {})) {
      const item = paths && this.#follow(child(paths, path))
      if (!item) continue
      for (const method of METHODS) {
        const at = this.#follow(child(item, method))
        if (at) found.push(this.#operation(method.toUpperCase(), path, item, at))
      }
    }
    return found
  }

  #operation(method: string, path: string, item: Located, at: Located): FoundOperation {
    const parameters = new Map<string, FoundParameter>()
    // The operation's own replace those of its path of the same name and place.
    for (const holder of [item, at])
      for (const each of children(holder, 'parameters')) {
        const parameter = this.#parameter(this.#follow(each))
        if (parameter) parameters.set(`${parameter.in} ${parameter.name}`, parameter)
      }
    return {
      method,
      path,
      at,
      parameters: [...parameters.values()],
      body: this.#body(this.#follow(child(at, 'requestBody')))
    }
  }

  #parameter(found: Located | null): FoundParameter | null {
    if (found === null) return null
    const { name, in: place, required } = found.value
    if (typeof name !== 'string' || (place !== 'path' && place !== 'query' && place !== 'header' && place !== 'cookie'))
      return null
    // OpenAPI, Parameter Object: these three are described elsewhere and ignored here.
    if (place === 'header' && ['accept', 'content-type', 'authorization'].includes(name.toLowerCase())) return null
    if (found.value['content'] !== undefined) {
      this.#tell(found, `the parameter ${name} has a content, which is not supported yet`)
      return null
    }
    const usual = place === 'query' || place === 'cookie' ? 'form' : 'simple'
    const style = typeof found.value['style'] === 'string' ? found.value['style'] : usual
    if (style !== usual) this.#tell(found, `the parameter ${name} has the style ${style}, which is not supported yet`)
    const explode = found.value['explode'] ?? style === 'form'
    const schema = child(found, 'schema')
    return { name, in: place, required: required === true, schema, explode: explode === true }
  }

  #body(found: Located | null): FoundOperation['body'] {
    if (found === null) return null
    const content = child(found, 'content')
    const types = Object.keys(content?.value ?? {}).map((type) => {
      const media = content && child(content, type)
      return { type: type.toLowerCase(), schema: media ? child(media, 'schema') : null }
    })
    return { required: found.value['required'] === true, content: types }
  }

  /** What a Reference Object stands for. */
  #follow(found: Located | null): Located | null {
    let at = found
    for (let steps = 0; at !== null && typeof at.value['$ref'] === 'string'; steps++) {
      const text = at.value['$ref']
      const uri = resolved(text, at.document.uri)
      const pointer = uri === null ? null : stepsOf(uri.includes('#') ? uri.slice(uri.indexOf('#') + 1) : '')
      const document: SchemaDocument | string =
        uri === null
          ? 'it is no reference'
          : withoutFragment(uri) === at.document.uri
            ? at.document
            : this.#files.follow(withoutFragment(uri))
      const value = typeof document === 'string' || pointer === null ? undefined : valueAt(document.value, pointer)
      if (typeof document === 'string' || pointer === null || !isMapping(value) || steps === MAX_STEPS) {
        const why = typeof document === 'string' ? document : 'it leads to nothing'
        this.#tell(at, `${JSON.stringify(text)} can't be followed: ${why}`)
        return null
      }
      at = { document, at: pointer, value }
    }
    return at
  }
}

function child(of: Located, key: string): Located | null {
  const value = Object.hasOwn(of.value, key) ? of.value[key] : undefined
  // A schema may be `true`: then it asks for nothing.
  return isMapping(value) ? { document: of.document, at: [...of.at, key], value } : null
}

function children(of: Located, key: string): Located[] {
  const list = of.value[key]
  if (!Array.isArray(list)) return []
  return list.flatMap((value: unknown, i) =>
    isMapping(value) ? [{ document: of.document, at: [...of.at, key, i], value }] : []
  )
}

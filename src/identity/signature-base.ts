/** What a message signature is over (RFC 9421 section 2.5): the covered components of a request, one a line. */
import type { HeaderList } from '../headers.ts'
import { paramsText, type InnerList, type Item } from './structured-fields.ts'

/** The request as its client sent it: before any of it was normalised. */
export interface SignedRequest {
  readonly method: string
  readonly scheme: 'http' | 'https'
  /** `Host` as received, with its port. */
  readonly authority: string
  readonly rawPath: string
  /** Raw, without `?`. */
  readonly query: string
  readonly headers: HeaderList
}

/** The base, or null: a component that the request lacks, that comes twice, or that is not taken here. */
export function signatureBase(input: InnerList, request: SignedRequest): string | null {
  let base = ''
  const names = new Set<string>()
  // Read once: a head may cover some hundred of its parameters, and who sends it has proved nothing yet.
  let parameters: QueryParameters | null = null
  for (const component of input.items) {
    const name = component.text + paramsText(component.params)
    if (names.has(name)) return null
    names.add(name)
    const value =
      component.value === '@query-param'
        ? queryParameter(component, (parameters ??= queryParameters(request.query)))
        : componentValue(component, request)
    if (value === null) return null
    base += `${name}: ${value}\n`
  }
  return `${base}"@signature-params": ${inputText(input)}`
}

function inputText({ items, params }: InnerList): string {
  const list = items.map((item) => item.text + paramsText(item.params)).join(' ')
  return `(${list})${paramsText(params)}`
}

function componentValue(component: Item, request: SignedRequest): string | null {
  const { value: name, params, type } = component
  if (type !== 'string' || typeof name !== 'string') return null
  // `sf`, `key`, `bs`, `tr` and `req` would ask for another reading of a field than services have.
  if (params.size > 0) return null
  if (!name.startsWith('@')) {
    // RFC 9421 section 2.1: in lower case.
    return name === name.toLowerCase() ? (request.headers.joined(name)?.trim() ?? null) : null
  }
  const { method, scheme, rawPath, query } = request
  const target = query === '' ? rawPath : `${rawPath}?${query}`
  switch (name) {
    case '@method':
      return method
    case '@scheme':
      return scheme
    case '@authority':
      return authorityOf(request)
    case '@path':
      return rawPath
    case '@query':
      return `?${query}`
    case '@request-target':
      return target
    case '@target-uri':
      return `${scheme}://${authorityOf(request)}${target}`
    default:
      return null
  }
}

/** RFC 9421 section 2.2.3: lower-case, without the scheme's own port. */
function authorityOf({ authority, scheme }: SignedRequest): string {
  const lower = authority.toLowerCase()
  const port = scheme === 'https' ? ':443' : ':80'
  return lower.endsWith(port) ? lower.slice(0, -port.length) : lower
}

/** Values by name, both encoded anew; null: the parameter comes twice. */
type QueryParameters = ReadonlyMap<string, string | null>

/** RFC 9421 section 2.2.8: as forms are read; a parameter sent twice can't be signed. */
function queryParameters(query: string): QueryParameters {
  const parameters = new Map<string, string | null>()
  for (const [key, value] of new URLSearchParams(query)) {
    const name = encode(key)
    parameters.set(name, parameters.has(name) ? null : encode(value))
  }
  return parameters
}

function queryParameter({ type, params }: Item, parameters: QueryParameters): string | null {
  const name = params.get('name')?.value
  if (type !== 'string' || typeof name !== 'string' || params.size !== 1) return null
  return parameters.get(name) ?? null
}

/** Percent-encoding of everything but unreserved characters (application/x-www-form-urlencoded with %20 for a space). */
function encode(text: string): string {
  return encodeURIComponent(text).replaceAll(/[!'()]/g, (c) => `%${c.charCodeAt(0).toString(16).toUpperCase()}`)
}

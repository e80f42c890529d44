import type { KeyPart } from '../plan/values.ts'
import type { RequestView } from '../request.ts'
import { cookieValue } from './cookie.ts'
import { decodePercent } from '../percent.ts'
import { MALFORMED, queryParameter, TWICE } from './query.ts'

/** Reads one value of a request, decoded; undefined: absent. */
export type Lookup = (view: RequestView) => string | undefined

/**
 * Prepares one of `by`'s words. What can't be read for sure (a parameter sent twice, broken encoding, a claim that
 * is no single value) is absent.
 */
export function prepareLookup(part: KeyPart): Lookup {
  switch (part.kind) {
    case 'caller':
      return callerText
    case 'ip':
      return (view) => view.clientIp
    case 'consumer':
      return (view) => orAbsent(view.caller.consumer)
    case 'credential':
      return (view) => orAbsent(view.caller.credential)
    case 'route':
      return (view) => view.routeName
    case 'service':
      return (view) => view.serviceName
    case 'host':
      return (view) => view.host
    case 'path':
      return (view) => samePath(view.path)
    case 'all':
      return () => ''
    default:
      return prepareNamed(part.kind, part.name)
  }
}

function prepareNamed(kind: Extract<KeyPart, { name: string }>['kind'], name: string): Lookup {
  switch (kind) {
    case 'header':
      return (view) => view.headers.joined(name)
    case 'cookie':
      return (view) => {
        const header = view.headers.joined('cookie')
        return header === undefined ? undefined : cookieValue(header, name)
      }
    case 'query':
      return (view) => {
        const value = queryParameter(view.query, name)
        return value === TWICE || value === MALFORMED ? undefined : value
      }
    case 'path-name':
      return (view) => {
        const value = view.pathParam(name)
        return value === undefined ? undefined : (decodePercent(value) ?? value)
      }
    case 'host-name':
      return (view) => view.hostParam(name)
    case 'claim': {
      const steps = name.startsWith('/') ? pointerSteps(name) : [name]
      return (view) => scalar(follow(view.caller.claims, steps))
    }
    case 'attribute':
      return (view) => scalar(follow(view.caller.attributes, [name]))
  }
}

/** The consumer, else issuer and subject, else the address. */
function callerText(view: RequestView): string {
  const { consumer, issuer, subject } = view.caller
  if (consumer !== '') return consumer
  return subject === '' ? view.clientIp : `${issuer}:${subject}`
}

function orAbsent(text: string): string | undefined {
  return text === '' ? undefined : text
}

/**
 * One spelling for paths that are routed alike: without a final `/`, and decoded. Otherwise `/login`, `/login/` and
 * `/login%2C…` would each have a limit of their own.
 */
function samePath(path: string): string {
  const end = path.length > 1 && path.endsWith('/') ? path.length - 1 : path.length
  const cut = end === path.length ? path : path.slice(0, end)
  return decodePercent(cut) ?? cut
}

/** RFC 6901: `/a~1b/c` is the member `c` of `a/b`. */
function pointerSteps(pointer: string): string[] {
  return pointer
    .slice(1)
    .split('/')
    .map((step) => step.replaceAll('~1', '/').replaceAll('~0', '~'))
}

function follow(root: Readonly<Record<string, unknown>>, steps: readonly string[]): unknown {
  let value: unknown = root
  for (let i = 0; i < steps.length; i++) {
    const step = steps[i]
    if (typeof value !== 'object' || value === null || step === undefined || !Object.hasOwn(value, step)) {
      return undefined
    }
    value = (value as Readonly<Record<string, unknown>>)[step]
  }
  return value
}

function scalar(value: unknown): string | undefined {
  if (typeof value === 'string') return value
  if (typeof value === 'number' || typeof value === 'boolean') return String(value)
  return undefined
}
